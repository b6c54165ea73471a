"""A real S3 server of this machine, S3Proxy, which keeps everything in memory and checks signatures."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError
from hanging import wait_until
from maven import repository_of
from testbed.cache import engines_folder

from dcluster_provider.platforms.local.installation.engines import ensure_engine
from dcluster_provider.platforms.local.processes.ports import free_ports
from dcluster_provider.platforms.local.settings import LocalSettings

PACKAGE = "org.gaul:s3proxy:4.1.0"
REGION = "eu-west-7"  # no server takes requests that are signed for another
BUCKET = "lake"
_LOGGING = """<configuration>
<appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%msg%n</pattern></encoder></appender>
<root level="warn"><appender-ref ref="out"/></root>
</configuration>"""


@dataclass(frozen=True)
class S3Server:
    """A server that is up.

    :param host: where it is reached.
    """

    host: str
    port: int
    access_key: str = field(default_factory=lambda: f"key{secrets.token_hex(8)}")
    secret_key: str = field(default_factory=lambda: f"hush{secrets.token_hex(16)}")

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    def connection(self) -> str:
        """An Airflow connection to it, as the value of a variable."""
        extra = {"endpoint_url": self.endpoint, "region_name": REGION}
        fields = {"conn_type": "aws", "login": self.access_key, "password": self.secret_key, "extra": extra}
        return json.dumps(fields)

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )

    def put(self, key: str, content: bytes) -> str:
        """Store an object; its key."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return key

    def keys(self, prefix: str) -> list[str]:
        """The keys of objects below a prefix."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]


@contextmanager
def s3_server(folder: Path, host: str = "127.0.0.1") -> Iterator[S3Server]:
    """Run a server with one bucket; it ends with the block.

    :param folder: for its configuration and log.
    :param host: an address of this machine.
    """
    engine = ensure_engine("spark3", LocalSettings(home=folder, engines_folder=engines_folder()), print)
    jars = sorted(repository_of((PACKAGE,)).rglob("*.jar"))
    server = S3Server(host, free_ports(1, ())[0])
    (folder / "logback.xml").write_text(_LOGGING)
    (folder / "server.properties").write_text(_configuration(server))
    command = [engine.java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", ":".join(map(str, jars))]
    command += [f"-Dlogback.configurationFile={folder / 'logback.xml'}", "org.gaul.s3proxy.Main"]
    command += ["--properties", folder / "server.properties"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        assert wait_until(lambda: _answers(server) or process.poll() is not None)
        assert process.poll() is None, (folder / "server.log").read_text()
        server.client.create_bucket(Bucket=BUCKET)
        yield server
    finally:
        process.terminate()
        process.wait()


def _configuration(server: S3Server) -> str:
    return f"""
s3proxy.endpoint={server.endpoint}
s3proxy.authorization=aws-v4
s3proxy.identity={server.access_key}
s3proxy.credential={server.secret_key}
jclouds.provider=transient-nio2
jclouds.identity=unused
jclouds.credential=unused
"""


def _answers(server: S3Server) -> bool:
    try:
        server.client.list_buckets()
    except BotoCoreError:
        return False
    return True
