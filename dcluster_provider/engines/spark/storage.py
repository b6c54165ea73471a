"""Spark's way to S3: Hadoop's file system s3a, which is not among Spark's own jars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dcluster_provider.core.addresses import StorageEndpoint

_PACKAGES, _EXCLUDES = "spark.jars.packages", "spark.jars.excludes"
FILE_SYSTEM_JAR = "hadoop-aws-*.jar"  # in a folder of jars that has the file system
_SDK_1, _SDK_2 = "com.amazonaws", "software.amazon.awssdk"
# The file system needs a few of some hundred services, which Hadoop takes in one jar of up to 650 MB.
_SERVICES = {
    _SDK_1: ("aws-java-sdk-s3", "aws-java-sdk-sts", "aws-java-sdk-dynamodb"),
    _SDK_2: ("s3", "s3-transfer-manager", "sts"),
}
BUNDLES = (f"{_SDK_1}:aws-java-sdk-bundle", f"{_SDK_2}:bundle")


def storage_settings(endpoint: StorageEndpoint) -> dict[str, str]:
    """The settings of s3a; the credentials are in the driver's environment, from which Spark takes them."""
    settings = {
        "spark.hadoop.fs.s3a.endpoint": endpoint.url,
        "spark.hadoop.fs.s3a.endpoint.region": endpoint.region,
        "spark.hadoop.fs.s3a.path.style.access": "true" if endpoint.path_style else "",
    }
    return {name: value for name, value in settings.items() if value}


def file_system_packages(hadoop: str, aws_sdk: str) -> tuple[str, ...]:
    """The Maven packages that the file system is of, without the services that it does not need.

    :param hadoop: the version of Hadoop that a release of Spark is built with.
    :param aws_sdk: the version of AWS's library that this Hadoop is built with.
    """
    group = _SDK_1 if aws_sdk.startswith("1.") else _SDK_2
    return f"org.apache.hadoop:hadoop-aws:{hadoop}", *(
        f"{group}:{name}:{aws_sdk}" for name in _SERVICES[group]
    )


def file_system_settings(settings: Mapping[str, str], packages: Iterable[str]) -> dict[str, str]:
    """The settings with which a job's driver and executors have the file system.

    :param settings: the job's, to which they are added.
    :param packages: as :func:`file_system_packages` says.
    """
    wanted = [settings.get(_PACKAGES, ""), *packages]
    excluded = [settings.get(_EXCLUDES, ""), *BUNDLES]
    return {
        _PACKAGES: ",".join(each for each in wanted if each),
        _EXCLUDES: ",".join(each for each in excluded if each),
    }
