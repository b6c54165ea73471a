"""The package installed from its wheel, beside one version of Airflow in one Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.cache import key_of, locked, user_cache

ROOT = Path(__file__).parents[2]
_UV = Path(sys.executable).parent / "uv"


@dataclass(frozen=True)
class Combination:
    """What an environment consists of, besides the package.

    :param airflow: a version of Airflow.
    :param python: such as ``3.10``; empty means the Python that runs the tests.
    :param constraints: a file in this folder that pins everything; none takes the newest that Airflow allows.
    :param with_tests: install what its tests need, too.
    """

    airflow: str
    python: str = ""
    constraints: str | None = None
    with_tests: bool = False

    def __str__(self) -> str:
        return f"{self.airflow}-{self.python or 'this-python'}"


@dataclass(frozen=True)
class Installation:
    """An environment that has the package.

    :param folder: the virtual environment.
    :param database: a migrated database of Airflow in SQLite, to be copied.
    """

    folder: Path
    database: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def versions(self, *names: str) -> list[str]:
        """The versions of these distributions, and of Python."""
        code = "import sys; from importlib.metadata import version; print(sys.version.split()[0]); "
        code += "[print(version(name)) for name in sys.argv[1:]]"
        return _run(self.python, "-c", code, *names).split()


def interpreter(version: str) -> Path | None:
    """A Python of a version that runs: on the path, or one that pyenv has without having it chosen."""
    named = [
        f"python{version}",
        *(str(it) for it in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ]
    for candidate in named:
        try:
            found = _run(candidate, "-c", "import sys; print(sys.executable, *sys.version_info[:2])").split()
        except (OSError, subprocess.CalledProcessError):
            continue
        if ".".join(found[1:]) == version:
            return Path(found[0])
    return None


def build_wheel(folder: Path) -> Path:
    """This commit's wheel."""
    _run(_UV, "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


@contextmanager
def installed(combination: Combination, python: Path, wheel: Path) -> Iterator[Installation]:
    """The environment of a combination with the wheel in it, which nobody else uses meanwhile.

    It is kept in the user's cache without the package, and made anew when what it is made of has changed.
    """
    version, *_ = _run(python, "-c", "import sys; print(*sys.version.split())").split()
    needs = [f"apache-airflow=={combination.airflow}", f"{wheel}[all]", *_options(combination)]
    pinned = [(ROOT / "pyproject.toml"), *_pins(combination)]
    made_of = key_of([version, str(python), *(need.replace(str(wheel), "") for need in needs), *pinned])
    cache = user_cache() / "airflows"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{combination.airflow}-py{version}"
    stamp = folder / "installed.json"
    installation = Installation(folder, folder / "airflow" / "airflow.db")
    with locked(cache / f"{folder.name}.lock"):
        if not stamp.exists() or json.loads(stamp.read_text()) != made_of:
            _run(_UV, "venv", "--quiet", "--clear", "--python", str(python), str(folder))
            _run(_UV, "pip", "install", "--quiet", "--python", str(installation.python), *needs)
            airflow = {"AIRFLOW_HOME": str(installation.database.parent), "PATH": "/usr/bin:/bin"}
            _run(folder / "bin" / "airflow", "db", "migrate", env=airflow)
            stamp.write_text(json.dumps(made_of))  # the last step: a half-made environment has none
        replace = ["--quiet", "--no-deps", "--reinstall-package", "dcluster-provider"]
        _run(_UV, "pip", "install", *replace, "--python", str(installation.python), str(wheel))
        yield installation


def _options(combination: Combination) -> list[str]:
    options = [option for file in _pins(combination) for option in ("--constraint", str(file))]
    if combination.with_tests:
        options += ["--group", f"{ROOT / 'pyproject.toml'}:test"]
    return options


def _pins(combination: Combination) -> list[Path]:
    return [Path(__file__).parent / combination.constraints] if combination.constraints else []


def _run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([str(it) for it in command], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr[-3000:])
    return done.stdout
