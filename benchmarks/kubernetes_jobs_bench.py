"""One PySpark job from nothing to its result, and many asked for at once, beside kubeflow's spark-operator."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

    from dcluster_provider.control.connect import Control
    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi

RUNS = int(os.environ.get("DCLUSTER_BENCH_RUNS", "5"))
BURSTS = (10, 30)
THREADS = 10  # that ask, for either
TIMEOUT = 600  # seconds
POLL = 0.1
ENDED = {"COMPLETED", "FAILED"}
SUBMITTED = {"SUBMITTED", "RUNNING", "SUCCEEDING", "SUBMISSION_FAILED", *ENDED}
FAKE_NODES = {
    "nodeSelector": {"type": "kwok"},
    "tolerations": [{"key": "kwok", "operator": "Exists"}],
}


def main() -> None:
    """Measure single jobs in turn, ours and theirs, then bursts whose pods go to fake nodes."""
    from testbed import running_testbed
    from testbed.cache import engines_folder

    from dcluster_provider.platforms.local.installation.engines import ensure_engine
    from dcluster_provider.platforms.local.platform import LocalSettings

    with running_testbed() as testbed, tempfile.TemporaryDirectory() as name:
        if testbed.kind != "built":
            print(f"needs a testbed of its own, which the {testbed.kind} cluster is not")
            return
        folder = Path(name)
        spark = ensure_engine(
            "spark", LocalSettings(home=folder, engines_folder=engines_folder()), print
        ).home
        testbed.add_fake_nodes(4)
        try:
            with testbed.namespace("ours") as ours, testbed.namespace("theirs", "baseline") as theirs:
                compare(testbed, ours, theirs, spark, folder)
        finally:
            testbed.remove_fake_nodes()


def compare(testbed: BuiltTestbed, ours: str, theirs: str, spark: Path, folder: Path) -> None:
    """Print what was measured."""
    logging.disable(logging.WARNING)  # fake pods have no logs
    from kubernetes.config import new_client_from_config
    from spark_operator.controller import running_operator

    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi

    program = spark / "examples" / "src" / "main" / "python" / "pi.py"
    api = KubernetesApi(lambda: new_client_from_config(str(testbed.kubeconfig)))
    with running_operator(testbed, theirs, spark, folder):
        control = connected(testbed, ours, folder, {})
        single(testbed, control, program, api, theirs)
        fake = connected(testbed, ours, folder / "fake", FAKE_NODES)
        for count in BURSTS:
            burst_of_ours(testbed, fake, program, count)
            burst_of_theirs(testbed, api, theirs, count)


def connected(testbed: BuiltTestbed, namespace: str, home: Path, pods: dict[str, Any]) -> Control:
    """The use cases, with the rights of the shipped role."""
    from kubernetes.config import new_client_from_config

    from dcluster_provider.control.connect import connect
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.platforms.kubernetes.permissions import DRIVER_ACCOUNT, Subject, rbac_manifest
    from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

    testbed.apply(*rbac_manifest([namespace], [Subject("ServiceAccount", "default", namespace)]))
    engine = {"name": "engine", "resources": {"requests": {"cpu": "100m"}}}
    settings = KubernetesSettings(
        namespace=namespace,
        spark3_image=testbed.images["spark"],
        driver_service_account=DRIVER_ACCOUNT,
        pod_template=json.dumps({"spec": {"containers": [engine], **pods}}),
    )
    home.mkdir(exist_ok=True)
    return connect(
        Settings(
            conn_id=f"bench-{home.name}",
            registry_url=f"sqlite:///{home / 'registry.db'}",
            home=home,
            platform="kubernetes",
            platform_settings=settings.model_copy(update={"home": home}),
        ),
        {"kubernetes": lambda _: new_client_from_config(str(testbed.kubeconfig))},
    )


def single(testbed: BuiltTestbed, control: Control, program: Path, api: KubernetesApi, theirs: str) -> None:
    """From the request to the known result, one job at a time, in turn."""
    from spark_operator.controller import spark_application

    applications = path(theirs)
    own, other = [], []
    for number in range(RUNS):
        began = time.monotonic()
        job = control.jobs.submit(pi(program, f"single{number}"))
        asked = time.monotonic() - began
        done = control.jobs.wait(job.id, timeout=TIMEOUT, poll_interval=POLL)
        own.append(time.monotonic() - began)
        assert "Pi is roughly" in control.jobs.logs(done.id)
        began = time.monotonic()
        name = f"single{number}"
        api.ensure(applications, spark_application(name, testbed.images["spark"], ["4"]))
        states = wait_for(api, applications, [name], ENDED)
        other.append(time.monotonic() - began)
        assert states == {name: "COMPLETED"}, states
        print(
            f"  ours {own[-1]:.1f} s (asked for in {asked:.2f} s), SparkApplication {other[-1]:.1f} s",
            flush=True,
        )
        clear(testbed, theirs)
    print(
        f"one PySpark job from nothing to its result, medians of {RUNS}: ours {median(own):.1f} s, SparkApplication "
        f"{median(other):.1f} s, ratio {median(own) / median(other):.2f}",
        flush=True,
    )


def burst_of_ours(testbed: BuiltTestbed, control: Control, program: Path, count: int) -> None:
    """Many at once: until each is submitted, and until each has the pod of its driver."""

    def submit(number: int) -> int:
        return control.jobs.submit(pi(program, f"burst{count}-{number}")).cluster_id

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        clusters = list(pool.map(submit, range(count)))
    asked = time.monotonic() - began
    pods = (
        "pods",
        f"--namespace={control.platform.settings.namespace}",
        "--selector=dcluster.io/role=driver",
    )  # type: ignore[attr-defined]
    testbed.wait_until(lambda: len(testbed.get("get", *pods)["items"]) >= count, "all have drivers")
    print(
        f"{count} at once, ours: all submitted after {asked:.2f} s, all drivers made after "
        f"{time.monotonic() - began:.1f} s",
        flush=True,
    )
    for number in clusters:
        control.clusters.terminate(number)
    testbed.wait_until(lambda: not testbed.get("get", *pods)["items"], "no driver is left")


def burst_of_theirs(testbed: BuiltTestbed, api: KubernetesApi, theirs: str, count: int) -> None:
    """Many at once: until the operator says of each that it is submitted."""
    from spark_operator.controller import spark_application

    def make(name: str) -> None:
        api.ensure(path(theirs), spark_application(name, testbed.images["spark"], ["4"], fake=True))

    names = [f"burst{count}-{number}" for number in range(count)]
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(make, names))
    made = time.monotonic() - began
    seen = wait_for(api, path(theirs), names, SUBMITTED)
    print(
        f"{count} at once, SparkApplications: made after {made:.2f} s, all submitted after "
        f"{time.monotonic() - began:.1f} s {sorted(set(seen.values()))}",
        flush=True,
    )
    clear(testbed, theirs)


def pi(program: Path, module: str) -> dict[str, Any]:
    """Spark's own example of pi, on two executors."""
    return {
        "client": "bench",
        "module": module,
        "application": str(program),
        "args": ["4"],
        "numWorkers": 2,
        "driverMemGb": 0.5,
        "workerMemGb": 0.5,
    }


def path(namespace: str) -> str:
    """Where the SparkApplications of a namespace are."""
    return f"/apis/sparkoperator.k8s.io/v1beta2/namespaces/{namespace}/sparkapplications"


def wait_for(api: KubernetesApi, applications: str, names: Iterable[str], states: set[str]) -> dict[str, str]:
    """The states of SparkApplications once each is one of these."""
    wanted, deadline = set(names), time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        items, _ = api.list(applications, {})
        seen = {item["metadata"]["name"]: state_of(item) for item in items}
        if all(seen.get(name) in states for name in wanted):
            return {name: seen[name] for name in wanted}
        time.sleep(POLL)
    raise TimeoutError(f"after {TIMEOUT} s: {seen}")


def state_of(application: dict[str, Any]) -> str:
    """What the operator says of it."""
    return str(application.get("status", {}).get("applicationState", {}).get("state", ""))


def clear(testbed: BuiltTestbed, namespace: str) -> None:
    """Remove all SparkApplications and their pods."""
    place = f"--namespace={namespace}"
    testbed.kubectl("delete", "sparkapplications", "--all", place, "--wait")
    testbed.kubectl("delete", "pods", "--all", place, "--grace-period=0", "--force", "--wait")


if __name__ == "__main__":
    main()
