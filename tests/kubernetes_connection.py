"""A dcluster connection to the testbed whose pods share a folder of this machine with the tests."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcluster_provider.platforms.kubernetes.permissions import DRIVER_ACCOUNT, Subject, rbac_manifest
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    from testbed import Testbed

_VOLUME = "shared"
FLINK_ACCOUNT = "flink-jobmanager"  # of JobManagers that go on after a restart
_AIRFLOW = "airflow"  # the service account that Airflow is, with no more rights than the shipped role grants
# Dozens of clusters share two cores: what they ask for must not keep them from being placed.
_LITTLE_CPU = {"requests": {"cpu": "200m"}}
# What these programs do is over before better machine code would pay for the time that it takes to make.
_QUICK_JAVA = {"name": "JDK_JAVA_OPTIONS", "value": "-XX:TieredStopAtLevel=1"}


@dataclass(frozen=True)
class KubernetesConnection:
    """What tests need to know of it.

    :param folder: seen by pods at its own path.
    :param extra: of the ``dcluster`` connection.
    :param kubeconfig: of the connection of type ``kubernetes`` that it names.
    """

    namespace: str
    folder: Path
    extra: dict[str, Any]
    kubeconfig: Path

    @property
    def variables(self) -> dict[str, str]:
        """The connections as environment variables."""
        dcluster = {"conn_type": "dcluster", "extra": self.extra}
        kubernetes = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(self.kubeconfig)}}
        return {
            "AIRFLOW_CONN_DCLUSTER_DEFAULT": json.dumps(dcluster),
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(kubernetes),
        }

    def client(self, _conn_id: str = "") -> Any:
        """A client with the credentials that Airflow has."""
        from kubernetes.config import new_client_from_config

        return new_client_from_config(str(self.kubeconfig))

    def with_(self, requests: dict[str, str], **extra: str) -> KubernetesConnection:
        """Another connection to the same namespace.

        :param requests: what each pod asks for, whatever its cluster's sizes.
        :param extra: more fields of the ``dcluster`` connection.
        """
        changed = copy.deepcopy(self.extra) | extra
        changed["pod_template"]["spec"]["containers"][0]["resources"] = {"requests": requests}
        return replace(self, extra=changed)

    @property
    def settings(self) -> KubernetesSettings:
        """The same as the platform's settings."""
        fields = {
            name: value
            for name, value in self.extra.items()
            if name in KubernetesSettings.connection_fields()
        }
        fields["pod_template"] = json.dumps(fields["pod_template"])
        return KubernetesSettings(**fields)


def share_folder(testbed: Testbed, namespace: str, folder: Path) -> KubernetesConnection:
    """Let the pods of a namespace see a folder of this machine at its own path.

    Nodes that run elsewhere have to have it as well.
    """
    is_shared = testbed.shared is not None and folder.is_relative_to(testbed.shared)
    assert is_shared, (
        f"the nodes of the {testbed.kind} cluster do not have {folder}: name a folder that they and this machine have "
        "at the same path by DCLUSTER_TEST_SHARED_FOLDER, and run pytest with a --basetemp below it"
    )
    folder.chmod(0o777)
    volume = f"{_VOLUME}-{namespace}"
    size = {"storage": "1Gi"}
    testbed.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "hostPath": {"path": str(folder)},
                "claimRef": {"namespace": namespace, "name": _VOLUME},
                "persistentVolumeReclaimPolicy": "Retain",
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": _VOLUME, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "volumeName": volume,
                "resources": {"requests": size},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": _AIRFLOW, "namespace": namespace},
        },
        *rbac_manifest(
            [namespace], [Subject("ServiceAccount", _AIRFLOW, namespace)], flink_account=FLINK_ACCOUNT
        ),
    )
    template = {
        "spec": {
            "containers": [
                {
                    "name": "engine",
                    "resources": _LITTLE_CPU,
                    "env": [_QUICK_JAVA],
                    "volumeMounts": [{"name": _VOLUME, "mountPath": str(folder)}],
                }
            ],
            "volumes": [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": _VOLUME}}],
        }
    }
    extra = {
        "platform": "kubernetes",
        "namespace": namespace,
        "driver_service_account": DRIVER_ACCOUNT,
        "pod_template": template,
        "spark_image": testbed.images["spark"],
        "spark3_image": testbed.images["spark"],
        "spark4_image": testbed.images["spark"],
        "flink_image": testbed.images["flink"],
    }
    return KubernetesConnection(namespace, folder, extra, airflows_kubeconfig(testbed, namespace, folder))


def airflows_kubeconfig(testbed: Testbed, namespace: str, folder: Path, duration: str = "6h") -> Path:
    """A kubeconfig for Airflow's service account.

    :param duration: how long its token is good.
    """
    config = testbed.get("config", "view", "--raw", "--minify")
    token = testbed.kubectl("create", "token", _AIRFLOW, f"--namespace={namespace}", f"--duration={duration}")
    config["users"][0]["user"] = {"token": token.strip()}
    path = folder.parent / f"{namespace}.kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


def remove_volume(testbed: Testbed, namespace: str) -> None:
    """Remove what is not in the namespace and does not go with it."""
    testbed.kubectl(
        "delete", "persistentvolume", f"{_VOLUME}-{namespace}", "--ignore-not-found", "--wait=false"
    )
