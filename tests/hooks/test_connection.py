"""From a connection to settings; one of another type is refused by name, whoever names it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from dcluster_provider.core.errors import InvalidSpec, NotFound, PlatformRefused
from dcluster_provider.hooks.clients import ec2_client, kubernetes_client
from dcluster_provider.hooks.connection import read_settings, require_type, settings_from
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.local.settings import LocalSettings


def test_no_connection_means_the_local_platform_and_sqlite_under_the_airflow_home(monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", "/some/home")
    settings = read_settings("dcluster_default")
    assert (settings.platform, settings.env) == ("local", "dev")
    assert settings.registry_url == "sqlite:////some/home/dcluster/registry.db"
    assert settings.platform_settings == LocalSettings(
        home=Path("/some/home/dcluster"), engines_folder=Path("/some/home/dcluster/engines")
    )


def test_another_connection_that_does_not_exist_is_an_error():
    with pytest.raises(NotFound, match="no connection 'dcluster_typo'"):
        read_settings("dcluster_typo")


def test_fields_of_the_form_are_read(monkeypatch):
    extra = '{"env": "prod", "idle_timeout": 60, "max_lifetime": "", "job_log_url": "https://logs/{jobId}"}'
    monkeypatch.setenv("AIRFLOW_CONN_MINE", f'{{"conn_type": "dcluster", "extra": {extra}}}')
    settings = DClusterHook("mine").settings
    assert (settings.env, settings.limits.idle, settings.limits.lifetime) == (
        "prod",
        timedelta(seconds=60),
        None,
    )
    assert settings.job_log_url(7) == "https://logs/7"


def test_templates_are_read():
    extra = {"application_template": "{module}.jar", "args_template": '["{client}"]', "grafana_url": "{env}"}
    settings = settings_from("mine", extra | {"env": "prod"})
    assert (settings.application.application, settings.application.args) == ("{module}.jar", ("{client}",))
    assert (settings.grafana.template, settings.grafana.env) == ("{env}", "prod")
    assert hash(settings) == hash(settings_from("mine", extra | {"env": "prod"}))


def test_the_registry_can_be_postgresql_and_its_password_is_not_shown(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PG", "postgres://me:p%40ss@db:5433/registry")
    settings = settings_from("mine", {"registry_conn_id": "pg"})
    assert settings.registry_url == "postgresql+psycopg2://me:p%40ss@db:5433/registry"
    assert "p%40ss" not in repr(settings)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"idle_timout": 5}, "did you mean 'idle_timeout'"),
        ({"platform": "kubernets"}, "field platform"),
        ({"idle_timeout": "soon"}, "field idle_timeout: 'soon'"),
        ({"max_lifetime": 0}, "field max_lifetime"),
        (
            {"application_template": "{clent}.py"},
            "connection 'mine': field application_template: .* mean 'client'",
        ),
        ({"args_template": "--a"}, "connection 'mine': field args_template: is not JSON"),
        ({"application_template": "a.py", "args_template": "[1]"}, "args_template: is not a list of texts"),
        ({"grafana_url": "{job}"}, "connection 'mine': field grafana_url: .* mean 'jobId'"),
        ({"registry_conn_id": "mysql"}, "'mysql' is of type 'mysql'; name a connection of type 'postgres'$"),
        ({"registry_conn_id": "generic"}, r"of type 'generic'; .* install dcluster-provider\[postgres\]"),
    ],
)
def test_what_cannot_be_accepted_is_named(monkeypatch, extra, message):
    monkeypatch.setenv("AIRFLOW_CONN_MYSQL", "mysql://db/x")
    monkeypatch.setenv("AIRFLOW_CONN_GENERIC", "generic://db/x")
    with pytest.raises(InvalidSpec, match=message):
        settings_from("mine", extra)


def test_the_connection_test_tells_what_is_reached_or_why_not(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__DCLUSTER__HOME", str(tmp_path))
    works, message = DClusterHook().test_connection()
    assert works, message
    assert "schema" in message
    assert "Spark 3.5" in message
    monkeypatch.setenv("AIRFLOW_CONN_MINE", '{"conn_type": "dcluster", "extra": {"spark_version": "1.0"}}')
    works, message = DClusterHook("mine").test_connection()
    assert not works
    assert "3.5" in message


def test_the_registry_takes_the_extras_that_postgresql_knows_and_drops_airflows_own(monkeypatch):
    extra = '{"sslmode": "require", "connect_timeout": 5, "cursor": "dictcursor", "iam": false}'
    monkeypatch.setenv(
        "AIRFLOW_CONN_PG",
        f'{{"conn_type": "postgres", "login": "me", "host": "db", "schema": "registry", "extra": {extra}}}',
    )
    url = settings_from("mine", {"registry_conn_id": "pg"}).registry_url
    assert url == "postgresql+psycopg2://me@db/registry?connect_timeout=5&sslmode=require"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('{"iam": true}', "extra iam: the registry signs in by login and password alone"),
        ('{"sslmod": "require"}', "extra sslmod: is unknown to PostgreSQL's client; did you mean 'sslmode'"),
    ],
)
def test_an_extra_that_the_registry_does_not_heed_is_named(monkeypatch, extra, message):
    monkeypatch.setenv("AIRFLOW_CONN_PG", f'{{"conn_type": "postgres", "host": "db", "extra": {extra}}}')
    with pytest.raises(InvalidSpec, match=message):
        settings_from("mine", {"registry_conn_id": "pg"})


def test_a_time_that_no_clock_holds_is_refused():
    with pytest.raises(InvalidSpec, match="field idle_timeout"):
        settings_from("mine", {"idle_timeout": 10**30})


@pytest.mark.parametrize("conn_type", ["smtp", "generic", "kubernetes", ""])
@pytest.mark.parametrize("conn_id", ["mine", "dcluster_default"])
def test_only_a_dcluster_connection_is_one(monkeypatch, conn_id, conn_type):
    connection = {"conn_type": conn_type, "host": "mail", "extra": {"platform": "local"}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    with pytest.raises(
        InvalidSpec, match=f"connection '{conn_id}' is of type '{conn_type}', not 'dcluster'; name"
    ):
        read_settings(conn_id)


@pytest.mark.parametrize(
    ("use", "field"),
    [
        (kubernetes_client, "kubernetes_conn_id takes one of type 'kubernetes'"),
        (lambda conn_id: ec2_client(conn_id, "eu-west-1", True), "aws_conn_id takes one of type 'aws'"),
    ],
)
def test_a_connection_that_it_names_is_of_the_type_that_it_is_named_for(monkeypatch, use, field):
    monkeypatch.setenv("AIRFLOW_CONN_NAMED", json.dumps({"conn_type": "smtp", "host": "mail"}))
    with pytest.raises(PlatformRefused, match=f"connection 'named'.*'smtp', and the field {field}"):
        use("named")


def test_one_that_does_not_exist_is_for_its_provider_to_judge():
    require_type("no_such_connection", ("kubernetes",), "kubernetes_conn_id")
