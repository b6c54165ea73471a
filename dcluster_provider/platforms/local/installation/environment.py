"""The environment that engines are run in."""

from __future__ import annotations

import os

# Every process of a folder, however it came to be, has the folder in its environment under this name: so it is told
# from a stranger that was given the number of one that ended.
OWNER = "DCLUSTER_PROCESS"


def clean_environment(engine_prefixes: tuple[str, ...]) -> dict[str, str]:
    """This process's environment for an engine: without Airflow's settings and secrets and without another engine's.

    Its locale is that of the containers that engines run in elsewhere.

    :param engine_prefixes: variables beginning so belong to the engine and are set by whoever starts it.
    """
    foreign = ("AIRFLOW_", "_AIRFLOW", "PYTHON", "VIRTUAL_ENV", "CONDA", OWNER, *engine_prefixes)
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Or Java makes question marks of letters beyond ASCII, where Airflow runs without a locale.
    return own | {"LC_ALL": "C.UTF-8"}


def quoted_option(option: str) -> str:
    """An option as a file of Java options writes it."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
