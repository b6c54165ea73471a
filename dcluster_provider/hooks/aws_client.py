"""Clients of AWS: credentials of the amazon provider's connections, none of our own."""

from __future__ import annotations

import logging
from typing import Any

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.hooks.connection_type import require_type

_LOG = logging.getLogger(__name__)
_CONNECT_SECONDS = 10
_READ_SECONDS = 60


def ec2_client(conn_id: str, region: str, once: bool) -> Any:
    """A boto3 client of EC2 with the credentials of an Airflow connection of type ``aws``.

    Where there is no such connection, or it holds no key, boto3's own ways are used: environment, profile, and the
    role of the machine or pod.

    :param region: empty means the connection's.
    :param once: make each request once only; otherwise it is repeated, slower and slower where AWS throttles.
    :raises PlatformRefused: the provider is not installed, or the connection cannot be used.
    """
    return _client("ec2", conn_id, region, once)


def decoded_message(conn_id: str, region: str, encoded: str) -> str:
    """What an encoded message about a missing permission says, as JSON; nothing when that may not be asked."""
    try:
        answer = _client("sts", conn_id, region, once=True).decode_authorization_message(
            EncodedMessage=encoded
        )
    except Exception as error:  # noqa: BLE001  # whatever it is, the message that is explained matters more
        _LOG.debug("an encoded message of AWS could not be decoded: %s", error)
        return ""
    return str(answer["DecodedMessage"])


def _client(service: str, conn_id: str, region: str, once: bool) -> Any:
    subject = f"connection {conn_id!r}"
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
        from botocore.config import Config
    except ImportError as error:
        raise PlatformRefused(subject, _no_provider(error)) from error
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
        raise PlatformRefused(subject, _unusable(conn_id, error)) from error


def _no_provider(error: ImportError) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.PROVIDER_MISSING,
        "The amazon provider of Airflow is not installed.",
        "Install it where this runs: pip install 'dcluster-provider[ec2]'.",
        (str(error),),
    )


def _unusable(conn_id: str, error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        f"The connection {conn_id!r} cannot be used for AWS.",
        "Correct it (type aws: an access key, or a role), or name another connection in the field aws_conn_id.",
        tuple(str(error).splitlines()[-4:]),
    )
