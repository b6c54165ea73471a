"""Real processes that launch are killed at their calls, or run at once: the instances are launched once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aws.behaviour import IMAGE
from aws.server import REGION
from hanging import HANG_SECONDS

TESTS = Path(__file__).parents[2]
MARK = "0" * 32
SETTINGS = {
    "conn_id": "aws_test",
    "deployment": "prod",
    "region": REGION,
    "image": IMAGE,
    "market": "spot, then on-demand",
    "alternatives": ["m5a.large"],
}


class Runner:
    """Starts launches in processes of their own."""

    def __init__(self, address: str, folder: Path) -> None:
        self._folder = folder
        paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "aws.runner", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self._process.stdout.readline()

    def launch(self, count: int, processes: int = 1) -> list:
        """What each process ended with: the ids of its instances, the text of its error, or none when it was killed."""
        for number in range(processes):
            (self._folder / str(number)).unlink(missing_ok=True)
        order = {"mark": MARK, "count": count, "instance_types": ["m5.large"], "region": REGION}
        work = {
            "settings": SETTINGS,
            "order": order,
            "processes": processes,
            "results": str(self._folder),
        }
        self._process.stdin.write(json.dumps(work) + "\n")
        self._process.stdin.flush()
        codes = json.loads(self._process.stdout.readline())
        assert set(codes) <= {0, -signal.SIGKILL}
        return [
            json.loads((self._folder / str(number)).read_text()) if code == 0 else None
            for number, code in enumerate(codes)
        ]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=HANG_SECONDS)


@pytest.fixture(scope="module")
def runner(server, tmp_path_factory):
    found = Runner(server.address, tmp_path_factory.mktemp("runner"))
    yield found
    found.close()


def kill_at(aws, number: int, when: str) -> None:
    """End the client with its call of this number, before EC2 does it or before it is answered."""
    seen = []

    def look(call):
        seen.append(call)
        if len(seen) == number:
            os.kill(call.process, signal.SIGKILL)

    setattr(aws.rules, when, look)


def spare(aws) -> None:
    aws.rules.before = aws.rules.after = lambda call: None


@pytest.mark.parametrize("seed", range(50))
def test_a_launch_that_is_killed_anywhere_and_repeated_has_its_instances_once(aws, runner, seed):
    chosen = random.Random(seed)
    count = chosen.randint(1, 5)
    first, second = chosen.randint(0, count), chosen.randint(0, count)
    aws.rules.rooms |= {"spot m5.large": first, "spot m5a.large": second}
    aws.rules.lag = chosen.choice([(0, 0), (0, 4), (3, 4)])
    kill_at(aws, chosen.randint(1, 3), chosen.choice(["before", "after"]))
    assert runner.launch(count) == [None]
    spare(aws)
    kill_at(aws, chosen.randint(1, 3), chosen.choice(["before", "after"]))
    runner.launch(count)  # what the first one launched may be all that is wanted
    spare(aws)
    (ids,) = runner.launch(count)
    assert len(ids) == count
    assert set(ids) == aws.live()
    assert set(aws.instances()) == aws.live(), "an instance was launched in vain"
    assert runner.launch(count) == [ids]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 10))
def test_a_launch_in_vain_that_is_killed_anywhere_leaves_nothing_once_it_is_repeated(
    aws, runner, number, when
):
    aws.rules.rooms |= dict.fromkeys(
        ["spot m5.large", "spot m5a.large", "on-demand m5.large", "on-demand m5a.large"], 0
    )
    aws.rules.rooms["spot m5a.large"] = 2
    kill_at(aws, number, when)
    runner.launch(3)
    spare(aws)
    (error,) = runner.launch(3)
    assert error.startswith("NodesFailed")
    assert aws.live() == set()


@pytest.mark.parametrize("lag", [(0, 0), (0, 4)])
def test_processes_at_once_launch_the_same_instances(aws, runner, lag):
    aws.rules.lag = lag
    aws.rules.rooms["spot m5.large"] = 2
    results = runner.launch(3, processes=3)
    assert all(set(ids) == aws.live() for ids in results)
    assert len(aws.instances()) == 3


@pytest.mark.parametrize("seed", range(5))
def test_processes_at_once_that_were_answered_differently_agree_in_the_end(aws, runner, seed):
    """Capacity comes and goes between them, so they launch from different candidates; one look later all is settled."""
    aws.rules.lag = random.Random(seed).choice([(0, 0), (0, 4)])
    aws.rules.refusals |= {"spot m5.large": 1 + seed % 3, "spot m5a.large": 1}
    runner.launch(3, processes=4)
    (ids,) = runner.launch(3)
    assert set(ids) == aws.live()
    assert len(ids) == 3
