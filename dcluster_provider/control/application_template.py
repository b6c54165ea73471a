"""The application of a job that names none: the connection's templates, filled with the job's fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import JobSpec, parse
from dcluster_provider.core.templates import check_template, fill_template

PLACEHOLDERS = {
    "client": "client",
    "module": "module",
    "codeVersion": "code_version",
    "pipelineVersion": "pipeline_version",
    "pipelineConfig": "pipeline_config",
    "moduleType": "module_type",
    "jobType": "job_type",
}


@dataclass(frozen=True)
class ApplicationTemplate:
    """Templates such as ``/apps/{client}/{module}/{codeVersion}/main.py``; an empty text means no template.

    :param application: the file to run.
    :param main_class: the class to run in a jar.
    :param args: the arguments, one template for each.
    :raises InvalidSpec: a placeholder is unknown; the error names the nearest one.
    """

    application: str = ""
    main_class: str = ""
    args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = [("application_template", self.application), ("main_class_template", self.main_class)]
        for field, text in (*fields, *(("args_template", each) for each in self.args)):
            check_template(field, text, PLACEHOLDERS)
        if not self.application and (self.main_class or self.args):
            raise InvalidSpec(
                "field application_template: is empty, and the other templates mean nothing without it"
            )

    def fill(self, spec: JobSpec) -> JobSpec:
        """The job with an application: its own, or the template's if it names none.

        The job's own main class and arguments, if any, replace those of the templates.

        :raises InvalidSpec: there is no template, a field that it needs is empty, or a field that becomes part of the
            path is not the name of a single file or folder.
        """
        if spec.application:
            return spec
        if not self.application:
            raise InvalidSpec(
                "JobSpec: field application: missing; name the .py, .jar or .sql file to run, or set "
                "application_template on the connection"
            )
        application = _filled("application_template", self.application, spec, _path_part)
        filled = {"application": application}
        if self.main_class and not spec.main_class and application.lower().endswith(".jar"):
            filled["main_class"] = _filled("main_class_template", self.main_class, spec, _anything)
        changes: dict[str, object] = dict(filled)
        if self.args and not spec.args:
            changes["args"] = [_filled("args_template", text, spec, _anything) for text in self.args]
        return parse(JobSpec, spec.model_dump() | changes)


def _filled(field: str, text: str, spec: JobSpec, allow: Callable[[str, str], str]) -> str:
    def value_of(name: str) -> str:
        value = str(getattr(spec, PLACEHOLDERS[name]))
        if not value:
            raise InvalidSpec(f"JobSpec: field {name}: is empty, and {field} of the connection needs it")
        return allow(name, value)

    return fill_template(text, value_of)


def _path_part(name: str, value: str) -> str:
    """The value of a field, rejected if it could lead to another folder, such as another client's."""
    if value in (".", "..") or any(character in value for character in "/\\%:"):
        raise InvalidSpec(
            f"JobSpec: field {name}: {value!r} cannot be part of the application's path; it has to be the name of "
            "one file or folder, without / \\ % or :"
        )
    return value


def _anything(_name: str, value: str) -> str:
    return value
