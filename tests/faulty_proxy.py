"""A proxy between a client and an API server that cuts connections and answers for the server, as it is told."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hanging import HANG_SECONDS

_BLOCK = 65536
Answer = tuple[int, dict[str, str], bytes]

EXPIRED = (
    json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}).encode()
    + b"\n"
)


def status(code: int, reason: str, **headers: str) -> Answer:
    """What an API server answers when it refuses."""
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": reason, "code": code}
    return code, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


class FaultyProxy:
    """Hands every request on, one for each connection, unless told otherwise.

    :param everything: the answer to every request; none hands it on.
    :param watches: the answers to the next watches, the last one for all that follow; empty hands them on.
    :param requests: what was asked for, ``GET /api/...`` each.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._config = json.loads(kubeconfig.read_text())
        self._folder = folder
        self._cluster = self._config["clusters"][0]["cluster"]
        self._upstream = urlsplit(self._cluster["server"])
        self._trust = ssl.create_default_context(
            cadata=base64.b64decode(self._cluster["certificate-authority-data"]).decode()
        )
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self.everything: Answer | None = None
        self.watches: list[Answer] = []
        self.requests: list[str] = []

    @contextmanager
    def serving(self) -> Iterator[Path]:
        """Serve for the block; gives the kubeconfig of the way through the proxy."""
        certificate = _certificate(self._folder)
        identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identity.load_cert_chain(certificate)
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=identity))
        port = server.sockets[0].getsockname()[1]
        authority = base64.b64encode(certificate.read_bytes().split(b"-----BEGIN PRIVATE")[0]).decode()
        self._cluster |= {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
        path = self._folder / "through-proxy.kubeconfig"
        path.write_text(json.dumps(self._config))
        path.chmod(0o600)
        try:
            yield path
        finally:
            server.close()
            self.cut()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def cut(self) -> int:
        """Drop every connection without a word; returns how many there were."""
        return self._call(self._cut())

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(HANG_SECONDS)

    async def _cut(self) -> int:
        count = len(self._open)
        for writer in list(self._open):
            writer.transport.abort()
        return count

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._answer(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = lines[0].rsplit(" ", 1)[0]
        self.requests.append(request)
        answer = self.everything or (self._next_watch() if "watch=true" in request else None)
        if answer is None:
            await self._hand_on(lines, body, writer)
            return
        code, told, content = answer
        told = told | {"Content-Length": str(len(content)), "Connection": "close"}
        shown = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 {code} Answer\r\n{shown}\r\n".encode() + content)
        await writer.drain()

    def _next_watch(self) -> Answer | None:
        if not self.watches:
            return None
        return self.watches.pop(0)

    async def _hand_on(self, lines: list[str], body: bytes, writer: asyncio.StreamWriter) -> None:
        host, port = self._upstream.hostname, self._upstream.port
        there, upstream = await asyncio.open_connection(host, port, ssl=self._trust)
        self._open.add(upstream)
        try:
            kept = [line for line in lines if line and not line.lower().startswith("connection:")]
            upstream.write("\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1") + body)
            while block := await there.read(_BLOCK):
                writer.write(block)
                await writer.drain()
        finally:
            self._open.discard(upstream)
            upstream.close()


def _certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    with tempfile.TemporaryDirectory() as made:
        key, certificate = Path(made) / "key", Path(made) / "certificate"
        names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                *names,
                "-keyout",
                key,
                "-out",
                certificate,
            ],
            check=True,
            capture_output=True,
        )
        both = folder / "proxy.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both
