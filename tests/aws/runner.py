"""Launches in processes of their own, which may be killed: one that has imported everything forks one for each try.

Its argument is the server's address. Reads lines ``{"settings", "order", "processes", "results"}`` of JSON, and writes
one of their exit codes when all have ended.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import boto3

from aws.server import make_client
from dcluster_provider.core.errors import DClusterError
from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.ec2.cloud import Ec2
from dcluster_provider.nodes.ec2.instances import Backoff
from dcluster_provider.nodes.ec2.settings import Ec2Settings

SESSION = boto3.session.Session(aws_access_key_id="key", aws_secret_access_key="secret")


def main() -> None:
    clients = {once: make_client(SESSION, sys.argv[1], "eu-west-1", once) for once in (True, False)}
    for client in clients.values():
        client.meta.events.register("before-send.ec2.*", _tell_process)
    print(flush=True)
    for line in sys.stdin:
        work = json.loads(line)
        children = [_fork(work, clients, number) for number in range(work["processes"])]
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(it, 0)[1]) for it in children]), flush=True)


def _tell_process(request, **_) -> None:
    request.headers["X-Process"] = str(os.getpid())


def _fork(work: dict, clients: dict, number: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            Path(work["results"], str(number)).write_text(json.dumps(_launch(work, clients)))
        finally:
            os._exit(0)
    return pid


def _launch(work: dict, clients: dict) -> list[str] | str:
    settings = Ec2Settings(**{**work["settings"], "alternatives": tuple(work["settings"]["alternatives"])})
    order = NodeOrder(**{**work["order"], "instance_types": tuple(work["order"]["instance_types"])})
    try:
        machines = Ec2(
            "dcluster_test", settings, lambda conn_id, region, once: clients[once], None, Backoff(2.0, 0.005)
        ).launch(order)
    except DClusterError as error:
        return f"{type(error).__name__}: {error}"
    return [machine.id for machine in machines]


if __name__ == "__main__":
    main()
