"""What a DAG file pays for importing the operators, above what importing Airflow's SDK costs anyway.

    python benchmarks/import_bench.py [--runs N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

MODULES = (
    "dcluster_provider.operators.cluster",
    "dcluster_provider.operators.job",
    "dcluster_provider.sensors.job",
    "airflow.providers.standard.operators.python",  # to compare with
)
PROGRAM = """
import sys, time
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
modules, begun = len(sys.modules), time.process_time()
import {module}
print(time.process_time() - begun, len(sys.modules) - modules)
"""


def main(runs: int) -> None:
    """Import each module in fresh processes, and print the median CPU time and the number of modules it brings."""
    print(f"{'module':<50} {'CPU seconds':>12} {'modules':>8}   (median of {runs})")
    for module in MODULES:
        measured = [measure(module) for _ in range(runs)]
        print(f"{module:<50} {median(cost for cost, _ in measured):>12.3f} {measured[-1][1]:>8}")


def measure(module: str) -> tuple[float, int]:
    """CPU seconds and modules that one import costs in a process of its own."""
    program = [sys.executable, "-c", PROGRAM.format(module=module)]
    answer = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    return float(answer[-2]), int(answer[-1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    main(parser.parse_args().runs)
