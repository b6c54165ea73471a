"""What makes clients with the credentials of Airflow's connections, by the type of the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcluster_provider.hooks.aws_client import decoded_message, ec2_client
from dcluster_provider.hooks.google_credentials import google_credentials
from dcluster_provider.hooks.kubernetes_client import kubernetes_client
from dcluster_provider.nodes.ec2.backend import AwsClients

CLIENTS: Mapping[str, Any] = {
    "kubernetes": kubernetes_client,
    "aws": AwsClients(ec2_client, decoded_message),
    "google_cloud_platform": google_credentials,
}
