"""Secrets are found by the names that they have, in settings, arguments, JSON and text, and in no other text."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.core.errors import InvalidSpec, RegistryUnusable
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.redaction import REDACTED, Redaction, count_as_secret, redaction
from dcluster_provider.core.spec import parse

SECRET = "m4rker-s3cret"
RULES = Redaction()


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.access.key",
        "s3.access-key",
        "fs.azure.account.key.name.blob.core.windows.net",
        "properties.sasl.jaas.config",
        "spark.ssl.keyStorePassword",
        "api_key",
        "apiKey",
        "GITHUB_TOKEN",
        "passwd",
        "security.oauth.credentials",
    ],
)
def test_a_setting_is_a_secret_by_its_name(name):
    assert RULES.settings({name: SECRET, "spark.executor.memory": "2g"}) == {
        name: REDACTED,
        "spark.executor.memory": "2g",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"'password' = '{SECRET}', 'x' = 'y'", f"'password' = '{REDACTED}', 'x' = 'y'"),
        (f"'password'='it''s {SECRET}'", f"'password'='{REDACTED}'"),
        (f"'password'\n  =\n  '{SECRET}'", f"'password'\n  =\n  '{REDACTED}'"),
        (f"SET db.token = {SECRET}", f"SET db.token = {REDACTED}"),
        (f"password={SECRET} user=me", f"password={REDACTED} user=me"),
        (f'{{"password": "{SECRET}", "a": 1}}', f'{{"password": "{REDACTED}", "a": 1}}'),
        (
            json.dumps({"x": json.dumps({"api.key": SECRET})}),
            json.dumps({"x": json.dumps({"api.key": REDACTED})}),
        ),
        (f"{{'secret': '{SECRET}'}}", f"{{'secret': '{REDACTED}'}}"),
        (
            f"-Djavax.net.ssl.keyStorePassword={SECRET} -Xmx1g",
            f"-Djavax.net.ssl.keyStorePassword={REDACTED} -Xmx1g",
        ),
        (f"run --password {SECRET} --rows 3", f"run --password {REDACTED} --rows 3"),
        (f"['--token', '{SECRET}', '3']", f"['--token', '{REDACTED}', '3']"),
        (f"fs.s3a.secret.key: {SECRET}", f"fs.s3a.secret.key: {REDACTED}"),
        (f"a: 1\n  password: {SECRET}\nb: 2", f"a: 1\n  password: {REDACTED}\nb: 2"),
        (f"jdbc:postgresql://me:{SECRET}@db/x", f"jdbc:postgresql://me:{REDACTED}@db/x"),
        (f"postgresql://me:{SECRET}@@db/x", f"postgresql://me:{REDACTED}@db/x"),
        (f"https://db/x?user=me&password={SECRET}&ssl=1", f"https://db/x?user=me&password={REDACTED}&ssl=1"),
        (f"Authorization: Bearer {SECRET}", f"Authorization: {REDACTED} {REDACTED}"),
        (f"got 401 for Bearer {SECRET}", f"got 401 for Bearer {REDACTED}"),
        (f"'password' = '{SECRET} cut off", f"'password' = '{REDACTED}'"),
    ],
)
def test_what_is_assigned_to_the_name_of_a_secret_is_taken_out_of_text(text, shown):
    assert RULES.text(text) == shown
    assert RULES.text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "SELECT tokens, password_changed_at FROM users WHERE id = 3",
        'Encountered "password" at line 3, column 7.',
        "org.apache.flink.sql.parser.impl.ParseException: Unexpected token: }",
        "mismatched input 'FRM'; the token is not known",
        "Caused by: java.net.ConnectException: Connection refused: db/10.0.0.1:5432",
        "s3a://bucket/secret/data.csv does not exist",
        "12:30:01 INFO SparkContext: Running Spark version 3.5.7",
        "basic statistics of 3 columns",
        "postgresql://user:***@db/registry",
        "the setting s3.secret-key: the value is not there",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert RULES.text(text) == text


@pytest.mark.parametrize(
    ("text", "shown", "secrets"),
    [
        (
            f"OPTIONS (user 'me', password '{SECRET}')",
            f"OPTIONS (user 'me', password '{REDACTED}')",
            (SECRET,),
        ),
        (f'OPTIONS (`password` "{SECRET}")', f'OPTIONS (`password` "{REDACTED}")', (SECRET,)),
        (
            f"WITH ('a' = 'b', 'password' = '{SECRET}')",
            f"WITH ('a' = 'b', 'password' = '{REDACTED}')",
            (SECRET,),
        ),
        (f"CALL f(token => '{SECRET}')", f"CALL f(token => '{REDACTED}')", (SECRET,)),
        (
            f"SET a.secret={SECRET}, with more;\nSELECT 1",
            f"SET a.secret={REDACTED};\nSELECT 1",
            (f"{SECRET}, with more",),
        ),
        (f"set 'a.secret' = '{SECRET}'", f"set 'a.secret' = '{REDACTED}'", (SECRET,)),
        (f"SET a.secret={SECRET}; SELECT 1", f"SET a.secret={REDACTED}; SELECT 1", (SECRET,)),
        ("SET a.secret = 1234", f"SET a.secret = {REDACTED}", ()),
        (
            "SELECT * FROM t WHERE token_type = 'refresh'",
            f"SELECT * FROM t WHERE token_type = '{REDACTED}'",
            (),
        ),
        (
            "CREATE TABLE t (token STRING COMMENT 'a word')",
            "CREATE TABLE t (token STRING COMMENT 'a word')",
            (),
        ),
        ("SELECT max_tokens, 'password' FROM t", "SELECT max_tokens, 'password' FROM t", ()),
        ("SELECT count(*) FROM t", "SELECT count(*) FROM t", ()),
    ],
)
def test_what_sql_sets_by_the_name_of_a_secret_is_taken_out_of_it(text, shown, secrets):
    assert RULES.sql(text) == shown
    assert RULES.sql(shown) == shown
    assert RULES.secrets_in_sql(text) == secrets
    assert RULES.json({"sql": text, "n": 1}) == {"sql": shown, "n": 1}


def test_arguments_after_a_flag_of_a_secret_are_secrets():
    given_arguments = ["--user", "me", "--password", SECRET, f"--api-key={SECRET}", "--token", "--rows", "3"]
    assert RULES.arguments(given_arguments) == [
        "--user",
        "me",
        "--password",
        REDACTED,
        f"--api-key={REDACTED}",
        "--token",
        "--rows",
        "3",
    ]
    assert RULES.secrets_in({"db.password": "other-one", "pin.secret": "1234"}, given_arguments) == (
        SECRET,
        "other-one",
    )


def test_json_is_redacted_however_deep():
    value = {"a": [{"token": SECRET, "n": 3, "on": True}], "secret": 42, "args": ["--password", SECRET]}
    assert RULES.json(value) == {
        "a": [{"token": REDACTED, "n": 3, "on": True}],
        "secret": REDACTED,
        "args": ["--password", REDACTED],
    }


def test_values_that_are_known_as_secrets_are_taken_out_wherever_they_stand():
    assert RULES.text(f"could not log in with {SECRET}!", [SECRET]) == f"could not log in with {REDACTED}!"


def test_more_names_can_count_as_secrets_and_a_broken_expression_is_refused():
    assert Redaction("pin$|salt").settings({"db.pin": "1", "salt": "2", "pink": "3"}) == {
        "db.pin": REDACTED,
        "salt": REDACTED,
        "pink": "3",
    }
    with pytest.raises(ValueError, match="is not a regular expression"):
        Redaction("(")
    try:
        count_as_secret("salt")
        assert redaction().is_secret("salt")
    finally:
        count_as_secret("")
    assert not redaction().is_secret("salt")


@given(st.text(alphabet=st.sampled_from("password='\"\\ :\n-.,a&"), max_size=60))
def test_no_text_breaks_it_and_twice_is_once(text):
    once = RULES.text(text)
    assert RULES.text(RULES.text(once)) == RULES.text(once)


@pytest.mark.parametrize(
    "piece", ["a", "password", "password='", "-password", "secret.", "'", '\\"', "password: "]
)
def test_a_long_line_takes_time_that_grows_with_its_length_alone(piece):
    def seconds(size):
        text = (piece * size)[:size]
        begun = time.process_time()
        RULES.text(text)
        return time.process_time() - begun

    # Eight times the length in less than thirty times the time: far from the sixty-four of a square.
    assert seconds(80_000) < 30 * max(seconds(10_000), 0.01)


def test_errors_and_diagnoses_say_no_secret_by_themselves():
    assert SECRET not in str(RegistryUnusable(f"connection to server failed: password={SECRET}"))
    diagnosis = Diagnosis(
        ProcessCode.PYTHON_EXCEPTION, f"'password' = '{SECRET}'", f"--token {SECRET}", (f"secret={SECRET}",)
    )
    assert SECRET not in diagnosis.render()
    assert SECRET not in repr(diagnosis)


def test_a_refused_specification_is_echoed_without_its_secrets():
    with pytest.raises(InvalidSpec) as refused:
        parse(JobSpec, {"client": "c", "module": "m", "args": f"--password {SECRET}"})
    assert "field args" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_specification_is_represented_without_its_secrets():
    spec = JobSpec(
        client="c", module="m", extra_cmd={"spark.x.password": SECRET}, args=("--password", SECRET)
    )
    assert SECRET not in repr(spec)
    assert SECRET not in str(spec)
