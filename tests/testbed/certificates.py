"""The certificate authority of a testbed and the API server's certificate."""

from __future__ import annotations

import subprocess
from pathlib import Path

_DAYS = "365"
_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", _DAYS]
_NAMES = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]


_Words = list[str | Path]


def make_certificates(folder: Path, addresses: list[str]) -> None:
    """Write ca.crt, server.crt, server.key and the key that signs service accounts' tokens.

    :param addresses: where the API server is reached.
    """
    names = [*(f"IP:{address}" for address in addresses), *(f"DNS:{name}" for name in _NAMES)]
    authority: _Words = ["-subj", "/CN=testbed-ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _openssl("req", "-x509", *_NEW_KEY, *authority, "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    server: _Words = ["-subj", "/CN=kube-apiserver", "-addext", f"subjectAltName={','.join(names)}"]
    server += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]
    signed: _Words = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    files: _Words = ["-keyout", folder / "server.key", "-out", folder / "server.crt"]
    _openssl("req", "-x509", *_NEW_KEY, *signed, *server, *files)
    _openssl("genrsa", "-out", folder / "accounts.key", "2048")


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed:\n{done.stderr}")
