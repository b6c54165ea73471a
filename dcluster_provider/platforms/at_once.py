"""Asking about several things at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dcluster_provider.core.errors import CredentialsRefused, DClusterError

_LOG = logging.getLogger(__name__)
_ASKED_AT_ONCE = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def ask_at_once(
    ask: Callable[[Item], Result],
    items: Iterable[Item],
    otherwise: Callable[[Item, DClusterError], Result] | None = None,
) -> list[Result]:
    """The answers about items, asked a few at a time; no thread is left when it returns.

    An item that cannot be asked about does not keep the others from their answers.

    :param otherwise: the answer for such an item; without it, it has none.
    :raises CredentialsRefused: nobody can be asked with these credentials any more.
    """
    wanted = list(items)
    if len(wanted) < 2:
        answers = [_answer(ask, item, otherwise) for item in wanted]
    else:
        threads = min(_ASKED_AT_ONCE, len(wanted))
        with ThreadPoolExecutor(threads, thread_name_prefix="dcluster-ask") as pool:
            answers = list(pool.map(lambda item: _answer(ask, item, otherwise), wanted))
    return [answer[0] for answer in answers if answer is not None]


def _answer(
    ask: Callable[[Item], Result],
    item: Item,
    otherwise: Callable[[Item, DClusterError], Result] | None,
) -> tuple[Result] | None:
    try:
        return (ask(item),)
    except CredentialsRefused:
        raise
    except (OSError, DClusterError) as error:
        if otherwise is not None and isinstance(error, DClusterError):
            return (otherwise(item, error),)
        _LOG.warning("Nothing can be told just now of %s: %s", _named(item), error)
        return None


def _named(item: object) -> str:
    """An item in a line; a record's own text says more than all its fields."""
    if isinstance(item, (list, tuple)):
        return ", ".join(_named(each) for each in item)
    return str(item)
