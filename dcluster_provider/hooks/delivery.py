"""Telling people by Airflow's notifiers: mail to a job's recipients, and whatever notifiers are configured."""

from __future__ import annotations

import copy
import html
import json
import logging
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.alert import MAIL, Alert
from dcluster_provider.core.errors import InvalidSpec

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

_LOG = logging.getLogger(__name__)
_told_of_missing: set[str] = set()


class NotifierDelivery:
    """Tells by notifiers.

    :param notifiers: beside the configured one; each is told with ``alert`` in its context.
    :raises InvalidSpec: the configured notifier cannot be made.
    """

    def __init__(self, notifiers: Sequence[BaseNotifier] = ()) -> None:
        given = [*notifiers, *_configured_notifier()]
        self._notifiers = {
            f"{type(notifier).__name__} {number}": notifier for number, notifier in enumerate(given, 1)
        }

    def channels(self, alert: Alert) -> list[str]:
        """Mail when the job has recipients and can be sent, then the notifiers."""
        by_mail = bool(_recipients(alert)) and _can_mail()
        return [*([MAIL] if by_mail else []), *self._notifiers]

    def send(self, alert: Alert, channel: str) -> None:
        """Tell it; whatever the notifier raises is raised."""
        if channel == MAIL:
            _mail(alert)
            return
        # Rendering its templates changes a notifier for good, so each alert has one of its own.
        copy.deepcopy(self._notifiers[channel])(_context(alert))


def _mail(alert: Alert) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    content = f"<pre>{html.escape(alert.text, quote=False)}</pre>"
    mail = SmtpNotifier(to=_recipients(alert), subject=alert.subject, html_content=content)
    # Not called as a template: an error message of a job may look like one.
    mail.notify({})


def _recipients(alert: Alert) -> list[str]:
    return [name for name in re.split(r"[,;\s]+", alert.job.spec.email_recipients or "") if name]


def _can_mail() -> bool:
    from importlib.util import find_spec

    try:
        found = find_spec("airflow.providers.smtp.notifications.smtp") is not None
    except ImportError:
        found = False
    if not found and MAIL not in _told_of_missing:
        _told_of_missing.add(MAIL)
        _LOG.warning(
            "The smtp provider of Airflow is not installed, so no mail is sent to emailRecipients; install it where "
            "this runs: pip install 'dcluster-provider[smtp]'"
        )
    return found


def _configured_notifier() -> list[BaseNotifier]:
    from airflow.sdk.configuration import conf

    path = conf.get("dcluster", "alert_notifier", fallback="")
    if not path:
        return []
    arguments = conf.get("dcluster", "alert_notifier_kwargs", fallback="")
    module, _, name = path.rpartition(".")
    try:
        notifier: BaseNotifier = getattr(import_module(module), name)(**json.loads(arguments or "{}"))
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        # The arguments themselves may hold a secret.
        raise InvalidSpec(
            f"[dcluster] alert_notifier: {path!r} cannot be made with alert_notifier_kwargs: {error}; write the import "
            "path of a notifier class, and its arguments as a JSON object"
        ) from error
    return [notifier]


def _context(alert: Alert) -> dict[str, Any]:
    from airflow.sdk import get_current_context

    try:
        current: Mapping[str, Any] = get_current_context()
    except RuntimeError:  # a command, or whatever else is no task
        current = {}
    return {**current, "alert": alert.as_json()}
