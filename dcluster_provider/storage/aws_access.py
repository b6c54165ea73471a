"""What an Airflow connection of type ``aws`` says of S3, for processes that are not Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dcluster_provider.core.addresses import AWS_VARIABLES, StorageAccess
from dcluster_provider.core.errors import InvalidSpec

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

_TYPE = "aws"
_OF_AWS = ".amazonaws.com"


def aws_access(conn_id: str) -> StorageAccess:
    """What a connection says of S3: its endpoint, its region, and the credentials that it comes to.

    A connection that names no key, role or profile has none for jobs: they use the role of their machine or pod.

    :raises InvalidSpec: the connection is of another type.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from airflow.sdk import BaseHook

    found = BaseHook.get_connection(conn_id).conn_type
    if found != _TYPE:
        raise InvalidSpec(
            f"field storageConnId: the connection {conn_id!r} is of type {found!r}; name one of type {_TYPE!r}"
        )
    hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id=conn_id, client_type="s3")
    config = hook.conn_config
    endpoint = config.get_service_endpoint_url(service_name="s3") or ""
    return StorageAccess(
        endpoint=endpoint,
        region=hook.region_name or "",
        path_style=_is_path_style(config, endpoint),
        credentials=_credentials(hook) if _has_credentials(config) else {},
    )


def _is_path_style(config: AwsConnectionWrapper, endpoint: str) -> bool:
    style = ((config.extra_config.get("config_kwargs") or {}).get("s3") or {}).get("addressing_style")
    if style in ("path", "virtual"):
        return bool(style == "path")
    # Stores other than AWS's seldom have a host name for each bucket.
    return bool(endpoint) and not (urlsplit(endpoint).hostname or "").endswith(_OF_AWS)


def _has_credentials(config: AwsConnectionWrapper) -> bool:
    return any((config.aws_access_key_id, config.role_arn, config.profile_name, config.assume_role_method))


def _credentials(hook: AwsGenericHook[Any]) -> dict[str, str]:
    from airflow.sdk.log import mask_secret

    found = hook.get_credentials()
    values = dict(zip(AWS_VARIABLES, (found.access_key, found.secret_key, found.token), strict=True))
    for name in AWS_VARIABLES[1:]:
        if values[name]:
            mask_secret(values[name])
    return {name: value for name, value in values.items() if value}
