"""What Airflow is told of this package."""

from __future__ import annotations

from typing import Any

from dcluster_provider import __version__


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in the form of Airflow's provider info schema."""
    from dcluster_provider.dags.options import OPTIONS as DAG_OPTIONS
    from dcluster_provider.hooks.lazy_form import LazyForm

    package = "dcluster_provider"
    return {
        "package-name": "dcluster-provider",
        "name": "dCluster",
        "description": "Spark and Flink clusters: launched, used and cleaned up, whatever dies in between.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "dCluster",
                "external-doc-url": "https://spark.apache.org/",
                "tags": ["apache"],
            }
        ],
        "hooks": [{"integration-name": "dCluster", "python-modules": [f"{package}.hooks.dcluster"]}],
        "operators": [
            {
                "integration-name": "dCluster",
                "python-modules": [
                    f"{package}.operators.cluster",
                    f"{package}.operators.job",
                    f"{package}.operators.node",
                    f"{package}.operators.upkeep",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "dCluster",
                "python-modules": [f"{package}.sensors.cluster", f"{package}.sensors.job"],
            }
        ],
        "triggers": [{"integration-name": "dCluster", "python-modules": [f"{package}.triggers.dcluster"]}],
        "bundles": [{"integration-name": "dCluster", "python-modules": [f"{package}.dags.bundle"]}],
        "notifications": [f"{package}.notifications.dcluster.DClusterNotifier"],
        "task-decorators": [
            {"class-name": f"{package}.decorators.spark.dcluster_spark_task", "name": "dcluster_spark"}
        ],
        "connection-types": [
            {
                "hook-class-name": f"{package}.hooks.dcluster.DClusterHook",
                "hook-name": "dCluster",
                "connection-type": "dcluster",
                "conn-fields": LazyForm(),
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "login", "password", "port", "extra"],
                    "relabeling": {},
                    "placeholders": {},
                },
            }
        ],
        "extra-links": [
            f"{package}.links.dcluster.{link}" for link in ("EngineUILink", "LogLink", "GrafanaLink")
        ],
        "cli": [f"{package}.cli.definition.get_dcluster_cli_commands"],
        "config": {
            "dcluster": {
                "description": "Settings of the dCluster provider.",
                "options": {
                    "home": {
                        "description": "Folder of the local platform's clusters, logs and SQLite registry; empty means "
                        "AIRFLOW_HOME/dcluster.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "",
                    },
                    "engines_folder": {
                        "description": "Folder of the local platform's engine environments; empty means the folder "
                        "engines in home.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "",
                    },
                    "secret_names": {
                        "description": "Regular expression; settings, SQL options and arguments whose name it is found "
                        "in are secrets, beside those that the package knows by itself (password, secret, token, "
                        "access key and the like): they are shown nowhere.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "license|salt",
                        "default": "",
                    },
                    "alert_notifier": {
                        "description": "Import path of an Airflow notifier that is told of every job that runs long; "
                        "empty means none.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier",
                        "default": "",
                    },
                    "alert_notifier_kwargs": {
                        "description": "Arguments of that notifier, a JSON object; alert is in the context of its "
                        "templates.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "sensitive": True,
                        "example": '{"slack_webhook_conn_id": "alerts", "text": "{{ alert.text }}"}',
                        "default": "",
                    },
                    **DAG_OPTIONS,
                },
            }
        },
    }
