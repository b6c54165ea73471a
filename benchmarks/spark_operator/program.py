"""The controller's program and the definitions of its resources, built once and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from testbed.cache import Piece, Report, key_of, remove

SOURCES = Path(__file__).parent
_MODULE = "github.com/kubeflow/spark-operator/v2"


def spark_operator() -> Piece:
    """A folder with the program ``spark_operator`` and the folder ``crds``."""
    sources = [SOURCES / name for name in ("go.mod", "go.sum", "main.go")]
    return Piece(
        "spark-operator", key_of(sources), _build, "kubeflow's spark-operator from source, some minutes"
    )


def _build(folder: Path, report: Report) -> None:
    scratch = folder / "scratch"
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOCACHE": str(scratch / "build"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
    }
    _go(environment, "build", "-trimpath", "-ldflags=-s -w", "-o", f"{folder}/", ".")
    module = _go(environment, "list", "-m", "-f", "{{.Dir}}", _MODULE)
    shutil.copytree(Path(module) / "config" / "crd" / "bases", folder / "crds")
    report("  the program and its definitions are there")
    remove(scratch)


def _go(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments],  # noqa: S607 - wherever it is installed
        cwd=SOURCES,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"go {arguments[0]} failed:\n{done.stderr[-3000:]}")
    return done.stdout.strip()
