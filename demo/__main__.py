"""Run the flights example on a Spark or Flink cluster of this machine, and end everything it started.

Usage: python -m demo [spark|flink]
"""

from __future__ import annotations

import fcntl
import signal
import sys
import time

from demo.demonstration import FOLDER, Demonstration
from demo.screen import Screen


def main(engine: str) -> int:
    """Run the demonstration; the exit code is 0 when it succeeded and nothing is left."""
    if engine not in ("spark", "flink"):
        print(f"There is no engine {engine!r}; write make demo ENGINE=spark or ENGINE=flink", file=sys.stderr)
        return 2
    screen = Screen()
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another demonstration runs in {FOLDER}; end it first", file=sys.stderr)
            return 1
        # SIGINT too: a shell's background job ignores it until told otherwise. nohup's ignored SIGHUP is respected.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _interrupt)
        return run_and_end(Demonstration(engine, screen), screen)


def run_and_end(demo: Demonstration, screen: Screen) -> int:
    """The demonstration and, whatever happens in it, its end."""
    code = 0
    try:
        demo.run()
        if sys.stdin.isatty() and screen.console.is_terminal:
            wait_for_interrupt(demo, screen)
    except KeyboardInterrupt:
        screen.say("Interrupted")
        code = 130
    except Exception as error:  # noqa: BLE001 - whatever it was, the end follows
        screen.console.print(f"The demonstration failed: {error}", style="red", markup=False)
        code = 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
    try:
        with screen.step("Ending Airflow and what is left of clusters"):
            demo.end()
    except Exception as error:  # noqa: BLE001 - shown, and the exit code tells
        screen.console.print(f"The end failed: {error}", style="red", markup=False)
        code = code or 1
    return code


def wait_for_interrupt(demo: Demonstration, screen: Screen) -> None:
    """Leave Airflow running for a person to look around."""
    screen.say(f"Look around at [bold]{demo.airflow.url}[/]; Ctrl-C ends everything.")
    try:
        while not demo.airflow.ended_by_itself():
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "spark"))
