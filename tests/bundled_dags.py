"""The ids of all bundled DAGs."""

from __future__ import annotations

from dcluster_provider.dags import ids

BUNDLED_DAGS = {value for name, value in vars(ids).items() if name.isupper()}
