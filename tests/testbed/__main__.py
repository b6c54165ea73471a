"""python -m testbed build|up|down|status: a testbed that stays when its command has ended, for tests to use."""

from __future__ import annotations

import sys

from testbed.cache import cache_folder
from testbed.lifecycle import end, is_outdated, prepare, start_to_stay, staying, what_is_missing
from testbed.run_folder import remove_dead, starting


def build() -> None:
    """Build what a testbed is made of, and start none."""
    missing = what_is_missing()
    if missing:
        sys.exit(f"No Kubernetes can be built here: {missing}")
    prepare(report)


def up() -> None:
    """Start a testbed unless one runs."""
    with starting():
        runs = staying()
        if not runs:
            missing = what_is_missing()
            if missing:
                sys.exit(f"No Kubernetes can be built here: {missing}")
            runs = [start_to_stay(report)]
    if is_outdated(runs[0]):
        report("It was built from other recipes than this checkout's: make testbed-down ends it")
    report(f"export KUBECONFIG={runs[0].kubeconfig}")


def down() -> None:
    """End the testbeds that stay, and remove what dead ones left."""
    for run in staying():
        end(run)
        report(f"Ended {run.id}")
    for dead in remove_dead():
        report(f"Removed what {dead} left")


def status() -> None:
    """Say what runs."""
    for run in staying():
        report(f"{run.id} {run.read(run.state)['server']} KUBECONFIG={run.kubeconfig}")
    report(f"Everything is in {cache_folder()}")


def report(message: str) -> None:
    """Print at once, so that progress is seen."""
    print(message, flush=True)


if __name__ == "__main__":
    commands = {"build": build, "up": up, "down": down, "status": status}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
