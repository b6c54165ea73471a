"""The Python of jobs with requirements: an environment beside the engine's, made once for equal requirements."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from dcluster_provider.core.addresses import Reader
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Job
from dcluster_provider.engines.dependencies import (
    Dependency,
    dependencies_of,
    packed_environment,
    requirement_lines,
)
from dcluster_provider.platforms.local.files import locked_if_free, read_json, write_text
from dcluster_provider.platforms.local.installation import requirements_runner
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.installation.installer import find_uv, site_packages
from dcluster_provider.platforms.local.layout import ENVIRONMENTS, ClusterPlace

_PLAN = "requirements.json"


@dataclass(frozen=True)
class JobEnvironment:
    """The environment of a job with requirements.

    :param folder: the virtual environment; its Python is there once the job runs.
    """

    folder: Path
    engine: LocalEngine

    @classmethod
    def of(cls, place: ClusterPlace, engine: LocalEngine, spec: JobSpec) -> JobEnvironment | None:
        """The environment of a job; none when the engine's own is enough.

        :raises OSError: a file of requirements cannot be read.
        """
        if not spec.requirements:
            return None
        content = hashlib.sha256(f"{engine.python}\n{requirement_lines(spec, _identity)}".encode())
        for dependency in dependencies_of(spec):
            if dependency.field == "requirements" and dependency.reader is Reader.MACHINE:
                with dependency.path.open("rb") as file:  # of any size
                    for part in iter(lambda: file.read(2**20), b""):
                        content.update(part)
        return cls(place.home / ENVIRONMENTS / content.hexdigest()[:32], engine)

    @property
    def python(self) -> Path:
        """The Python that finds the requirements, and what the engine brings."""
        return self.folder / "bin" / "python"

    def command(self, place: ClusterPlace, job: Job, argv: tuple[str, ...]) -> tuple[str, ...]:
        """A job's command, after what installs its requirements.

        :raises OSError: the configuration cannot be written.
        """
        own = place.job(job).conf
        lines, plan, packed = own / "requirements.txt", own / _PLAN, packed_environment(job.spec)
        if packed is None:
            write_text(lines, requirement_lines(job.spec, lambda each: str(each.path)))
        wanted = {
            "folder": str(self.folder),
            "engine": str(site_packages(self.engine.python.parent.parent)),
            "requirements": str(lines),
            "packed": str(packed.path) if packed else "",
            "uv": find_uv() or "",
            "argv": argv,
        }
        write_text(plan, json.dumps(wanted))
        return (str(self.engine.python), "-I", requirements_runner.__file__, str(plan))


def _identity(dependency: Dependency) -> str:
    """What tells a file of requirements apart beside its content, wherever it was brought to."""
    return dependency.path.name if dependency.reader is Reader.MACHINE else dependency.address


def prune_environments(home: Path, keep_days: float) -> None:
    """Remove the environments that no job has begun in for long, and no cluster that is there has a job for."""
    oldest = time.time() - keep_days * 86400
    for ready in (home / ENVIRONMENTS).glob("*/ready"):
        environment = ready.parent
        if ready.stat().st_mtime > oldest:
            continue
        with locked_if_free(environment.with_name(f"{environment.name}.lock")) as free:
            if free and environment not in _used(home):
                ready.unlink()  # nobody takes what is left of it for whole
                shutil.rmtree(environment, ignore_errors=True)


def _used(home: Path) -> set[Path]:
    plans = (read_json(path) or {} for path in (home / "clusters").glob(f"*/jobs/*/{_PLAN}"))
    return {Path(plan["folder"]) for plan in plans if "folder" in plan}
