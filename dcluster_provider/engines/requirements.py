"""The Python packages that a job requires, as pip reads them."""

from __future__ import annotations

import re
from collections.abc import Callable

from packaging.requirements import InvalidRequirement, Requirement

from dcluster_provider.core.addresses import Reader
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import JobSpec
from dcluster_provider.engines.dependencies import Dependency, dependencies_of, names_file

_OTHER_FILE = re.compile(r"^\s*(-r|--requirement|-c|--constraint|-e|--editable)\b", re.MULTILINE)


def check_requirements(spec: JobSpec) -> None:
    """Refuse requirements that pip cannot read, and files of them that name others, which would be left behind.

    :raises InvalidSpec: naming the requirement.
    """
    for text in spec.requirements:
        if not names_file(text):
            _check(text)
    for dependency in dependencies_of(spec):
        if dependency.field == "requirements" and dependency.reader is Reader.MACHINE:
            _check_file(dependency)


def requirement_lines(spec: JobSpec, locate: Callable[[Dependency], str]) -> str:
    """The file that pip is given.

    :param locate: where pip finds a file.
    """
    files = {each.address: each for each in dependencies_of(spec) if each.field == "requirements"}
    lines = [_line(files[text], locate) if text in files else text for text in spec.requirements]
    return "".join(f"{line}\n" for line in lines)


def _line(dependency: Dependency, locate: Callable[[Dependency], str]) -> str:
    is_wheel = dependency.address.lower().endswith(".whl")
    return locate(dependency) if is_wheel else f"-r {locate(dependency)}"


def _check(text: str) -> None:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        said = str(error).splitlines()[0]
        raise InvalidSpec(
            f"JobSpec: field requirements: {text!r} is no requirement: {said}; write one such as pandas==2.2.3, or the "
            "path of a .txt or .whl file"
        ) from None


def _check_file(dependency: Dependency) -> None:
    if dependency.path.suffix.lower() != ".txt":
        return
    other = _OTHER_FILE.search(dependency.path.read_text(encoding="utf-8", errors="replace"))
    if other:
        raise InvalidSpec(
            f"JobSpec: field requirements: {dependency.path} names another file ({other[1]}), which does not travel "
            "with it; name each file in requirements"
        )
