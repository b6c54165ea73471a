"""Translates EC2's error codes into errors of this package."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.cause_patterns import CausePattern, resolve_cause
from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis, DiagnosisCode, NodeCode
from dcluster_provider.core.errors import (
    CloudUnavailable,
    CredentialsRefused,
    DClusterError,
    NodesFailed,
    PlatformRefused,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


class Ec2Code(DiagnosisCode):
    """What only EC2 refuses."""

    LAUNCH_REFUSED = (
        "LaunchRefused",
        "EC2 cannot accept a launch: a field of the request or connection is wrong.",
    )
    REGION_NOT_ENABLED = "RegionNotEnabled", "The region is not enabled for the AWS account."


# Here there are no such instances just now, or no more of them: elsewhere there may be.
CAPACITY = frozenset({
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "InstanceLimitExceeded",
    "MaxFleetCountExceeded",
    "MaxSpotInstanceCountExceeded",
    "ReservationCapacityExceeded",
    "SpotMaxPriceTooLow",
    "UnfulfillableCapacity",
    "Unsupported",
    "VcpuLimitExceeded",
})  # fmt: skip
_LATER = frozenset({
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "RequestThrottled",
    "RequestThrottledException",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "ServiceUnavailable",
    "Unavailable",
})  # fmt: skip
_NOT_ENABLED = "OptInRequired"
_UNAUTHORIZED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_CREDENTIALS = frozenset({
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
})  # fmt: skip
# Searched in the code and message of an error.
_LAUNCHES = (
    *(
        CausePattern(
            Ec2Code.LAUNCH_REFUSED,
            pattern,
            "EC2 refused the launch.",
            f"Correct the field {field} of the connection: it has to exist in the region that is asked.",
        )
        for pattern, field in (
            (r"^InvalidIamInstanceProfile|iamInstanceProfile", "ec2_instance_profile"),
            (r"^InvalidAMIID", "ec2_image"),
            (r"^InvalidSubnet", "ec2_subnets"),
            (r"^Invalid(?:Security)?Group", "ec2_security_groups"),
            (r"^InvalidLaunchTemplate", "ec2_launch_template"),
            (r"^InvalidUserData", "ec2_user_data"),
        )
    ),
    CausePattern(
        Ec2Code.LAUNCH_REFUSED,
        r"",
        "EC2 refused the launch.",
        "Correct what EC2 complains of: a field of the request, of the connection or of its launch template.",
    ),
)
_REQUESTS = (
    CausePattern(
        Ec2Code.REGION_NOT_ENABLED,
        rf"^{_NOT_ENABLED}: ",
        "The region {region} is not enabled for the account.",
        "Enable it in the account's settings, or name another region.",
    ),
    CausePattern(NodeCode.REQUEST_REJECTED, r"", "EC2 refused {operation}.", "Correct what it complains of."),
)
_ENCODED = re.compile(r"Encoded authorization failure message:\s*(\S+)")
_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")

Decode = Callable[[str], str]


def code_of(error: ClientError) -> str:
    """The error code of a botocore error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(error: Exception, conn_id: str, region: str, decode: Decode) -> DClusterError:
    """The error that replaces one of botocore's.

    :param conn_id: the connection that credentials come from, for the message.
    :param decode: decodes an authorization message of AWS to JSON; empty when that is not permitted.
    """
    from botocore import exceptions as botocore

    if isinstance(error, botocore.ClientError):
        return _of_answer(error, conn_id, region, decode)
    if isinstance(error, botocore.HTTPClientError | botocore.ConnectionError):
        return CloudUnavailable(f"EC2 in {region} cannot be reached: {error}")
    if isinstance(
        error,
        botocore.NoCredentialsError
        | botocore.PartialCredentialsError
        | botocore.CredentialRetrievalError
        | botocore.UnknownCredentialError,
    ):
        return PlatformRefused(f"EC2 in {region}", _no_credentials(conn_id, error))
    return PlatformRefused(
        f"EC2 in {region}",
        Diagnosis(
            NodeCode.REQUEST_REJECTED,
            "The request to EC2 was not sent.",
            f"See what is reported of it, and check the connection {conn_id!r}.",
            (str(error),),
        ),
    )


def launch_refusal(error: ClientError, subject: str) -> NodesFailed | None:
    """The error of a launch that fails with every candidate; None for other errors."""
    code, message = code_of(error), _message(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if code in _UNAUTHORIZED | _CREDENTIALS | _LATER | {_NOT_ENABLED} or status >= 500:
        return None
    return NodesFailed(subject, _diagnosis(_LAUNCHES, code, message))


def _of_answer(error: ClientError, conn_id: str, region: str, decode: Decode) -> DClusterError:
    code, message = code_of(error), _message(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    subject = f"EC2 in {region}"
    if code in _UNAUTHORIZED:
        return PlatformRefused(subject, _unauthorized(error, conn_id, decode))
    if code in _CREDENTIALS:
        return CredentialsRefused(
            f"{subject}: the credentials of connection {conn_id!r} are not accepted: {code}: {message} (a region that "
            "is not enabled for the account answers so, too)"
        )
    if (code in _LATER or status >= 500) and code != _NOT_ENABLED:
        return CloudUnavailable(f"{subject} could not answer {error.operation_name}: {code}: {message}")
    words = {"region": region, "operation": error.operation_name}
    return PlatformRefused(subject, _diagnosis(_REQUESTS, code, message, **words))


def _diagnosis(rows: Sequence[CausePattern], code: str, message: str, **words: str) -> Diagnosis:
    line = f"{code}: {message}"
    return resolve_cause(rows, line, **words).diagnosis((line,))


def _unauthorized(error: ClientError, conn_id: str, decode: Decode) -> Diagnosis:
    message = _message(error)
    encoded = _ENCODED.search(message)
    decoded = _context(decode(encoded[1])) if encoded else {}
    named = _ACTION.search(message)
    action = decoded.get("action") or (named[1] if named else f"ec2:{error.operation_name}")
    allowed = (
        f"Allow {action} in the policy of {decoded.get('principal') or f'the credentials of {conn_id!r}'}"
    )
    if action == "ec2:RunInstances":
        allowed += "; a launch needs ec2:CreateTags, and iam:PassRole for its instance profile, too"
    evidence = [_ENCODED.sub("", message).strip()]
    if decoded.get("resource"):
        evidence.append(f"denied {action} on {decoded['resource']}")
    if encoded and not decoded:
        allowed += ". With sts:DecodeAuthorizationMessage, the resource would be named here"
    return Diagnosis(
        ConnectionCode.PERMISSION_MISSING,
        f"AWS does not let the connection {conn_id!r} do {action}.",
        f"{allowed}. The page on nodes has a policy with everything that is needed.",
        tuple(line for line in evidence if line),
    )


def _context(decoded: str) -> dict[str, Any]:
    """Action, resource and principal of a decoded message."""
    try:
        context = json.loads(decoded)["context"]
        found = {name: context.get(name) for name in ("action", "resource")}
        principal = context.get("principal") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found | {"principal": principal.get("arn") if isinstance(principal, dict) else None}


def _no_credentials(conn_id: str, error: Exception) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        f"The connection {conn_id!r} gives no credentials for AWS.",
        "Give it an clients key or a role, or name another connection in the field aws_conn_id; where Airflow itself "
        "runs on AWS, the role of its machine or pod is used when the connection has none.",
        (str(error),),
    )


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))
