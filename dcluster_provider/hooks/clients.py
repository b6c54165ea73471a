"""Clients with the credentials of Airflow's connections, by the type of the connection; there are none of our own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.hooks.connection import require_type
from dcluster_provider.nodes.ec2.clients import AwsClients

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_LOG = logging.getLogger(__name__)
_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


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
        raise PlatformRefused(subject, _no_kubernetes_provider(error)) from error
    require_type(conn_id, ("kubernetes",), "kubernetes_conn_id")
    try:
        return KubernetesHook(conn_id=conn_id).get_conn()
    except Exception as error:
        raise PlatformRefused(subject, _no_kubernetes_credentials(conn_id, error)) from error


def _no_kubernetes_provider(error: ImportError) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.PROVIDER_MISSING,
        "The kubernetes provider of Airflow is not installed.",
        "Install it where this runs: pip install 'dcluster-provider[kubernetes]'.",
        (str(error),),
    )


def _no_kubernetes_credentials(conn_id: str, error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        f"The connection {conn_id!r} gives no credentials for a Kubernetes cluster.",
        "Set its kubeconfig (or in_cluster), or name another connection in the field kubernetes_conn_id.",
        tuple(str(error).splitlines()[-4:]),
    )


def ec2_client(conn_id: str, region: str, once: bool) -> Any:
    """A boto3 client of EC2 with the credentials of an Airflow connection of type ``aws``.

    Where there is no such connection, or it holds no key, boto3's own ways are used: environment, profile, and the
    role of the machine or pod.

    :param region: empty means the connection's.
    :param once: make each request once only; otherwise it is repeated, slower and slower where AWS throttles.
    :raises PlatformRefused: the provider is not installed, or the connection cannot be used.
    """
    return _aws_client("ec2", conn_id, region, once)


def decoded_message(conn_id: str, region: str, encoded: str) -> str:
    """What an encoded message about a missing permission says, as JSON; nothing when that may not be asked."""
    try:
        answer = _aws_client("sts", conn_id, region, once=True).decode_authorization_message(
            EncodedMessage=encoded
        )
    except Exception as error:  # noqa: BLE001  # whatever it is, the message that is explained matters more
        _LOG.debug("an encoded message of AWS could not be decoded: %s", error)
        return ""
    return str(answer["DecodedMessage"])


def _aws_client(service: str, conn_id: str, region: str, once: bool) -> Any:
    subject = f"connection {conn_id!r}"
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
        from botocore.config import Config
    except ImportError as error:
        raise PlatformRefused(subject, _no_amazon_provider(error)) from error
    from botocore.exceptions import BotoCoreError

    require_type(conn_id, ("aws",), "aws_conn_id")
    retries: Any = {"total_max_attempts": 1} if once else {"total_max_attempts": 8, "mode": "adaptive"}
    hook: AwsGenericHook[Any] = AwsGenericHook(
        aws_conn_id=conn_id, client_type=service, region_name=region or None
    )
    try:
        # The connection's own config_kwargs (a proxy, say) stay; only what is set here goes over them.
        config = hook.config.merge(
            Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries)
        )
        return hook.get_client_type(region_name=region or None, config=config)
    except BotoCoreError:
        raise
    except Exception as error:
        raise PlatformRefused(subject, _unusable_for_aws(conn_id, error)) from error


def _no_amazon_provider(error: ImportError) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.PROVIDER_MISSING,
        "The amazon provider of Airflow is not installed.",
        "Install it where this runs: pip install 'dcluster-provider[ec2]'.",
        (str(error),),
    )


def _unusable_for_aws(conn_id: str, error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        f"The connection {conn_id!r} cannot be used for AWS.",
        "Correct it (type aws: an access key, or a role), or name another connection in the field aws_conn_id.",
        tuple(str(error).splitlines()[-4:]),
    )


def google_credentials(conn_id: str) -> Any:
    """The credentials of an Airflow connection of type ``google_cloud_platform``.

    :param conn_id: empty means the application default credentials: of the machine, the pod's workload identity, or
        the file that GOOGLE_APPLICATION_CREDENTIALS names.
    :raises PlatformRefused: what is needed is not installed, or there are no credentials that can be used.
    """
    return _google_connection_credentials(conn_id) if conn_id else _default_google_credentials()


def _google_connection_credentials(conn_id: str) -> Any:
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
        raise PlatformRefused(subject, _no_google_credentials(error)) from error


def _default_google_credentials() -> Any:
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
        credentials, _ = google.auth.default(scopes=[_GOOGLE_SCOPE])
    except Exception as error:
        raise PlatformRefused(subject, _no_google_credentials(error)) from error
    return credentials


def _no_google_credentials(error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        "There are no credentials for Google Cloud.",
        "Give the machine or pod a service account, name a key file in GOOGLE_APPLICATION_CREDENTIALS, or name an "
        "Airflow connection in the field google_conn_id.",
        tuple(str(error).splitlines()[-4:]),
    )


CLIENTS: Mapping[str, Any] = {
    "kubernetes": kubernetes_client,
    "aws": AwsClients(ec2_client, decoded_message),
    "google_cloud_platform": google_credentials,
}
