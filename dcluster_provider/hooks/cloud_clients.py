"""Clients of clouds with the credentials of Airflow's connections."""

from __future__ import annotations

from dcluster_provider.control.nodes.clouds import CloudClients
from dcluster_provider.hooks.aws_client import decoded_message, ec2_client
from dcluster_provider.hooks.google_credentials import google_credentials

CLOUD_CLIENTS = CloudClients(ec2=ec2_client, gke=google_credentials, aws_message=decoded_message)
