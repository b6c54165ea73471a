"""Spark's own pages and logs redact what this package does."""

from __future__ import annotations

import re

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.redaction import count_as_secret, redaction
from dcluster_provider.engines.spark.conf import REDACTION, daemon_settings, job_settings, redaction_regex


@pytest.fixture(autouse=True)
def own_names():
    more = redaction().more
    count_as_secret("")
    yield
    count_as_secret(more)


@pytest.mark.parametrize(
    "name", ["s3.access-key", "spark.my.passphrase", "db.passwd", "oauth.credential", "TOKEN"]
)
@pytest.mark.parametrize("given", ["", "salt", "salt|pepper"])
def test_what_is_a_secret_here_is_one_there(name, given):
    assert re.search(redaction_regex(given), name) is not None


def test_the_users_own_counts_too():
    assert re.search(redaction_regex("salt"), "my.salt") is not None
    cluster = make_cluster(extra_configs={REDACTION: "salt"})
    assert daemon_settings(cluster.spec)[REDACTION].startswith("(?:salt)|(?i:secret|")
    assert job_settings(make_job(cluster), cluster)[REDACTION].startswith("(?:salt)|")
    other = make_job(cluster, extra_cmd={REDACTION: "pepper"})
    assert job_settings(other, cluster)[REDACTION].startswith("(?:pepper)|")


@pytest.mark.parametrize("more", ["license|salt", r"my\.(?:key|id)$", "[a-z]+_iv"])
def test_the_configurations_names_count_too(more):
    count_as_secret(more)
    assert f"(?:{more})" in redaction_regex()


@pytest.mark.parametrize("more", ["(?P<name>salt)", "(?<=x)salt", "a{,3}", "(?a:salt)"])
def test_what_java_might_not_understand_is_left_to_us(more):
    count_as_secret(more)
    assert more not in redaction_regex()
    assert re.search(redaction_regex(), "password") is not None
