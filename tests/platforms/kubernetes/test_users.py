"""Who runs in a pod, and what it may write and leave."""

from __future__ import annotations

import json
import subprocess

import pytest
from kubernetes_platform import PLACE, make_cluster, make_job

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import drivers as driver_manifests


def driver_pod(**settings):
    cluster = make_cluster()
    return driver_manifests.driver(KubernetesSettings(**settings), make_job(cluster), cluster, PLACE)["spec"][
        "template"
    ]


def mounted_users(pod):
    (engine,) = pod["spec"]["containers"]
    return [mount for mount in engine["volumeMounts"] if mount["mountPath"] == "/etc/passwd"]


def test_the_user_of_an_official_image_has_a_name_there():
    pod = driver_pod()
    assert pod["spec"]["securityContext"]["runAsUser"] == 185
    assert mounted_users(pod) == []


def test_another_user_is_given_a_name_and_a_home_that_can_be_written():
    pod = driver_pod(spark_user=1000650000)
    assert mounted_users(pod) == [
        {"name": "users", "mountPath": "/etc/passwd", "subPath": "passwd", "readOnly": True}
    ]
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "users")
    (item,) = volume["downwardAPI"]["items"]
    name = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
    lines = pod["metadata"]["annotations"][name].splitlines()
    assert "engine:x:1000650000:1000650000:engine:/tmp:/sbin/nologin" in lines


@pytest.mark.parametrize(
    "spec",
    [
        {"securityContext": {"runAsUser": 4242}},
        {"containers": [{"name": "engine", "securityContext": {"runAsUser": 4242}}]},
    ],
)
def test_a_user_that_the_pod_template_names_is_given_a_name_too(spec):
    pod = driver_pod(spark_user=0, pod_template=json.dumps({"spec": spec}))
    assert len(mounted_users(pod)) == 1
    assert "engine:x:4242:4242:engine" in str(pod["metadata"]["annotations"])
    known = json.dumps(spec).replace("4242", "185")
    assert mounted_users(driver_pod(pod_template=f'{{"spec": {known}}}')) == []


def test_a_user_that_the_namespace_decides_is_left_to_it():
    pod = driver_pod(spark_user=0)
    assert pod["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert mounted_users(pod) == []


@pytest.mark.parametrize("value", ["²", "-1", "2147483648", "9" * 5000, "spark"])
def test_what_is_no_user_is_refused_by_name(value):
    with pytest.raises(InvalidSpec, match=r"field spark_user: .*a whole number up to 2147483647"):
        settings_from("c", {"platform": "kubernetes", "spark_user": value})


def test_packages_go_to_a_volume_unless_the_user_says_where():
    cluster = make_cluster()
    assert (
        driver_manifests.driver_settings(make_job(cluster), cluster)["spark.jars.ivy"] == "/var/dcluster/ivy"
    )
    own = make_job(cluster, extra_cmd={"spark.jars.ivy": "/data/ivy"})
    assert driver_manifests.driver_settings(own, cluster)["spark.jars.ivy"] == "/data/ivy"


def test_secrets_are_the_drivers_alone_and_what_the_program_writes_is_not(tmp_path):
    (tmp_path / "spark" / "bin").mkdir(parents=True)
    submit = tmp_path / "spark" / "bin" / "spark-submit"
    submit.write_text(f"#!/bin/bash\necho told >{tmp_path}/written\n")
    submit.chmod(0o755)
    (tmp_path / "settings").write_text("spark.authenticate.secret=hidden\n")
    (engine,) = driver_pod()["spec"]["containers"]
    script = engine["command"][2]
    for inside, here in (
        ("/opt/spark", f"{tmp_path}/spark"),
        ("/tmp/spark.properties", f"{tmp_path}/spark.properties"),
        ("/etc/dcluster/job/spark.properties", f"{tmp_path}/settings"),
        ("/etc/dcluster/cluster/secured.properties", ""),
    ):
        script = script.replace(inside, here)
    subprocess.run(["/bin/bash", "-c", f"umask 022\n{script}", "bash"], check=True, cwd=tmp_path)
    assert (tmp_path / "spark.properties").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o644
