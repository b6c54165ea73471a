"""Flink's way to S3: a file system that is a plug-in, which its images have ready and its Python package lacks."""

from __future__ import annotations

from dcluster_provider.core.addresses import StorageEndpoint

PLUGIN = "flink-s3-fs-hadoop"


def storage_settings(endpoint: StorageEndpoint) -> dict[str, str]:
    """The settings of the plug-in; the credentials are in the environment of the cluster's processes."""
    settings = {
        "s3.endpoint": endpoint.url,
        "s3.endpoint.region": endpoint.region,
        "s3.path.style.access": "true" if endpoint.path_style else "",
    }
    return {name: value for name, value in settings.items() if value}
