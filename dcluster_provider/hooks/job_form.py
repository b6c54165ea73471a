"""The connection form's fields that concern jobs; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.form_field import text

JOB_FIELDS: dict[str, dict[str, Any]] = {
    "application_template": text(
        "Application template",
        "The file of a job that names none, with {client}, {module}, {codeVersion}, {pipelineVersion}, "
        "{pipelineConfig}, {moduleType} and {jobType} in it, such as /apps/{client}/{module}/{codeVersion}/main.py.",
    ),
    "main_class_template": text(
        "Main class template", "The class to run in such a file when it is a jar, with the same placeholders."
    ),
    "args_template": text(
        "Arguments template", "Its arguments, a JSON list of texts with the same placeholders."
    ),
    "external_clusters": text(
        "External clusters",
        "Clusters that somebody else runs, for useExternalCluster, a JSON object of names: "
        '{"reports": {"type": "spark3", "master": "spark://host:7077", "rest": "http://host:8080"}}.',
    ),
    "grafana_url": text(
        "Grafana address",
        "Where logs are read in Grafana, with {search} (the id), {clusterId}, {clusterName}, {jobId}, {tenant}, "
        "{client}, {module}, {namespace}, {env}, {deployment}, {from} and {to} in it.",
    ),
}
