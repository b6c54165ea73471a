"""A mutating webhook that puts a container into every pod of a namespace, as service meshes do."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.certificates import make_certificates

if TYPE_CHECKING:
    from testbed import Testbed


@contextmanager
def injected(
    testbed: Testbed, host: str, namespace: str, container: Mapping[str, Any], folder: Path
) -> Iterator[None]:
    """Have a container injected into the pods that are made in a namespace meanwhile.

    :param host: the address of this machine for the testbed.
    :param folder: for the certificates of the webhook.
    """
    make_certificates(folder, [host])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    server = ThreadingHTTPServer((host, 0), _handler(container))
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    name = f"sidecar-of-{namespace}"
    try:
        authority = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
        testbed.apply(_configuration(name, namespace, f"https://{host}:{server.server_port}/", authority))
        yield
    finally:
        testbed.kubectl("delete", "mutatingwebhookconfiguration", name, "--ignore-not-found")
        server.shutdown()
        thread.join()
        server.server_close()


def _configuration(name: str, namespace: str, url: str, authority: str) -> dict[str, Any]:
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    webhook = {
        "name": "sidecar.acme.org",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [pods],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "clientConfig": {"url": url, "caBundle": authority},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    }


def _handler(container: Mapping[str, Any]) -> type[BaseHTTPRequestHandler]:
    patch = [{"op": "add", "path": "/spec/containers/-", "value": container}]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            encoded = base64.b64encode(json.dumps(patch).encode()).decode()
            answer = {
                "uid": review["request"]["uid"],
                "allowed": True,
                "patchType": "JSONPatch",
                "patch": encoded,
            }
            body = json.dumps(review | {"response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
