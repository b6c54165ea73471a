"""Kueue's controller, and the definitions and webhooks that it is installed with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from testbed.cache import Piece, Report, key_of, remove
from testbed.namespaces import WITH_PARENT

SOURCES = Path(__file__).parent / "go"
VERSION = re.findall(r"sigs.k8s.io/kueue (v\S+)", (SOURCES / "go.mod").read_text())[0]
_BUILD = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-gcflags=all=-dwarf=false"]
_COMPONENTS = Path(f"sigs.k8s.io/kueue@{VERSION}/config/components")


def kueue_build() -> Piece:
    """A folder with the program ``manager``, the folder ``definitions`` and the file ``webhooks.yaml``."""
    key = key_of([*sorted(SOURCES.iterdir()), *_BUILD])
    return Piece("kueue", key, _build, f"Kueue {VERSION} from source, some minutes")


def _build(folder: Path, report: Report) -> None:
    scratch = folder / "scratch"
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOGC": "800",
        "GOCACHE": str(scratch / "build"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
    }
    command = [*WITH_PARENT, *_BUILD, "-o", f"{folder}/manager", "sigs.k8s.io/kueue/cmd/kueue"]
    done = subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"building Kueue failed:\n{done.stderr[-3000:]}")
    components = scratch / "modules" / _COMPONENTS
    shutil.copytree(components / "crd" / "bases", folder / "definitions")
    shutil.copy(components / "webhook" / "manifests.yaml", folder / "webhooks.yaml")
    remove(scratch)
