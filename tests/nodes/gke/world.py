"""A fake project of Google Cloud behind real servers, and clouds that talk to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.auth.credentials import AnonymousCredentials
from nodes.gke.fake_google import CLUSTER, PROJECT, REGION, FakeGoogle

from dcluster_provider.nodes.gke.api import GkeApi
from dcluster_provider.nodes.gke.gke import Gke
from dcluster_provider.nodes.gke.settings import GkeSettings


@dataclass
class World:
    """The fake, and clouds that reach it as production reaches Google's.

    :ivar before_answer: what happens between a request's effect and its answer, by the method's name.
    """

    google: FakeGoogle
    settings: GkeSettings
    before_answer: list[Callable[[str], None]] = field(default_factory=list)

    def api(self, **changes: Any) -> GkeApi:
        return GkeApi(self.settings.model_copy(update=changes), AnonymousCredentials, operation_poll=0.001)

    def cloud(self, api: Any = None, **changes: Any) -> Gke:
        return Gke("dcluster_default", self.settings.model_copy(update=changes), api or self.api(**changes))

    def alive(self) -> set[str]:
        """Zone and name of every instance that is not being deleted."""
        return {name for name, (_, action) in self.google.snapshot().items() if action != "DELETING"}


class Servers:
    """The two servers, over one project that is emptied for each test."""

    def __init__(self) -> None:
        # Google's own types take seconds to import: whoever collects tests does not need them.
        from nodes.gke.fake_compute_api import FakeComputeApi
        from nodes.gke.fake_container_api import FakeContainerApi

        self.google = FakeGoogle()
        self._world: World | None = None
        self.container = FakeContainerApi(self.google, self._answered)
        self.compute = FakeComputeApi(self.google, self._answered)

    def new_world(self) -> World:
        self.google.__init__()  # type: ignore[misc]  # what the servers hold stays the same object
        settings = GkeSettings(
            project=PROJECT,
            location=REGION,
            cluster=CLUSTER,
            connection="Main Connection",
            container_endpoint=self.container.endpoint,
            compute_endpoint=self.compute.endpoint,
        )
        self._world = World(self.google, settings)
        return self._world

    def stop(self) -> None:
        self.container.stop()
        self.compute.stop()

    def _answered(self, method: str) -> None:
        for call in list(self._world.before_answer if self._world else ()):
            call(method)
