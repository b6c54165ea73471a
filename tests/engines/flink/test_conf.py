"""What Flink jobs are called."""

from __future__ import annotations

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.engines.flink.conf import job_settings, run_request

CLUSTER = make_cluster(type="flink")


@pytest.mark.parametrize(
    ("given", "of_client", "of_jar"),
    [
        ({}, "team/etl #11", "team/etl #11"),
        ({"pipeline.name": ""}, "team/etl #11", "team/etl #11"),
        ({"pipeline.name": "nightly"}, "nightly #11", "nightly"),
    ],
)
def test_a_name_of_the_users_is_told_apart_where_jobs_are_found_by_it(given, of_client, of_jar):
    job = make_job(CLUSTER, application="etl.sql", extra_cmd=given)
    assert job_settings(CLUSTER, job)["pipeline.name"] == of_client
    jar = make_job(CLUSTER, application="etl.jar", extra_cmd=given)
    assert run_request(CLUSTER, jar, "0" * 32)["flinkConfiguration"]["pipeline.name"] == of_jar
