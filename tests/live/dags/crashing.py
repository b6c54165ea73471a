"""Operators whose task process is killed once at a chosen line, and DAGs of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator, DClusterTerminateOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

WORK = Path(os.environ.get("DCLUSTER_TEST_FOLDER", "."))
NO_WAIT = {"retries": 3, "retry_delay": 0, "poll_interval": 1}


class Crashing:
    """Kills its own process with SIGKILL, once for each run, before or after one call that the run's conf names.

    conf: ``call`` such as ``ClusterStore.claim``, ``when`` before or after, ``occurrence`` from 1, ``method``
    execute or execute_complete.
    """

    def execute(self, context: Any) -> Any:
        self._arm(context, "execute")
        return super().execute(context)  # type: ignore[misc]

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        self._arm(context, "execute_complete")
        return super().execute_complete(context, event)  # type: ignore[misc]

    def _arm(self, context: Any, method: str) -> None:
        conf = context["dag_run"].conf
        died = WORK / f"{context['run_id']}.died"
        if conf.get("method") != method or died.exists():
            return
        owner, name = _owner_of(conf["call"])
        original, left = getattr(owner, name), [conf["occurrence"]]

        def die() -> None:
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and conf["when"] == "before":
                die()
            result = original(*args, **kwargs)
            if left[0] == 0:
                die()
            return result

        setattr(owner, name, call)


def _owner_of(call: str) -> tuple[type, str]:
    from dcluster_provider.hooks.dcluster import DClusterHook
    from dcluster_provider.registry.clusters import ClusterStore
    from dcluster_provider.registry.jobs import JobStore

    kind, name = call.split(".")
    stores = {"ClusterStore": ClusterStore, "JobStore": JobStore}
    return stores.get(kind) or type(DClusterHook().control.platform), name


class CrashingLaunch(Crashing, DClusterLaunchSparkOperator):
    pass


class CrashingSubmit(Crashing, DClusterSubmitJobOperator):
    pass


class CrashingTerminate(Crashing, DClusterTerminateOperator):
    pass


for deferrable in (False, True):
    path = "deferred" if deferrable else "worker"
    with DAG(f"crash_launch_{path}", schedule=None, max_active_runs=16):
        launch = CrashingLaunch(
            task_id="launch",
            tenant="crash",
            worker_memory="1Gi",
            extra_configs={"spark.worker.resourcesFile": "{{ dag_run.conf['resources'] }}"}
            if deferrable
            else {},
            deferrable=deferrable,
            **NO_WAIT,
        )
        end = DClusterTerminateOperator(task_id="end", cluster_id=launch.output)
        end.as_teardown(setups=launch)
    with DAG(f"crash_submit_{path}", schedule=None, max_active_runs=16):
        CrashingSubmit(
            task_id="submit",
            client="crash",
            module="{{ run_id }}",
            cluster_id="{{ dag_run.conf['cluster_id'] }}",
            application=str(WORK / "once.py"),
            # A pod sees that folder, but cannot write beside its application.
            args=[f"{WORK}/{{{{ run_id }}}}", *([f"{WORK}/{{{{ run_id }}}}.go"] if deferrable else [])],
            deferrable=deferrable,
            **NO_WAIT,
        )
    with DAG(f"crash_own_{path}", schedule=None, max_active_runs=16):
        CrashingSubmit(
            task_id="submit",
            client="crash",
            module="{{ run_id }}",
            application=str(WORK / "once.py"),
            args=[
                f"{WORK}/{{{{ run_id }}}}"
            ],  # a pod sees that folder, but cannot write beside its application
            worker_mem_gb=1,
            deferrable=deferrable,
            **NO_WAIT,
        )
    with DAG(f"crash_terminate_{path}", schedule=None, max_active_runs=16):
        CrashingTerminate(
            task_id="terminate",
            cluster_id="{{ dag_run.conf['cluster_id'] }}",
            deferrable=deferrable,
            **NO_WAIT,
        )
