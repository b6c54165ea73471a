"""The bundle of the DAGs that come with the package."""

from __future__ import annotations

from pathlib import Path

from airflow.dag_processing.bundles.base import BaseDagBundle

FOLDER = Path(__file__).parent / "bundled"


class DClusterDagBundle(BaseDagBundle):
    """The bundled DAGs, as an entry of ``[dag_processor] dag_bundle_config_list`` brings them into Airflow.

    They change with the installed package, not by themselves.
    """

    supports_versioning = False

    @property
    def path(self) -> Path:
        """The folder of the DAG files, in the installed package."""
        return FOLDER

    def get_current_version(self) -> None:
        """None: the version is the package's."""

    def refresh(self) -> None:
        """Nothing to refresh: the files are the installed package's."""
