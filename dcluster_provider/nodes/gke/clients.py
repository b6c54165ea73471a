"""The clients of the GKE API and of the Compute Engine API, at Google's addresses or at private ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud import container_v1

_GOOGLES = "compute.googleapis.com"


def container_client(endpoint: str, credentials: Any) -> container_v1.ClusterManagerClient:
    """A client of the GKE API.

    :param endpoint: empty means Google's; with ``http://`` the connection is not encrypted.
    """
    from google.cloud import container_v1

    make = container_v1.ClusterManagerClient
    scheme, host = _scheme_and_host(endpoint)
    if not host:
        return make(credentials=credentials)
    transport = make.get_transport_class("grpc")
    if scheme == "http":
        import grpc

        return make(transport=transport(channel=grpc.insecure_channel(host)))
    return make(transport=transport(host=host, credentials=credentials))


def _scheme_and_host(endpoint: str) -> tuple[str, str]:
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    parts = urlsplit(endpoint)
    return parts.scheme, parts.netloc


class Compute:
    """One project of Compute Engine; errors are those of google.api_core, as Google's clients raise them.

    Google's own client library for it takes seconds of CPU time and a hundred megabytes to import, in every task that
    launches nodes; the nine methods needed here are called over plain HTTP.

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
