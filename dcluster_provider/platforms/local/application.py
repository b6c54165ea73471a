"""A job's application, as this machine runs it."""

from __future__ import annotations

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import JobSpec
from dcluster_provider.engines.application import check_file, is_remote, local_path


def check_application(spec: JobSpec) -> None:
    """Refuse a job whose application cannot be run from this machine.

    :raises InvalidSpec: naming the field.
    """
    if not spec.application:
        raise InvalidSpec("field application: is empty; name the .py, .jar or .sql file to run")
    if not is_remote(spec):
        check_file(spec)
    elif not spec.traits.fetches_applications:
        raise InvalidSpec(
            f"field application: {spec.application!r} is not on this machine; the local platform runs "
            f"{spec.traits.title} applications from files"
        )


def application_location(spec: JobSpec) -> str:
    """What the engine is given as the application."""
    return spec.application if is_remote(spec) else str(local_path(spec))
