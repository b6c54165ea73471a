"""What an Airflow connection of type ``aws`` says of S3, for processes that are not Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dcluster_provider.core.addresses import AWS_VARIABLES, StorageEndpoint
from dcluster_provider.core.errors import InvalidSpec

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

_TYPE = "aws"
_OF_AWS = ".amazonaws.com"


def aws_endpoint(conn_id: str) -> StorageEndpoint:
    """Where a connection finds S3.

    :raises InvalidSpec: the connection is of another type.
    """
    hook = _hook(conn_id)
    url = hook.conn_config.get_service_endpoint_url(service_name="s3") or ""
    return StorageEndpoint(url, hook.region_name or "", _is_path_style(hook.conn_config, url))


def aws_credentials(conn_id: str) -> dict[str, str]:
    """The credentials that a connection comes to, by the names of ``AWS_VARIABLES``; they are masked from then on.

    A connection that names no key, role or profile has none for jobs: they use the role of their machine or pod.

    :raises InvalidSpec: the connection is of another type.
    """
    from airflow.sdk.log import mask_secret

    hook = _hook(conn_id)
    if not _has_credentials(hook.conn_config):
        return {}
    found = hook.get_credentials()
    values = dict(zip(AWS_VARIABLES, (found.access_key, found.secret_key, found.token), strict=True))
    for name in AWS_VARIABLES[1:]:
        if values[name]:
            mask_secret(values[name])
    return {name: value for name, value in values.items() if value}


def _hook(conn_id: str) -> AwsGenericHook[Any]:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from airflow.sdk import BaseHook

    found = BaseHook.get_connection(conn_id).conn_type
    if found != _TYPE:
        raise InvalidSpec(
            f"field storageConnId: the connection {conn_id!r} is of type {found!r}; name one of type {_TYPE!r}"
        )
    return AwsGenericHook(aws_conn_id=conn_id, client_type="s3")


def _is_path_style(config: AwsConnectionWrapper, url: str) -> bool:
    style = ((config.extra_config.get("config_kwargs") or {}).get("s3") or {}).get("addressing_style")
    if style in ("path", "virtual"):
        return bool(style == "path")
    # Stores other than AWS's seldom have a host name for each bucket.
    return bool(url) and not (urlsplit(url).hostname or "").endswith(_OF_AWS)


def _has_credentials(config: AwsConnectionWrapper) -> bool:
    return any((config.aws_access_key_id, config.role_arn, config.profile_name, config.assume_role_method))
