from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dcluster_provider.control.upkeep.maintenance_run import GONE, OwnerState
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobPhase
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.registry.store import Registry

OWNER = Owner("airflow", "dag", "run", "task")
SPEC = {"tenant": "team"}
JOB = {"client": "team", "module": "etl", "application": "etl.py"}
IDLE = SPEC | {"idle_timeout": 60}


def airflow(**states):
    """An Airflow in which every owner's run and task are in these states."""
    return lambda owners: dict.fromkeys(owners, OwnerState(**states))


def lines(report):
    return [(line.what, line.why) for line in report.lines]


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ({"run": "success", "task": "success"}, "its owner run is over (dag.task of run)"),
        ({"run": "failed", "task": "success"}, "its owner run is over (dag.task of run)"),
        ({"run": GONE}, "its owner run is over (dag.task of run)"),
        ({"run": "running", "task": "failed"}, "its owner task has failed (dag.task of run)"),
    ],
)
def test_a_cluster_ends_when_its_owner_is_over_or_has_failed(control, platform, states, why):
    cluster = control.clusters.launch(SPEC, owner=OWNER)
    shared = control.clusters.launch(SPEC | {"long_living": True}, owner=replace(OWNER, task_id="shared"))
    report = control.upkeep.check_clusters(airflow(**states))
    assert ("ended", why) in lines(report)
    assert control.clusters.get(cluster.id).state is ClusterState.TERMINATED
    assert control.clusters.get(shared.id).state is ClusterState.RUNNING
    events = control.registry.events.list(cluster_id=cluster.id)
    assert f"cluster check: {why}" in {event.actor for event in events}
    assert lines(control.upkeep.check_clusters(airflow(**states))) == []


@pytest.mark.parametrize(
    "states",
    [{"run": "running", "task": "success"}, {"run": "queued"}, {"run": "running", "task": "up_for_retry"}],
)
def test_a_cluster_of_an_owner_that_goes_on_stays(control, states):
    cluster = control.clusters.launch(SPEC, owner=OWNER)
    report = control.upkeep.check_clusters(airflow(**states))
    assert (lines(report), report.checked["live clusters"]) == ([], 1)
    assert control.clusters.get(cluster.id).state is ClusterState.RUNNING


def test_what_airflow_does_not_tell_is_left_and_counted(control):
    control.clusters.launch(SPEC, owner=OWNER)
    report = control.upkeep.check_clusters()
    assert lines(report) == [("left", "Airflow does not know the state of its owner (dag.task of run)")]
    assert report.left == 1


def test_a_cluster_that_no_task_owns_ends_by_its_lifetime_under_any_job(control, later):
    cluster = control.clusters.launch(SPEC | {"max_lifetime": 60})
    control.jobs.submit(JOB | {"clusterId": cluster.id})
    assert lines(control.upkeep.check_clusters()) == []
    later(seconds=61)
    assert lines(control.upkeep.check_clusters()) == [
        ("ended", "it has reached its maximum lifetime of 0:01:00")
    ]


def test_an_idle_cluster_ends_unless_its_engine_is_at_work_or_does_not_tell(control, platform, later):
    quiet, busy, silent = (control.clusters.launch(IDLE) for _ in range(3))
    platform.busy = {busy.name: True, silent.name: None}
    later(seconds=120)
    report = control.upkeep.check_clusters()
    assert {(line.what, line.subject.split()[1], line.why) for line in report.lines} == {
        ("ended", str(quiet.id), "it has been idle for 0:01:00"),
        (
            "left",
            str(busy.id),
            "it has been idle for 0:01:00 by the registry, but its engine is busy",
        ),
        (
            "left",
            str(silent.id),
            "it has been idle for 0:01:00, but its engine does not report whether it is busy",
        ),
    }
    platform.asked_if_busy.clear()
    platform.busy.clear()
    later(seconds=150)  # half a minute after the engine was seen at work
    assert lines(control.upkeep.check_clusters()) == [("ended", "it has been idle for 0:01:00")]
    assert platform.asked_if_busy == [silent.name]
    later(seconds=240)
    assert lines(control.upkeep.check_clusters()) == [("ended", "it has been idle for 0:01:00")]


def test_a_job_keeps_its_cluster_from_being_idle_and_the_engine_from_being_asked(control, platform, later):
    cluster = control.clusters.launch(IDLE)
    control.jobs.submit(JOB | {"clusterId": cluster.id})
    later(hours=1)
    assert lines(control.upkeep.check_clusters()) == []
    assert platform.asked_if_busy == []
    assert control.upkeep.check_clusters(dry_run=True).lines == ()


def test_a_job_that_comes_while_the_engine_is_asked_keeps_the_cluster(control, platform, later):
    cluster = control.clusters.launch(IDLE)
    ask = platform.busy_clusters

    def submit_meanwhile(clusters):
        control.jobs.submit(JOB | {"clusterId": cluster.id})
        return ask(clusters)

    platform.busy_clusters = submit_meanwhile
    later(seconds=120)
    assert lines(control.upkeep.check_clusters()) == [
        ("left", "it has been idle for 0:01:00, but a job was added to it")
    ]
    assert control.clusters.get(cluster.id).state is ClusterState.RUNNING


def test_an_own_cluster_whose_end_was_cut_short_ends_unless_it_is_kept_alive(control, platform):
    ended = {}
    for module, kept in (("gone", False), ("kept", True)):
        job = control.jobs.submit(
            JOB | {"module": module, "keepAlive": kept}, owner=replace(OWNER, task_id=module)
        )
        job = control.jobs.observe([job.id])[job.id]
        # As a process leaves them that is killed between the end of the job and that of its cluster.
        control.registry.jobs.save(replace(job, state=JobState.FAILED, ended_at=job.created_at))
        ended[module] = job.cluster_id
    report = control.upkeep.check_clusters(airflow(run="running", task="failed"))
    assert lines(report) == [("ended", "its owner task has failed (dag.gone of run)")]
    assert control.clusters.get(ended["gone"]).state is ClusterState.TERMINATED
    assert control.clusters.get(ended["kept"]).state is ClusterState.RUNNING
    control.upkeep.check_clusters(airflow(run="success"))
    assert control.clusters.get(ended["kept"]).state is ClusterState.TERMINATED


def test_an_own_cluster_without_an_owner_ends_with_its_job(control):
    job = control.jobs.submit(JOB)
    job = control.jobs.observe([job.id])[job.id]
    control.registry.jobs.save(replace(job, state=JobState.KILLED, ended_at=job.created_at))
    report = control.upkeep.check_clusters()
    assert lines(report) == [("ended", "the job that it was launched for has ended")]


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ({"run": "running", "task": "failed"}, "its owner task has failed (dag.task of run)"),
        ({"run": "success", "task": "skipped"}, "its owner run is over (dag.task of run)"),
        ({"run": "success", "task": "success"}, None),  # it was submitted without waiting for it
        ({"run": GONE}, None),  # Airflow forgets runs sooner than a stream ends
        ({"run": "running", "task": "deferred"}, None),
    ],
)
def test_a_job_on_a_shared_cluster_stops_when_nobody_waits_for_it(control, states, why):
    job = control.jobs.submit(JOB | {"useLongLivingCluster": True}, owner=OWNER)
    control.jobs.observe([job.id])
    report = control.upkeep.check_clusters(airflow(**states))
    assert lines(report) == ([("stopped", why)] if why else [])
    expected = JobState.KILLED if why else JobState.RUNNING
    assert control.jobs.get(job.id).state is expected
    assert control.clusters.get(job.cluster_id).state is ClusterState.RUNNING


def test_what_has_ended_by_itself_is_settled_with_its_outcome(control, platform):
    job = control.jobs.submit(JOB, owner=OWNER)
    control.jobs.observe([job.id])
    platform.set_job(job, JobPhase.SUCCEEDED, exit_code=0)
    lost = control.clusters.launch(SPEC)
    control.clusters.observe([lost.id])
    platform.clusters.pop(lost.name)
    report = control.upkeep.check_clusters(airflow(run="success", task="failed"))
    assert control.jobs.get(job.id).state is JobState.SUCCEEDED
    assert control.clusters.get(job.cluster_id).state is ClusterState.TERMINATED
    assert ("settled", "it has ended as SUCCEEDED") in lines(report)
    assert any(
        why.startswith("it is FAILED: Everything of the cluster disappeared") for _, why in lines(report)
    )


def test_a_launch_that_was_cut_short_is_completed_after_minutes(control, platform, later):
    cluster = control.clusters.request(SPEC)
    assert lines(control.upkeep.check_clusters()) == []
    later(minutes=6)
    assert lines(control.upkeep.check_clusters(dry_run=True)) == [("completed", "its launch was interrupted")]
    assert platform.applied == []
    assert lines(control.upkeep.check_clusters()) == [("completed", "its launch was interrupted")]
    assert platform.applied == [cluster.name]
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING


def test_a_launch_that_was_cut_short_and_can_never_be_made_fails(control, platform, later):
    cluster = control.clusters.request(SPEC)
    platform.refuses = Diagnosis(LocalCode.PACKAGE_INDEX_UNREACHABLE, "Nothing could be fetched.", "Connect.")
    later(minutes=6)
    assert lines(control.upkeep.check_clusters()) == [("failed", "Nothing could be fetched.")]
    assert control.clusters.get(cluster.id).state is ClusterState.FAILED


def test_a_launch_that_was_cut_short_is_not_completed_for_an_owner_that_is_over(control, platform, later):
    cluster = control.clusters.request(SPEC)
    owned = control.registry.clusters.claim(
        key=OWNER.key,
        spec=cluster.spec,
        env="dev",
        deployment="airflow",
        conn_id="dcluster_default",
        platform="local",
        owner=OWNER,
        now=cluster.created_at,
    ).record
    later(minutes=6)
    control.upkeep.check_clusters(airflow(run="failed", task="failed"))
    assert control.clusters.get(owned.id).state is ClusterState.TERMINATED
    assert platform.applied == [cluster.name]


def test_a_submission_that_was_cut_short_is_completed(control, platform, later):
    cluster = control.clusters.launch(SPEC)
    control.clusters.observe([cluster.id])
    job = control.jobs.request(JOB | {"clusterId": cluster.id})
    refuse = platform.apply_job

    def not_staged_yet(it, where):
        if it.id not in platform.staged:
            raise PlatformUnavailable("its application has not been brought to the cluster yet")
        refuse(it, where)

    platform.apply_job = not_staged_yet
    later(minutes=6)
    report = control.upkeep.check_clusters()
    assert ("completed", "its submission was interrupted") in lines(report)
    assert control.jobs.observe([job.id])[job.id].state is JobState.RUNNING


def submit_cut_short(control, platform, monkeypatch):
    """A job that waits for somebody to bring its application to the cluster, which runs."""
    cluster = control.clusters.launch(SPEC)
    control.clusters.observe([cluster.id])

    def is_not_there(job, cluster):
        raise PlatformUnavailable("its application has not been brought to the cluster yet")

    monkeypatch.setattr(platform, "apply_job", is_not_there)
    return control.jobs.submit(JOB | {"clusterId": cluster.id}, owner=OWNER)


def test_a_job_that_is_stopped_during_the_check_is_not_submitted_anew(control, platform, later, monkeypatch):
    job = submit_cut_short(control, platform, monkeypatch)
    later(minutes=6)

    def stop_meanwhile(owners):
        control.jobs.terminate(job.id, actor="a person")
        return airflow(run="running", task="running")(owners)

    control.upkeep.check_clusters(stop_meanwhile)
    assert control.jobs.of_key(job.key).id == job.id
    assert control.jobs.get(job.id).state is JobState.KILLED


def test_an_application_that_is_not_on_the_checks_machine_keeps_nothing_from_its_end(
    control, platform, later, monkeypatch
):
    job = submit_cut_short(control, platform, monkeypatch)
    other = control.clusters.launch(SPEC | {"max_lifetime": 60})

    def read(job, cluster):
        raise FileNotFoundError(2, "No such file or directory", "etl.py")

    monkeypatch.setattr(platform, "stage_job", read)
    later(minutes=6)
    report = control.upkeep.check_clusters(airflow(run="running", task="running"))
    assert "etl.py" in next(line.why for line in report.lines if line.subject == str(job))
    assert control.clusters.get(other.id).state is ClusterState.TERMINATED


def test_what_is_left_of_ended_clusters_is_removed(control, platform):
    cluster = control.clusters.launch(SPEC)
    control.clusters.terminate(cluster.id)
    platform.clusters[cluster.name] = ClusterObservation(ClusterPhase.STARTING)
    dry = control.upkeep.check_clusters(dry_run=True)
    assert lines(dry) == [("removed", "it is TERMINATED, and something of it was left")]
    assert platform.list_clusters() == [cluster.name]
    assert lines(control.upkeep.check_clusters()) == lines(dry)
    assert platform.list_clusters() == []


def test_a_termination_that_was_cut_short_goes_on(control, platform):
    cluster = control.clusters.launch(SPEC)
    cluster = control.clusters.observe([cluster.id])[cluster.id]
    control.registry.clusters.save(replace(cluster, state=ClusterState.TERMINATING))
    report = control.upkeep.check_clusters()
    assert lines(report) == [("settled", "it is TERMINATED: nothing of it is left")]
    assert platform.list_clusters() == []


def test_an_unknown_cluster_is_reported_first_and_removed_in_a_later_pass(control, platform, later):
    platform.unknown = ["spark3-dev-lost-1", "spark3-dev-lost-2"]
    first = control.upkeep.check_clusters()
    assert [(line.what, line.subject) for line in first.lines] == [
        ("left", "spark3-dev-lost-1"),
        ("left", "spark3-dev-lost-2"),
    ]
    assert "the registry does not know it; first seen at" in first.lines[0].why
    platform.unknown.remove("spark3-dev-lost-2")
    later(seconds=599)
    assert [line.what for line in control.upkeep.check_clusters().lines] == ["left"]
    assert "spark3-dev-lost-2" not in str(control.registry.orphaned_clusters.list(control_scope(control)))
    later(seconds=601)
    assert control.upkeep.check_clusters(dry_run=True).done == {"removed": 1}
    assert platform.unknown == ["spark3-dev-lost-1"]
    assert control.upkeep.check_clusters().done == {"removed": 1}
    assert platform.unknown == []
    assert control.upkeep.check_clusters().lines == ()
    assert control.registry.orphaned_clusters.list(control_scope(control)) == {}
    assert control.registry.events.list()[0].detail.startswith(
        "spark3-dev-lost-1: it is orphaned: the registry did not know it"
    )


def control_scope(control):
    from dcluster_provider.registry.store import Scope

    return Scope("airflow", "dcluster_default")


def test_an_unknown_cluster_is_never_removed_by_the_pass_that_sees_it_first(control, platform):
    platform.unknown = ["spark3-dev-lost-1"]
    assert control.upkeep.check_clusters(unknown_after=0).done == {}
    assert control.upkeep.check_clusters(unknown_after=0).done == {"removed": 1}


def test_a_listing_that_fails_ends_the_pass_before_anything_is_changed(control, platform):
    cluster = control.clusters.launch(SPEC, owner=OWNER)
    platform.cannot_list = True
    with pytest.raises(
        PlatformUnavailable, match=r"cannot be listed: no answer.*checked nothing; done nothing"
    ):
        control.upkeep.check_clusters(airflow(run="success"))
    assert not control.clusters.get(cluster.id).state.is_final


def test_a_dry_run_changes_nothing_at_all(control, platform, later, tmp_path):
    control.clusters.launch(SPEC, owner=OWNER)
    control.clusters.launch(IDLE)
    control.clusters.request(SPEC)
    job = control.jobs.submit(JOB, owner=OWNER)
    platform.unknown = ["spark3-dev-lost-1"]
    later(minutes=6)
    before = everything(control.registry)
    report = control.upkeep.check_clusters(airflow(run="success", task="failed"), dry_run=True)
    assert report.dry_run
    assert {line.what for line in report.lines} == {"stopped", "ended", "completed", "left"}
    assert "dry run: nothing was changed" in str(report)
    assert (everything(control.registry), platform.unknown) == (before, ["spark3-dev-lost-1"])
    assert control.jobs.get(job.id) == job


def everything(registry: Registry):
    from dcluster_provider.registry.models import metadata

    with registry.database.read() as connection:
        return {
            table.name: connection.execute(table.select()).fetchall() for table in metadata.tables.values()
        }


def test_one_cluster_that_cannot_be_dealt_with_keeps_no_other_from_its_turn(control, platform):
    first, second = (control.clusters.launch(SPEC, owner=replace(OWNER, task_id=name)) for name in ("a", "b"))
    delete = platform.delete_cluster

    def refuse(cluster):
        if cluster.id == second.id:
            raise PlatformUnavailable("no answer")
        delete(cluster)

    platform.delete_cluster = refuse
    report = control.upkeep.check_clusters(airflow(run="success"))
    assert (report.done["ended"], report.left) == (1, 1)
    assert control.clusters.get(first.id).state is ClusterState.TERMINATED
    platform.delete_cluster = delete
    control.upkeep.check_clusters(airflow(run="success"))
    assert control.clusters.get(second.id).state is ClusterState.TERMINATED


def test_clusters_of_another_deployment_or_connection_are_not_looked_at(control, settings, platform):
    from dcluster_provider.control.clusters import Clusters
    from dcluster_provider.control.jobs import Jobs
    from dcluster_provider.control.upkeep.upkeep import Upkeep

    cluster = control.clusters.launch(SPEC, owner=OWNER)
    for other in [settings.model_copy(update={name: "other"}) for name in ("deployment", "conn_id")]:
        clusters = Clusters(control.registry, platform, other)
        jobs = Jobs(control.registry, platform, other, clusters)
        report = Upkeep(control.registry, platform, other, clusters, jobs).check_clusters(
            airflow(run="success")
        )
        assert (report.checked, report.lines) == ({"clusters on the platform": 1}, ())
    assert not control.clusters.get(cluster.id).state.is_final


def test_clusters_elsewhere_are_left_alone_and_jobs_on_them_as_on_shared_ones(control, platform):
    cluster = control.clusters.launch(SPEC, owner=OWNER)
    job = control.jobs.submit(JOB | {"clusterId": cluster.id}, owner=OWNER)
    control.jobs.observe([job.id])
    platform.name = "kubernetes"
    report = control.upkeep.check_clusters(airflow(run="success", task="success"))
    assert (report.lines, report.checked["live clusters"], report.checked["clusters of other platforms"]) == (
        (),
        0,
        1,
    )
    assert control.clusters.get(cluster.id).state is ClusterState.RUNNING
    report = control.upkeep.check_clusters(airflow(run="failed", task="failed"))
    assert [line.what for line in report.lines] == ["stopped"]
    assert control.clusters.get(cluster.id).state is ClusterState.RUNNING


@pytest.mark.parametrize("step", range(12))
def test_a_pass_that_is_killed_anywhere_is_completed_by_the_next(control, platform, later, monkeypatch, step):
    """Every save and every call of the platform is a line that a pass may be killed at."""
    owned = control.clusters.launch(SPEC, owner=OWNER)
    control.jobs.submit(JOB, owner=replace(OWNER, task_id="job"))
    idle = control.clusters.launch(IDLE)
    asked = control.clusters.request(SPEC)
    platform.unknown = ["spark3-dev-lost-1"]
    later(minutes=6)
    calls = iter(range(1000))

    class Killed(BaseException):
        pass

    def fragile(function):
        def call(*args, **kwargs):
            if next(calls) == step:
                raise Killed
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        for target, names in (
            (control.registry.clusters, ("save", "terminate_if_idle")),
            (control.registry.jobs, ("save", "touch_clusters")),
            (control.registry.orphaned_clusters, ("record",)),
            (platform, ("apply_cluster", "delete_cluster", "stop_job", "delete_unknown")),
        ):
            for name in names:
                patched.setattr(target, name, fragile(getattr(target, name)))
        with pytest.raises(Killed):
            control.upkeep.check_clusters(airflow(run="success", task="failed"), unknown_after=0)
    for _ in range(3):
        control.upkeep.check_clusters(airflow(run="success", task="failed"), unknown_after=0)
    ends = {it.id: control.clusters.get(it.id).state for it in (owned, idle)}
    assert set(ends.values()) == {ClusterState.TERMINATED}
    assert (platform.list_clusters(), platform.unknown) == ([asked.name], [])
    assert all(job.state.is_final for job in control.jobs.list())


def test_a_report_of_very_many_stays_small(control):
    from dcluster_provider.control.upkeep.report import Notes

    notes = Notes("Cluster check", dry_run=False)
    for number in range(5000):
        notes.did("ended", f"cluster {number}", "it was due")
    report = notes.report()
    assert (report.done, len(report.lines)) == ({"ended": 5000}, 1000)


def test_the_limits_of_the_connection_count(control, settings, platform, later):
    from dcluster_provider.control.upkeep.upkeep import Upkeep

    control.clusters.launch(SPEC)
    limited = settings.model_copy(update={"idle_timeout": timedelta(seconds=1)})
    later(seconds=120)
    upkeep = Upkeep(control.registry, platform, limited, control.clusters, control.jobs)
    assert lines(upkeep.check_clusters()) == [("ended", "it has been idle for 0:00:01")]


def test_every_page_is_read(control, monkeypatch):
    from dcluster_provider.control.upkeep import maintenance_run

    monkeypatch.setattr(maintenance_run, "_PAGE", 2)
    for number in range(5):
        control.clusters.launch(SPEC, owner=replace(OWNER, task_id=f"task{number}"))
    report = control.upkeep.check_clusters(airflow(run="success"))
    assert (report.checked["live clusters"], report.done["ended"]) == (5, 5)
