"""Requests to a Kubernetes API server, over the client of the kubernetes provider's connection."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused, ApiUnavailable, refusal_of

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from urllib3.response import BaseHTTPResponse

_LOG = logging.getLogger(__name__)

FIELD_MANAGER = "dcluster-provider"
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_RETRY_SECONDS = 60.0  # an API server that restarts or throttles is asked again for as long
_ROLES_SECONDS = 10.0  # in which an API server that has started has read its roles
_JSON, _APPLY, _MERGE = "application/json", "application/apply-patch+yaml", "application/merge-patch+json"

Json = dict[str, Any]


class KubernetesApi:
    """One API server, with somebody's credentials.

    Every request may be repeated: what an API server that restarts, throttles or fails for a moment does not answer
    is asked again for a minute.

    :param make_client: makes the client, when it is needed first.
    """

    def __init__(self, make_client: Callable[[], ApiClient]) -> None:
        self._make_client = make_client
        self._made: ApiClient | None = None
        self._making = threading.Lock()
        self._forbids_since: float | None = None  # monotonic time since when even /readyz is forbidden

    def connect(self) -> None:
        """Make the client, unless it is made.

        :raises PlatformRefused: there is none to be had; so does every other method then.
        """
        _ = self._client

    def reconnect(self) -> None:
        """Make another client when one is needed next, with the credentials of that time."""
        with self._making:
            self._made = None

    @property
    def _client(self) -> ApiClient:
        with self._making:
            if self._made is None:
                self._made = self._make_client()
            return self._made

    @property
    def host(self) -> str:
        """The API server's address."""
        return str(self._client.configuration.host)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """An object or a list.

        :raises ApiRefused: there is none (404), or it may not be read.
        """
        return self._patiently("GET", path, query=query)

    def find(self, path: str) -> Json | None:
        """An object; none when there is none."""
        try:
            return self.get(path)
        except ApiRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    def list(self, path: str, query: Mapping[str, str] | None = None) -> tuple[list[Json], str]:
        """Every item of a list, read in pages, and the list's resource version."""
        items: list[Json] = []
        for page in self.pages(path, query):
            items += page.get("items") or []
            version = page["metadata"]["resourceVersion"]
        return items, version

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Json]:
        """A list, one page of it after the other.

        :raises ApiRefused: the list got too old (410) before its last page was asked for; begin anew.
        """
        asked = dict(query or {}, limit="500")
        while True:
            page = self.get(path, asked)
            yield page
            following = page["metadata"].get("continue")
            if not following:
                return
            asked["continue"] = following

    def create(self, path: str, body: Json, query: Mapping[str, str] | None = None) -> Json:
        """Make an object.

        :param path: of the collection.
        :raises ApiRefused: it exists (409), is invalid (422), or may not be made (403).
        """
        wanted = {"fieldManager": FIELD_MANAGER, **(query or {})}
        return self._patiently("POST", path, body=body, query=wanted)

    def ensure(self, path: str, body: Json) -> Json:
        """Make an object unless one of its name exists, and return the one that exists then."""
        try:
            return self.create(path, body)
        except ApiRefused as refusal:
            if refusal.status != 409 or refusal.reason != "AlreadyExists":
                raise
        return self.get(f"{path}/{body['metadata']['name']}")

    def apply(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Make an object, or give it these fields, by server-side apply.

        :param path: of the collection.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        name = body["metadata"]["name"]
        return self._patiently("PATCH", f"{path}/{name}", body=body, query=query, content_type=_APPLY)

    def merge(self, path: str, body: Json) -> Json:
        """Change some fields of an object.

        :raises ApiRefused: there is none (404).
        """
        query = {"fieldManager": FIELD_MANAGER}
        return self._patiently("PATCH", path, body=body, query=query, content_type=_MERGE)

    def delete(self, path: str, propagation: str = "Background", uid: str | None = None) -> bool:
        """Begin to delete an object.

        :param propagation: ``Foreground`` keeps the object until everything that it owns is gone.
        :param uid: delete this very object only, none of its name that was made after it.
        :returns: whether there was one.
        """
        body: Json = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            self._patiently("DELETE", path, body=body)
        except ApiRefused as refusal:
            if refusal.status in {404, 409}:
                return False
            raise
        return True

    def text(
        self, path: str, query: Mapping[str, str] | None = None, read_timeout: float = _READ_SECONDS
    ) -> str:
        """What is no JSON, a log for instance; asked once.

        :param read_timeout: seconds without a byte after which it is given up.
        """
        with self.stream("GET", path, query=query, read_timeout=read_timeout) as response:
            return bytes(response.read()).decode(errors="replace")

    def tail(self, path: str, query: Mapping[str, str], most: int, read_timeout: float) -> str:
        """The end of what is no JSON, whatever its lines are like; asked once.

        :param most: bytes to keep of it.
        :param read_timeout: seconds without a byte after which it is given up.
        """
        kept = bytearray()
        with self.stream("GET", path, query=query, read_timeout=read_timeout) as response:
            for part in response.stream(65536, decode_content=True):
                kept += part
                if len(kept) > 2 * most:
                    del kept[:-most]
        return kept[-most:].decode(errors="replace")

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
        read_timeout: float = _READ_SECONDS,
    ) -> Iterator[BaseHTTPResponse]:
        """One request, asked once, whose answer is read as it comes.

        :param read_timeout: seconds without a byte after which it is given up.
        :raises ApiRefused: the API server refused it.
        :raises ApiUnavailable: it did not answer.
        :raises CredentialsRefused: it no longer knows who asks.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        sent: dict[str, str] = {"Accept": _JSON, **self._client.default_headers, **(headers or {})}
        asked: list[tuple[str, str]] = list((query or {}).items())
        self._client.update_params_for_auth(sent, asked, ["BearerToken"])
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                self.host + path + _encoded(asked),
                body=body,
                headers=sent,
                timeout=Timeout(connect=_CONNECT_SECONDS, read=read_timeout),
                preload_content=False,
                retries=False,
                redirect=False,
            )
        except (HTTPError, OSError) as error:
            raise ApiUnavailable(f"the Kubernetes API server {self.host} does not answer: {error}") from error
        try:
            if response.status >= 400:
                raise refusal_of(response)
            yield response
        except (HTTPError, OSError) as error:
            raise ApiUnavailable(f"the Kubernetes API server {self.host} broke off: {error}") from error
        finally:
            response.close()
            response.release_conn()

    def _patiently(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = _JSON,
    ) -> Json:
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay

        asking = Retrying(
            retry=retry_if_exception_type(ApiUnavailable),
            stop=stop_after_delay(_RETRY_SECONDS),
            wait=_pause,
            reraise=True,
        )
        return asking(self._once, method, path, body, query, content_type)

    def _once(
        self, method: str, path: str, body: Json | None, query: Mapping[str, str] | None, content_type: str
    ) -> Json:
        try:
            return self._ask(method, path, body, query, content_type)
        except ApiRefused as refusal:
            if refusal.status != 403:
                raise
            self._require_ready(refusal)
        return self._ask(method, path, body, query, content_type)

    def _ask(
        self, method: str, path: str, body: Json | None, query: Mapping[str, str] | None, content_type: str
    ) -> Json:
        headers = {"Content-Type": content_type}
        sent = None if body is None else json.dumps(body).encode()
        with self.stream(method, path, query=query, headers=headers, body=sent) as response:
            content = response.read()
        answer: Json = json.loads(content)
        return answer

    def _require_ready(self, refusal: ApiRefused) -> None:
        """Find out whether an API server that forbids something has read its roles yet.

        One that has just started forbids everything for a moment, and is not ready for as long.

        :raises ApiUnavailable: it is not ready, or forbids to be asked and has not had its time.
        """
        now = time.monotonic()
        try:
            with self.stream("GET", "/readyz") as response:
                response.read()
        except ApiRefused as unknown:
            if unknown.status != 403:
                self._forbids_since = None
                return
            self._forbids_since = self._forbids_since or now
            if now - self._forbids_since < _ROLES_SECONDS:
                raise ApiUnavailable(
                    f"the Kubernetes API server forbids even /readyz: {refusal}"
                ) from refusal
        else:
            self._forbids_since = None


def _pause(state: Any) -> float:
    """Seconds before the next try: what the API server asked for, else growing, and never the same for two clients."""
    from random import uniform

    error = state.outcome.exception()
    growing = min(4.0, 0.2 * 2.0 ** (int(state.attempt_number) - 1))
    asked = float(getattr(error, "retry_after", 0.0))
    return max(asked, growing) * uniform(0.75, 1.25)  # noqa: S311


def _encoded(query: list[tuple[str, str]]) -> str:
    from urllib.parse import urlencode

    return f"?{urlencode(query)}" if query else ""
