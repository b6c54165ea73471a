"""EC2's clients, one for reads and one for launches in each region, and the translation of their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import CredentialsRefused, DClusterError
from dcluster_provider.nodes.ec2.refusals import refusal

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


@dataclass(frozen=True)
class AwsClients:
    """What makes clients of AWS with the credentials of Airflow connections of type ``aws``.

    :param ec2: from the id of a connection, a region and whether each request is made once only (as launches are) to
        a boto3 client of EC2.
    :param decode: from the id of a connection, a region and an encoded message about a missing permission to JSON, or
        nothing when that is not allowed.
    """

    ec2: Callable[[str, str, bool], Any]
    decode: Callable[[str, str, str], str] | None = None


class Ec2Clients:
    """The clients of EC2 with one connection's credentials; safe to use from several threads.

    :param conn_id: the connection that credentials come from.
    :param make: makes a client from the connection, a region, and whether requests are sent once only.
    :param decode: decodes an authorization message of AWS from the connection, a region and the message, to JSON; empty
        when that is not permitted.
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
        """The client for requests that may be repeated: it slows down where EC2 throttles.

        :param region: empty means the one of the connection that credentials come from.
        """
        return self._client(region, once=False)

    def launching_client(self, region: str) -> EC2Client:
        """The client for launches, which sends each request once: botocore would retry a lack of capacity."""
        return self._client(region, once=True)

    @contextmanager
    def asking(self, region: str) -> Iterator[None]:
        """Translate errors of botocore into errors of this package.

        :raises CloudUnavailable: EC2 does not answer now.
        :raises CredentialsRefused: the credentials are not valid (any more); the clients will be created again.
        :raises PlatformRefused: the request is not permitted, or invalid.
        """
        try:
            yield
        except DClusterError:
            raise
        except Exception as error:
            # Where the module is missing, the client's maker has raised an error about it.
            from botocore.exceptions import BotoCoreError, ClientError

            if not isinstance(error, (BotoCoreError, ClientError)):
                raise
            translated = refusal(error, self._conn_id, region, lambda text: self._decoded(region, text))
            if isinstance(translated, CredentialsRefused):
                with self._lock:
                    self._clients.clear()
            raise translated from error

    def _decoded(self, region: str, text: str) -> str:
        return self._decode(self._conn_id, region, text) if self._decode else ""

    def _client(self, region: str, *, once: bool) -> EC2Client:
        with self._lock:
            if (region, once) not in self._clients:
                self._clients[region, once] = self._make(self._conn_id, region, once)
            return self._clients[region, once]
