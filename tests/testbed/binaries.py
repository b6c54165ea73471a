"""The programs of Kubernetes, etcd, CoreDNS and kwok, built from Go modules."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from testbed.cache import Piece, Report, key_of, remove
from testbed.namespaces import WITH_PARENT

SOURCES = Path(__file__).parent / "go"
KUBERNETES = re.findall(r"k8s.io/kubernetes (v\S+)", (SOURCES / "go.mod").read_text())[0]
LDFLAGS = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
# Debug information is stripped in the end anyway; not making it saves a sixth of the time.
GO_BUILD = ["go", "build", "-v", "-trimpath", "-ldflags", LDFLAGS, "-gcflags=all=-dwarf=false"]
PACKAGES = ["tool", "./etcd", "./coredns", "./kwok"]  # "tool": what go.mod lists as tools


def binaries() -> Piece:
    """A folder with all programs."""
    sources = sorted(path for path in SOURCES.rglob("*") if path.is_file())
    names = (str(path.relative_to(SOURCES)) for path in sources)
    key = key_of([*names, *sources, *GO_BUILD, *PACKAGES])
    return Piece("binaries", key, _build, f"Kubernetes {KUBERNETES} and etcd from source, some minutes")


def _build(folder: Path, report: Report) -> None:
    scratch = folder / "scratch"
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOGC": "800",  # compilers live for a second: collecting their garbage costs a quarter of the time
        "GOCACHE": str(scratch / "build"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
    }
    command = [*WITH_PARENT, *GO_BUILD, "-o", f"{folder}/", *PACKAGES]
    log = folder / "build.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=SOURCES, env=environment, stdout=output, stderr=output)
        _report_progress(process, log, report)
    if process.returncode:
        raise RuntimeError(f"building the programs failed:\n{_last_lines(log)}")
    remove(scratch)


def _report_progress(process: subprocess.Popen[bytes], log: Path, report: Report) -> None:
    begun = time.monotonic()
    while True:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            lines = log.read_text().splitlines()
            compiled = sum(not line.startswith("go: ") for line in lines)
            report(f"  {compiled} Go packages compiled after {time.monotonic() - begun:.0f} s")
        else:
            return


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-20:])
