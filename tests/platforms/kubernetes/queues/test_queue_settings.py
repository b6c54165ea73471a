"""Which queue a cluster waits in, and what is refused before anything is made."""

from __future__ import annotations

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import parse
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def spec(**fields):
    return parse(ClusterSpec, {"tenant": "team", **fields})


def job(**fields):
    return parse(JobSpec, {"client": "team", "module": "etl", **fields})


def test_the_specification_names_a_queue_or_else_the_connection():
    settings = KubernetesSettings(queueing="kueue", queue_name="all")
    assert settings.queue_of(spec()) == "all"
    assert settings.queue_of(spec(queueName="mine")) == "mine"
    assert KubernetesSettings(queue_name="all").queue_of(spec()) == "", "nothing admits from it"


@pytest.mark.parametrize(
    ("settings", "fields", "told"),
    [
        (
            {},
            {"queueName": "mine"},
            r"field queueName: .*'mine'; write kueue, yunikorn or volcano into queueing",
        ),
        ({"queueing": "kueue"}, {"priorityClassName": "day"}, "field priorityClassName: .*give queueName"),
        (
            {"queueing": "kueue", "queue_name": "all"},
            {"launchNewNode": True},
            "field launchNewNode: .*queue 'all'",
        ),
    ],
)
def test_what_no_queue_can_do_is_refused(settings, fields, told):
    with pytest.raises(InvalidSpec, match=told):
        KubernetesSettings(**settings).check_queue(spec(**fields))


def test_a_job_has_a_queue_for_its_own_cluster_alone():
    own = job(queueName="mine", priorityClassName="day", driverMemGb=3).own_cluster()
    assert (own.queue_name, own.priority_class_name, own.driver_mem_gb) == ("mine", "day", 3)
    with pytest.raises(InvalidSpec, match="field queueName: the job names a cluster"):
        job(queueName="mine", clusterId=3)


def test_a_connection_names_what_there_is():
    with pytest.raises(InvalidSpec, match=r"field queueing: .*did you mean 'kueue'"):
        settings_from("c", {"platform": "kubernetes", "queueing": "queue"})
