"""A mail server of the tests' own, on a free port, that keeps what it is sent."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP


class MailServer:
    """What it was sent.

    :param port: where it listens, on the loopback interface.
    """

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802  # the library's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((list(envelope.rcpt_tos), message))
        return "250 OK"

    @property
    def connection(self) -> str:
        """The Airflow connection that leads here, as an environment variable holds it."""
        extra = {
            "disable_ssl": True,
            "disable_tls": True,
            "from_email": "airflow@example.com",
            "retry_limit": 1,
        }
        return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra})


def text_of(mail: EmailMessage) -> str:
    """The text of a mail of ours."""
    return mail.get_body(("html",)).get_content()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server that runs meanwhile."""
    loop, box = asyncio.new_event_loop(), MailServer()
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop), "127.0.0.1", 0)
    )
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
