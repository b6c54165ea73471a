"""Gives claims of the default storage class a folder of the node, and takes it away with the claim.

Usage: python -m testbed.provisioner KUBECONFIG VOLUMES
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from testbed.api import Api, Refused

STORAGE_CLASS = "testbed"
PROVISIONER = "testbed.dcluster/folder"
_VOLUMES = "/api/v1/persistentvolumes"
_CLAIMS = "/api/v1/persistentvolumeclaims"
_WATCH_SECONDS = 300
# With it, the controller of volumes leaves their deletion to us.
_ANNOTATIONS = {"pv.kubernetes.io/provisioned-by": PROVISIONER}


def main(kubeconfig: Path, folder: Path) -> None:
    """Provision for ever."""
    api = Api(kubeconfig)
    reclaiming = (api, _VOLUMES, lambda volume: _reclaim(api, volume))
    threading.Thread(target=_follow, args=reclaiming, daemon=True).start()
    _follow(api, _CLAIMS, lambda claim: _provision(api, folder, claim))


def _follow(api: Api, path: str, act: Callable[[dict[str, Any]], None]) -> None:
    """Act on every object there is and on every change; an API server that is away is asked again."""
    while True:
        try:
            for event in api.watch(path, _WATCH_SECONDS):
                if event["type"] in {"ADDED", "MODIFIED"}:
                    act(event["object"])
        except (Refused, OSError, ValueError, HTTPException) as error:
            print(f"{path}: asking again after {error!r}", flush=True)
            time.sleep(0.5)


def _provision(api: Api, folder: Path, claim: dict[str, Any]) -> None:
    meta, spec = claim["metadata"], claim["spec"]
    wanted = spec.get("storageClassName") == STORAGE_CLASS and not spec.get("volumeName")
    if not wanted or "deletionTimestamp" in meta:
        return
    name = f"pvc-{meta['uid']}"
    path = folder / name
    path.mkdir(exist_ok=True)
    path.chmod(0o777)  # pods run as many users, and host paths know no fsGroup
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": _ANNOTATIONS},
        "spec": {
            "capacity": spec["resources"]["requests"],
            "accessModes": spec["accessModes"],
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "hostPath": {"path": str(path)},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
            },
        },
    }
    try:
        api.call("POST", _VOLUMES, volume)
    except Refused as error:
        if error.status != 409:  # made before, and not bound yet
            raise


def _reclaim(api: Api, volume: dict[str, Any]) -> None:
    meta, spec = volume["metadata"], volume["spec"]
    ours = meta.get("annotations", {}).get("pv.kubernetes.io/provisioned-by") == PROVISIONER
    if (
        not ours
        or volume["status"]["phase"] != "Released"
        or spec["persistentVolumeReclaimPolicy"] != "Delete"
    ):
        return
    shutil.rmtree(spec["hostPath"]["path"], ignore_errors=True)
    try:
        api.call("DELETE", f"{_VOLUMES}/{meta['name']}")
    except Refused as error:
        if error.status != 404:
            raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
