"""What runs a job's SQL on this machine, and the SQL itself, as files of the job."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.sql_program import SQL_FILE, SQL_PROGRAM, sql_program
from dcluster_provider.platforms.local.checks import application_location
from dcluster_provider.platforms.local.files import write_text


def write_sql_program(spec: JobSpec, conf: Path) -> tuple[str, str]:
    """The program that runs a job's SQL and where it finds that, after what is no file yet was written.

    :param conf: a folder of the job.
    :raises OSError: one cannot be written.
    """
    program = (
        conf / "program" / SQL_PROGRAM
    )  # alone in a folder: Python looks for modules beside a program first
    program.parent.mkdir(exist_ok=True)
    write_text(program, sql_program(spec))
    if spec.sql is None:
        return str(program), application_location(spec)
    write_text(conf / SQL_FILE, spec.sql)
    return str(program), str(conf / SQL_FILE)
