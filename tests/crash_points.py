"""Ends a use case at any of the calls that it makes, as SIGKILL does: nothing of it runs any more afterwards."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from dcluster_provider.registry.database import Store
from dcluster_provider.registry.store import Registry


class Killed(BaseException):
    """The process is dead. No code catches it, as none could."""


class CrashPoints:
    """Counts the calls to what it wraps, and ends the process before or after one of them.

    :param point: 2n kills before the call number n (from 0), 2n + 1 after it; none kills nowhere.
    """

    def __init__(self, point: int | None = None) -> None:
        self.point = point
        self.calls = 0

    def around(self, inner: Any, counted: Callable[[str], bool] = lambda _name: True) -> Any:
        """The same object, whose calls are counted."""
        return _Wrapped(inner, self, counted)

    def around_registry(self, registry: Registry) -> Registry:
        """The same registry, whose stores' calls are counted."""
        counted = copy(registry)
        for name, value in vars(registry).items():
            if isinstance(value, Store):
                setattr(counted, name, self.around(value))
        return counted

    def call(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Make a call, unless the process dies first."""
        number = self.calls
        self.calls += 1
        if self.point == 2 * number:
            raise Killed
        answer = function(*given, **named)
        if self.point == 2 * number + 1:
            raise Killed
        return answer


class _Wrapped:
    def __init__(self, inner: Any, points: CrashPoints, counted: Callable[[str], bool]) -> None:
        self._inner, self._points, self._counted = inner, points, counted

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or not self._counted(name):
            return found
        return lambda *given, **named: self._points.call(found, *given, **named)
