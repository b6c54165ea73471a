"""The DAG bundle of this package."""

from __future__ import annotations

from pathlib import Path

from airflow.dag_processing.bundles.base import BaseDagBundle

FOLDER = Path(__file__).parent / "bundled"


class DClusterDagBundle(BaseDagBundle):
    """The bundled DAGs, for an entry of ``[dag_processor] dag_bundle_config_list``.

    They change with the installed package only.
    """

    supports_versioning = False

    @property
    def path(self) -> Path:
        """The folder of the DAG files, in the installed package."""
        return FOLDER

    def get_current_version(self) -> None:
        """None: the version is that of the installed package."""

    def refresh(self) -> None:
        """Do nothing: the files are those of the installed package."""
