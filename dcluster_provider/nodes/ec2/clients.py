"""EC2's clients, one for reads and one for launches in each region, and the errors of their calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import CredentialsRefused, DClusterError
from dcluster_provider.nodes.ec2.refusals import refusal

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


class Ec2Clients:
    """How EC2 is reached with one connection's credentials; may be used by several threads.

    :param conn_id: of the connection that credentials come from.
    :param make: from it, a region and whether each request is made once only, to a client.
    :param decode: from the connection, a region and an encoded message of AWS to JSON, or nothing when that is not
        allowed.
    """

    def __init__(
        self,
        conn_id: str,
        make: Callable[[str, str, bool], Any],
        decode: Callable[[str, str, str], str] | None = None,
    ) -> None:
        self._conn_id = conn_id
        self._make = make
        self._decode = decode
        self._clients: dict[tuple[str, bool], EC2Client] = {}
        self._lock = Lock()

    def client(self, region: str) -> EC2Client:
        """For everything that may be asked again: it slows down where EC2 throttles.

        :param region: empty means the one of the connection that credentials come from.
        """
        return self._client(region, once=False)

    def launching_client(self, region: str) -> EC2Client:
        """For launches: a refusal for want of capacity would otherwise be asked again, since it is a server error."""
        return self._client(region, once=True)

    @contextmanager
    def asking(self, region: str) -> Iterator[None]:
        """Turn what botocore raises inside into errors of ours.

        :raises CloudUnavailable: it could not be asked just now.
        :raises CredentialsRefused: the credentials are not accepted (any more); the clients are made anew.
        :raises PlatformRefused: it is not allowed, or wrong.
        """
        try:
            yield
        except DClusterError:
            raise
        except Exception as error:
            # Where it is missing, the client's maker has said so.
            from botocore.exceptions import BotoCoreError, ClientError

            if not isinstance(error, (BotoCoreError, ClientError)):
                raise
            told = refusal(error, self._conn_id, region, lambda text: self._decoded(region, text))
            if isinstance(told, CredentialsRefused):
                with self._lock:
                    self._clients.clear()
            raise told from error

    def _decoded(self, region: str, text: str) -> str:
        return self._decode(self._conn_id, region, text) if self._decode else ""

    def _client(self, region: str, *, once: bool) -> EC2Client:
        with self._lock:
            if (region, once) not in self._clients:
                self._clients[region, once] = self._make(self._conn_id, region, once)
            return self._clients[region, once]
