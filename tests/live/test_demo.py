"""The demonstration as a new user runs it: a fresh clone, an empty home, two commands."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import psutil
import pytest
from hanging import HANG_SECONDS, wait_until

from demo.flights import ROWS
from demo.standalone import MARK, Standalone
from tests.live.trials import long_except

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of what is committed, which nothing was installed into."""
    folder = tmp_path_factory.mktemp("clone") / "dcluster-provider"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    yield folder
    Standalone(folder / ".demo" / "airflow", folder, {}).end_earlier()  # after a test that failed


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A new user's environment, except for the caches of downloads."""
    home = Path.home()
    caches = {"UV_CACHE_DIR": home / ".cache" / "uv", "PIP_CACHE_DIR": home / ".cache" / "pip"}
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "DCLUSTER"))}
    return (
        {name: str(path) for name, path in caches.items()}
        | own
        | {"HOME": str(tmp_path_factory.mktemp("home"))}
    )


def start(clone, environment, engine, out):
    command = ["make", "demo", f"ENGINE={engine}", f"PYTHON={sys.executable}"]
    return subprocess.Popen(
        command,
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=out.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def expected_delays(flights, *keys):
    """Flights that arrived and their mean delay by keys, in plain Python."""
    delays = defaultdict(list)
    with flights.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["arr_delay"] != "NA":
                delays[tuple(row[key] for key in keys)].append(int(row["arr_delay"]))
    return {key: (len(values), sum(values) / len(values)) for key, values in delays.items()}


def computed_delays(table, *keys):
    rows = json.loads(table.read_text())
    return {tuple(row[key] for key in keys): (row["flights"], row["mean_arr_delay"]) for row in rows}


def assert_nothing_is_left(clone):
    home = str(clone / ".demo" / "airflow")
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == home or any(home in word for word in process.cmdline()):
                left.append(process)
        except psutil.Error:
            continue
    assert left == []


@pytest.mark.parametrize("engine", long_except(["spark"], ["spark", "flink"]))
def test_demo_computes_what_plain_python_computes(clone, environment, engine, tmp_path):
    out = tmp_path / "out.txt"
    code = start(clone, environment, engine, out).wait()
    said = out.read_text()
    assert code == 0, said
    assert "Everything is ended" in said
    assert_nothing_is_left(clone)

    flights = clone / ".demo" / "flights" / "flights.csv"
    with flights.open() as file:
        assert sum(1 for _ in file) == ROWS + 1
    carriers = computed_delays(flights.with_name(engine) / "by_carrier.json", "carrier")
    assert carriers.keys() == expected_delays(flights, "carrier").keys()
    for carrier, (count, mean) in expected_delays(flights, "carrier").items():
        assert carriers[carrier] == (count, pytest.approx(mean, rel=1e-12))
    routes = computed_delays(flights.with_name(engine) / "by_route.json", "origin", "dest")
    every_route = expected_delays(flights, "origin", "dest")
    assert routes.keys() == {route for route, (count, _) in every_route.items() if count >= 100}
    assert all(
        routes[route] == (every_route[route][0], pytest.approx(every_route[route][1])) for route in routes
    )


@pytest.mark.long
def test_interrupted_demo_leaves_nothing_and_downloads_nothing_again(clone, environment, tmp_path):
    out = tmp_path / "out.txt"
    demo = start(clone, environment, "spark", out)
    try:
        assert wait_until(lambda: demo.poll() is not None or "analyse" in out.read_text())
        os.killpg(demo.pid, signal.SIGINT)  # Ctrl-C reaches make and the demonstration
        assert demo.wait(HANG_SECONDS) != 0
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
    said = out.read_text()
    assert "Interrupted" in said, said
    assert "Everything is ended" in said, said
    assert "PyPI" not in said, said
    assert "Installing" not in said, said
    assert_nothing_is_left(clone)
