"""The server of AWS on a free port of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config
from moto.ec2.models import ec2_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from aws.behaviour import ACCOUNT, IMAGE, Behaviour, Rules

REGION, ELSEWHERE = "eu-west-1", "us-west-2"


class AwsServer:
    """AWS as it behaves, of one account.

    :param address: where it is.
    """

    def __init__(self, address: str, behaviour: Behaviour) -> None:
        self.address = address
        self.behaviour = behaviour
        self._session = boto3.session.Session(aws_access_key_id="key", aws_secret_access_key="secret")
        self._clients: dict[tuple[str, bool], Any] = {}

    def begin(self, **rules: Any) -> None:
        """Start over, without instances."""
        for region in (REGION, ELSEWHERE):
            backend = ec2_backends[ACCOUNT][region]
            # moto looks through all images and all tags for each instance.
            for found in (backend.reservations, backend.amis, backend.tags):
                found.clear()
        self.behaviour.begin(Rules(**rules))

    @property
    def rules(self) -> Rules:
        return self.behaviour.rules

    def client(self, conn_id: str, region: str, once: bool) -> Any:
        """A client of EC2 as ``CloudClients`` wants it."""
        if (region, once) not in self._clients:
            self._clients[region, once] = make_client(self._session, self.address, region, once)
        return self._clients[region, once]

    def calls(self, action: str) -> list:
        return [call for call in self.behaviour.calls if call.action == action]

    def instances(self, region: str = REGION) -> dict[str, str]:
        """Every instance there is, whoever launched it: id and state."""
        return {
            instance.id: str(instance.state)
            for reservation in ec2_backends[ACCOUNT][region].reservations.values()
            for instance in reservation.instances
        }

    def live(self, region: str = REGION) -> set[str]:
        return {it for it, state in self.instances(region).items() if state in {"pending", "running"}}

    def add_instances(self, count: int, tags: dict[str, str], region: str = REGION) -> list[str]:
        """Instances that somebody launched before."""
        made = ec2_backends[ACCOUNT][region].run_instances(
            IMAGE,
            count,
            None,
            [],
            instance_type="m5.large",
            is_instance_type_default=False,
            region_name=region,
            placement=None,
            subnet_id=None,
            tags={"instance": tags},
        )
        return [instance.id for instance in made.instances]

    def forget(self, instance_id: str, region: str = REGION) -> None:
        """Let an instance that ended vanish from the listings, as it does after an hour."""
        for reservation in ec2_backends[ACCOUNT][region].reservations.values():
            reservation.instances = [it for it in reservation.instances if it.id != instance_id]


def make_client(session, address: str, region: str, once: bool) -> Any:
    retries = {"total_max_attempts": 1} if once else {"total_max_attempts": 8, "mode": "adaptive"}
    return session.client(
        "ec2",
        region_name=region,
        endpoint_url=address,
        config=Config(retries=retries),
    )


@contextmanager
def running() -> Iterator[AwsServer]:
    """A server until the context is left."""
    behaviour = Behaviour(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, behaviour, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, name="aws", daemon=True)
    thread.start()
    try:
        yield AwsServer(f"http://127.0.0.1:{server.port}", behaviour)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug calls it so
        pass
