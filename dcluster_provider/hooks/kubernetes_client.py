"""Credentials for Kubernetes: those of the kubernetes provider's connections, none of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.hooks.connection_type import require_type

if TYPE_CHECKING:
    from kubernetes.client import ApiClient


def kubernetes_client(conn_id: str) -> ApiClient:
    """A client with the credentials of an Airflow connection of type ``kubernetes``.

    In a cluster, from a kubeconfig, or by the plug-ins that a kubeconfig names (EKS, GKE), as the provider's
    KubernetesHook does it.

    :raises PlatformRefused: the provider is not installed, or the connection is of another type or has no credentials
        that can be used.
    """
    subject = f"connection {conn_id!r}"
    try:
        from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
    except ImportError as error:
        raise PlatformRefused(subject, _no_provider(error)) from error
    require_type(conn_id, ("kubernetes",), "kubernetes_conn_id")
    try:
        return KubernetesHook(conn_id=conn_id).get_conn()
    except Exception as error:
        raise PlatformRefused(subject, _no_credentials(conn_id, error)) from error


def _no_provider(error: ImportError) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.PROVIDER_MISSING,
        "The kubernetes provider of Airflow is not installed.",
        "Install it where this runs: pip install 'dcluster-provider[kubernetes]'.",
        (str(error),),
    )


def _no_credentials(conn_id: str, error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        f"The connection {conn_id!r} gives no credentials for a Kubernetes cluster.",
        "Set its kubeconfig (or in_cluster), or name another connection in the field kubernetes_conn_id.",
        tuple(str(error).splitlines()[-4:]),
    )
