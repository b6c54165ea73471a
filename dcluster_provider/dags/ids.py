"""The ids of the bundled DAGs, by which they are triggered and rights are granted."""

from __future__ import annotations

LAUNCH_CLUSTER = "dcluster_launch_cluster"
TERMINATE_CLUSTER = "dcluster_terminate_cluster"
RESIZE_CLUSTER = "dcluster_resize_cluster"
SUBMIT_JOB = "dcluster_submit_job"
TERMINATE_JOB = "dcluster_terminate_job"
CLUSTER_CHECK = "dcluster_cluster_check"
LONG_RUNNING_ALERT = "dcluster_long_running_alert"
LAUNCH_NODES = "dcluster_launch_nodes"
DESTROY_NODES = "dcluster_destroy_nodes"
NODE_CLEANUP = "dcluster_node_cleanup"
INSTANCE_SYNC = "dcluster_instance_sync"
