"""Requests to the Compute Engine API.

Google's own client library for it takes seconds of CPU time and a hundred megabytes to import, in every task that
launches nodes; the nine methods needed here are called over plain HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.transport.requests import AuthorizedSession

_GOOGLES = "compute.googleapis.com"


class Compute:
    """One project of Compute Engine; errors are those of google.api_core, as Google's clients raise them.

    :param endpoint: address of the API; empty means Google's, and without a scheme it is https.
    :param credentials: makes credentials of Google's client libraries.
    :param answer_timeout: seconds for one response.
    """

    def __init__(
        self, endpoint: str, project: str, credentials: Callable[[], Any], answer_timeout: float
    ) -> None:
        address = endpoint or _GOOGLES
        if "://" not in address:
            address = f"https://{address}"
        self._base = f"{address}/compute/v1/projects/{project}"
        self._credentials = credentials
        self._answer_timeout = answer_timeout

    def read(self, retry: Retry, verb: str, path: str, **query: str) -> dict[str, Any]:
        """Send a request that changes nothing, with retries, and return its response."""
        answer: dict[str, Any] = retry(self.ask)(verb, path, None, **query)
        return answer

    def pages(self, retry: Retry, verb: str, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Return the items of every page of a list."""
        token = ""
        while True:
            page = self.read(retry, verb, path, **query, **({"pageToken": token} if token else {}))
            yield page
            token = page.get("nextPageToken", "")
            if not token:
                return

    def ask(self, verb: str, path: str, body: dict[str, Any] | None, **query: str) -> dict[str, Any]:
        """Send a request once and return its response.

        :param path: below the project's path.
        """
        from google.api_core.exceptions import from_http_response

        response = self._session.request(  # type: ignore[no-untyped-call]
            verb, f"{self._base}/{path}", params=query, json=body, timeout=self._answer_timeout
        )
        if response.status_code >= 300:
            raise from_http_response(response)  # type: ignore[no-untyped-call]
        answer: dict[str, Any] = response.json()
        return answer

    @cached_property
    def _session(self) -> AuthorizedSession:
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self._credentials())  # type: ignore[no-untyped-call]
