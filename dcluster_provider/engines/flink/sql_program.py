"""The program that runs SQL files, as one file for an environment in which this package is not."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.core import redaction
from dcluster_provider.engines.flink import sql_runner

SQL_PROGRAM = "sql_runner.py"
_FUTURE = "from __future__ import annotations\n"
_IMPORT = "from dcluster_provider.core.redaction import redaction\n"


def sql_program() -> str:
    """The text of :mod:`~dcluster_provider.engines.flink.sql_runner`.

    In the place of its one import of this package stands what it imports, with the redaction that is in force here.
    """
    runner = Path(sql_runner.__file__).read_text(encoding="utf-8")
    imported = Path(redaction.__file__).read_text(encoding="utf-8").replace(_FUTURE, "")
    in_force = f"\n\ncount_as_secret({redaction.redaction().more!r})\n"
    return runner.replace(_IMPORT, imported + in_force)
