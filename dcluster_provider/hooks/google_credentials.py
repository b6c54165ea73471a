"""Credentials for Google's APIs: those of the google provider's connections, or of where this runs."""

from __future__ import annotations

from typing import Any

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.hooks.connection_type import require_type

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def google_credentials(conn_id: str) -> Any:
    """The credentials of an Airflow connection of type ``google_cloud_platform``.

    :param conn_id: empty means the application default credentials: of the machine, the pod's workload identity, or
        the file that GOOGLE_APPLICATION_CREDENTIALS names.
    :raises PlatformRefused: what is needed is not installed, or there are no credentials that can be used.
    """
    return _of_connection(conn_id) if conn_id else _default()


def _of_connection(conn_id: str) -> Any:
    subject = f"connection {conn_id!r}"
    try:
        from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
    except ImportError as error:
        raise PlatformRefused(
            subject,
            Diagnosis(
                ConnectionCode.PROVIDER_MISSING,
                "The google provider of Airflow, which reads this connection, is not installed.",
                "Install it where this runs: pip install apache-airflow-providers-google; or leave google_conn_id "
                "empty, so that the application default credentials are taken.",
                (str(error),),
            ),
        ) from error
    require_type(conn_id, ("google_cloud_platform",), "google_conn_id")
    try:
        return GoogleBaseHook(gcp_conn_id=conn_id).get_credentials()
    except Exception as error:
        raise PlatformRefused(subject, _no_credentials(error)) from error


def _default() -> Any:
    subject = "application default credentials"
    try:
        import google.auth
        import google.cloud.container_v1
    except ImportError as error:
        raise PlatformRefused(
            subject,
            Diagnosis(
                ConnectionCode.CLIENT_MISSING,
                "The client library of GKE is not installed.",
                "Install it where this runs: pip install 'dcluster-provider[gke]'.",
                (str(error),),
            ),
        ) from error
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except Exception as error:
        raise PlatformRefused(subject, _no_credentials(error)) from error
    return credentials


def _no_credentials(error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        "There are no credentials for Google Cloud.",
        "Give the machine or pod a service account, name a key file in GOOGLE_APPLICATION_CREDENTIALS, or name an "
        "Airflow connection in the field google_conn_id.",
        tuple(str(error).splitlines()[-4:]),
    )
