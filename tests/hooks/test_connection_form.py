"""From the models of settings to the connection form."""

from __future__ import annotations

import copy

import pytest

from dcluster_provider.hooks.connection_form import connection_form, own_fields
from dcluster_provider.hooks.lazy_form import LazyForm
from dcluster_provider.provider_info import get_provider_info


def test_every_field_has_a_label_and_a_sentence():
    for name, field in connection_form().items():
        assert field["label"], name
        assert field["description"].endswith("."), name
    assert len({field["label"] for field in connection_form().values()}) == len(own_fields())


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("platform", {"type": ["string", "null"], "default": "local", "enum": ["local", "kubernetes", None]}),
        ("env", {"type": ["string", "null"], "default": "dev"}),
        ("home", {"type": ["string", "null"]}),
        ("namespace", {"type": ["string", "null"]}),
        ("idle_timeout", {"type": ["integer", "null"]}),
        ("max_nodes", {"type": ["integer", "null"]}),
        ("flink_ha", {"type": ["boolean", "null"]}),
        ("engine_access", {"type": ["string", "null"], "enum": ["proxy", "direct", None]}),
        ("ec2_subnets", {"type": ["string", "null"]}),
        ("gke_labels", {"type": ["string", "null"]}),
    ],
)
def test_the_type_of_a_field_decides_what_the_form_takes(name, schema):
    assert connection_form()[name]["schema"] == schema


def test_a_default_of_the_package_is_said_and_not_stored_with_the_connection():
    field = connection_form()["spark_version"]
    assert "default" not in field["schema"]
    assert field["description"].endswith(f"; empty means {own_fields()['spark_version'].default}.")


@pytest.mark.parametrize(
    "read", [len, list, repr, copy.deepcopy, lambda form: form["env"], lambda form: form.get("env")]
)
def test_the_form_in_the_providers_description_is_made_when_it_is_read(read):
    (connection_type,) = get_provider_info()["connection-types"]
    form = connection_type["conn-fields"]
    assert dict.__len__(form) == 0
    assert read(form) == read(connection_form())
    assert "env" in LazyForm()
    assert list(LazyForm().values()) == list(connection_form().values())
