"""Variables of executors in the settings of a job."""

from __future__ import annotations

import re

from dcluster_provider.engines.spark.dependencies import executor_environment


def test_a_setting_of_the_user_stays_and_sparks_redaction_covers_secrets_of_any_name():
    given = {"spark.executorEnv.A": "mine", "spark.ui.port": "0"}
    wanted = executor_environment(given, {"A": "1", "B": "2"}, ["B"])
    redaction = wanted.pop("spark.redaction.regex")
    assert wanted == {"spark.executorEnv.A": "mine", "spark.executorEnv.B": "2", "spark.ui.port": "0"}
    hidden = ("spark.executorEnv.B", "my.password")
    assert [name for name in (*hidden, "spark.executorEnv.BB") if re.search(redaction, name)] == list(hidden)


def test_a_redaction_of_the_users_own_stays():
    wanted = executor_environment({"spark.redaction.regex": "mine"}, {}, ["B"])
    assert wanted["spark.redaction.regex"].startswith("mine|")
    assert executor_environment({}, {"A": "1"}) == {"spark.executorEnv.A": "1"}
