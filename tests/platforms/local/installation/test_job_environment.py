"""Environments of jobs with requirements: made once for equal ones, and removed when nothing needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from brought import packed_environment, requirements, wheel
from hanging import HANG_SECONDS
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.platforms.local.files import locked
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.installation.job_environment import JobEnvironment, prune_environments
from dcluster_provider.platforms.local.layout import ClusterPlace

PYTHON = Path(sys.executable)
ENGINE = LocalEngine("spark", "3.5.9", PYTHON, PYTHON.parent, PYTHON, 17)
PRINT = ("-c", "import taxes, psutil; print('paid', taxes.amount())")


@pytest.fixture
def place(tmp_path):
    return ClusterPlace(tmp_path / "home", "spark3-dev-team-1")


@pytest.fixture
def job(tmp_path):
    return make_job(make_cluster(), requirements=requirements(tmp_path))


def command(
    place: ClusterPlace, job, engine: LocalEngine = ENGINE, program: tuple[str, ...] = PRINT
) -> tuple[JobEnvironment, tuple[str, ...]]:
    """The environment of a job, and the command of a program that needs what is in it."""
    environment = JobEnvironment.of(place, engine, job.spec)
    place.job(job).conf.mkdir(parents=True, exist_ok=True)
    return environment, environment.command(place, job, (str(environment.python), *program))


def run(argv: tuple[str, ...]) -> str:
    ended = subprocess.run(
        argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=HANG_SECONDS, text=True
    )
    return ended.stdout


def test_a_job_without_requirements_has_the_engines_python(place):
    assert JobEnvironment.of(place, ENGINE, make_job(make_cluster()).spec) is None


def test_jobs_that_begin_at_once_install_once_and_find_the_engines_packages_too(place, job):
    environment, argv = command(place, job)
    half_made = environment.folder / "lib" / "half_made"
    half_made.mkdir(parents=True)  # by one that was killed
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(run, [argv] * 3))
    assert [each.splitlines()[-1] for each in told] == ["paid 5"] * 3, told
    assert sum("Successfully installed taxes-1.0" in each for each in told) == 1
    assert not half_made.exists()
    begun = (environment.folder / "ready").stat().st_mtime
    assert run(argv) == "paid 5\n"
    assert (environment.folder / "ready").stat().st_mtime > begun


def test_what_cannot_be_installed_ends_the_job_and_leaves_nothing_for_whole(place, job, tmp_path):
    (tmp_path / "requirements.txt").write_text("taxes==2.0")
    environment, argv = command(place, job)
    ended = subprocess.run(argv, check=False, capture_output=True, timeout=HANG_SECONDS, text=True)
    assert ended.returncode == 1
    assert "ERROR:" in ended.stderr
    assert "The job's requirements cannot be installed" in ended.stderr
    assert not (environment.folder / "ready").exists()


def test_a_packed_environment_is_unpacked_once_and_its_own_python_runs_the_job(place, tmp_path):
    packed = packed_environment(tmp_path, str(PYTHON.resolve()))
    job = make_job(make_cluster(), requirements=[str(packed)])
    program = ("-c", "import sys, taxes; print(sys.prefix, taxes.amount())")
    environment, argv = command(place, job, program=program)
    for _ in range(2):
        assert run(argv) == f"{environment.folder} 5\n"
    assert (environment.folder / "moved").read_text() == "moved"


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"no archive", "cannot be unpacked"), (b"", "cannot be u"), (None, "bin/python in it")],
)
def test_what_is_no_environment_ends_the_job_with_its_name(place, tmp_path, content, told):
    packed = tmp_path / "environment.tar.gz"
    if content is None:
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(__file__, "readme.txt")
    else:
        packed.write_bytes(content)
    environment, argv = command(place, make_job(make_cluster(), requirements=[str(packed)]))
    said = run(argv)
    assert told in said
    assert str(packed) in said
    assert not (environment.folder / "ready").exists()


def test_other_contents_or_another_engine_have_another_environment(place, job, tmp_path):
    first = JobEnvironment.of(place, ENGINE, job.spec).folder
    assert JobEnvironment.of(place, ENGINE, job.spec).folder == first
    other = LocalEngine("spark", "4.0.5", tmp_path / "bin" / "python", PYTHON.parent, PYTHON, 17)
    wheel(tmp_path, "taxes").write_bytes(b"another")
    assert (
        len(
            {
                first,
                JobEnvironment.of(place, ENGINE, job.spec).folder,
                JobEnvironment.of(place, other, job.spec).folder,
            }
        )
        == 3
    )


def test_an_environment_stays_while_it_is_young_used_or_locked(place, job):
    environment, _ = command(place, job)
    ready = environment.folder / "ready"
    environment.folder.mkdir(parents=True)
    ready.touch()
    prune_environments(place.home, keep_days=1)
    assert ready.exists()
    long_ago = time.time() - 2 * 86400
    os.utime(ready, (long_ago, long_ago))
    prune_environments(place.home, keep_days=1)
    assert ready.exists()  # a cluster has a job for it
    (plan,) = place.job(job).conf.glob("*.json")
    assert json.loads(plan.read_text())["folder"] == str(environment.folder)
    plan.unlink()
    with locked(environment.folder.with_name(f"{environment.folder.name}.lock")):
        prune_environments(place.home, keep_days=1)
        assert ready.exists()
    prune_environments(place.home, keep_days=1)
    assert not environment.folder.exists()
