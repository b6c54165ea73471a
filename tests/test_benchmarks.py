"""The benchmarks that need no engine still run: small here, so that what they print says nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        pytest.param(["registry_bench.py", "--jobs=600", "--calls=10"], "claim_cluster", id="registry"),
        pytest.param(["upkeep_bench.py", "--on=memory", "--clusters=20"], "1 in 20 due", id="upkeep"),
    ],
)
def test_a_benchmark_comes_to_its_end(arguments, printed, tmp_path):
    command = [sys.executable, str(BENCHMARKS / arguments[0]), *arguments[1:]]
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
