"""Mean arrival delay by carrier and by route, in Flink: reads flights as CSV, prints and writes two tables.

Usage: flights_flink.py FLIGHTS_CSV OUTPUT_FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

MIN_FLIGHTS = 100  # a route with fewer says little about itself
COLUMNS = """
year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier flight tailnum
origin dest air_time distance hour minute time_hour
"""
# Flink's CSV has no header line: every column is text, and TRY_CAST drops the line of names along with NA.
SOURCE = """
CREATE TEMPORARY TABLE flights ({columns}) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv')
"""
# One pass over the flights for both tables, so the application is one Flink job.
QUERY = """
SELECT carrier, origin, dest, COUNT(*) AS flights, AVG(delay) AS mean_arr_delay
FROM (SELECT carrier, origin, dest, TRY_CAST(arr_delay AS DOUBLE) AS delay FROM flights)
WHERE delay IS NOT NULL
GROUP BY GROUPING SETS ((carrier), (origin, dest))
"""


def main(source: str, output: str) -> None:
    """Compute both tables in one job."""
    environment = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    columns = ", ".join(f"`{name}` STRING" for name in COLUMNS.split())
    environment.execute_sql(SOURCE.format(columns=columns, path=source.replace("'", "''")))
    carriers, routes = [], []
    with environment.execute_sql(QUERY).collect() as rows:
        for carrier, origin, dest, flights, delay in rows:
            measured = {"flights": flights, "mean_arr_delay": delay}
            if carrier is not None:
                carriers.append({"carrier": carrier, **measured})
            elif flights >= MIN_FLIGHTS:
                routes.append({"origin": origin, "dest": dest, **measured})
    publish(carriers, Path(output, "by_carrier.json"))
    publish(routes, Path(output, "by_route.json"))


def publish(table: list[dict[str, object]], path: Path) -> None:
    """Print the head of a table, the latest first, and write all of it; the client can write to the folder."""
    table.sort(key=lambda row: row["mean_arr_delay"], reverse=True)
    print(path.stem, *(json.dumps(row) for row in table[:10]), sep="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
