"""The programs that run SQL, each as one file for an environment in which this package is not."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.redaction import redaction

SQL_PROGRAM = "sql_runner.py"
SQL_FILE = "statements.sql"  # what SQL that is no file of its own is called where it runs
_FUTURE = "from __future__ import annotations\n"
_IMPORT = re.compile(r"^from (dcluster_provider\.[\w.]+) import (?:\([^)]*\)|.+)\n", re.MULTILINE)


def sql_program(spec: JobSpec) -> str:
    """The text of the program that runs SQL on a job's engine: ``engines/ENGINE/sql_runner.py``.

    In the place of its imports of this package stands what they import, once each, with the redaction that is in force
    here.
    """
    text = _with_imports(f"dcluster_provider.engines.{spec.engine}.sql_runner", set())
    start = '\nif __name__ == "__main__":\n'
    in_force = f"\ncount_as_secret({redaction().more!r})\n"
    return text.replace(start, in_force + start)


def _with_imports(module: str, included: set[str]) -> str:
    """The text of a module, in which its imports of this package are what they import."""
    included.add(module)
    file = import_module(module).__file__
    assert file is not None
    text = Path(file).read_text(encoding="utf-8")

    def imported(found: re.Match[str]) -> str:
        name = found[1]
        return "" if name in included else _with_imports(name, included).replace(_FUTURE, "")

    return _IMPORT.sub(imported, text)
