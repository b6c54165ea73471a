from __future__ import annotations

import copy
import json
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcluster_provider.platforms.kubernetes.manifests.strategic_merge import merged

TEMPLATE = {
    "metadata": {"labels": {"a": "1"}, "annotations": {"x": "1"}},
    "spec": {
        "containers": [
            {
                "name": "engine",
                "image": "i",
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "value": "2"},
                    {"name": "C", "value": "3"},
                ],
                "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
                "volumeMounts": [{"name": "s", "mountPath": "/s"}, {"name": "t", "mountPath": "/t"}],
                "ports": [{"containerPort": 80, "name": "p"}],
            },
            {"name": "two", "image": "j"},
        ],
        "volumes": [{"name": "s", "emptyDir": {}}, {"name": "t", "emptyDir": {"medium": "Memory"}}],
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "nodeSelector": {"k": "v"},
        "securityContext": {"runAsUser": 1, "sysctls": [{"name": "n", "value": "v"}]},
    },
}


def _engine(**fields) -> dict:
    return {"spec": {"containers": [{"name": "engine", **fields}]}}


PATCHES = {
    "a container is added": {"spec": {"containers": [{"name": "side", "image": "s"}]}},
    "nulls take away": {"spec": {"containers": [{"name": "two", "image": None}], "nodeSelector": None}},
    "nulls in what is new": {"spec": {"containers": [{"name": "side", "image": "s", "command": None}]}},
    "variables in between": _engine(env=[{"name": "N", "value": "n"}, {"name": "C", "value": "9"}]),
    "a variable is deleted": _engine(env=[{"name": "A", "$patch": "delete"}]),
    "a variable that is not there is deleted": _engine(env=[{"name": "Q", "$patch": "delete"}]),
    "the other way round": _engine(env=[{"name": "C"}, {"name": "N", "value": "n"}, {"name": "A"}]),
    "twice the same": _engine(env=[{"name": "B"}, {"name": "B", "value": "2"}, {"name": "Y"}, {"name": "Y"}]),
    "a list is replaced": _engine(env=[{"$patch": "replace"}, {"name": "N", "value": "n"}]),
    "an object is replaced": _engine(resources={"$patch": "replace", "limits": {"cpu": "1"}}),
    "an object is deleted": _engine(resources={"$patch": "delete"}),
    "an object that is not there is deleted": {"spec": {"affinity": {"$patch": "delete"}}},
    "mounts by their path": _engine(volumeMounts=[{"mountPath": "/s", "readOnly": True}]),
    "ports by their number": _engine(ports=[{"containerPort": 81}, {"containerPort": 80, "protocol": "TCP"}]),
    "another kind of volume": {
        "spec": {"volumes": [{"name": "s", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}
    },
    "another kind of volume by a null": {
        "spec": {"volumes": [{"name": "t", "emptyDir": None, "hostPath": {"path": "/x"}}]}
    },
    "lists without a key are replaced": {
        "spec": {"securityContext": {"sysctls": [{"name": "m", "value": "w"}]}}
    },
    "init containers where there are none": {
        "spec": {"initContainers": [{"name": "x", "$patch": "delete"}, {"name": "z", "image": "y"}]}
    },
    "keys of other names": {
        "spec": {
            "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["a"]}],
            "topologySpreadConstraints": [{"topologyKey": "z", "maxSkew": 1}],
            "imagePullSecrets": [{"name": "q"}],
        }
    },
    "annotations": {"metadata": {"annotations": {"x": None, "y": "2"}}},
    "nothing": {"spec": {"containers": []}},
}


@pytest.fixture
def kubectl(tmp_path):
    """What kubectl itself makes of a template and a patch."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the path")

    def patched(template: dict, patch: dict) -> dict:
        file = tmp_path / "template.json"
        about = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}}
        file.write_text(json.dumps({**about, "template": template}))
        command = ["kubectl", "patch", "--type=strategic", "--local", "-o", "json", "-f", str(file), "-p"]
        done = subprocess.run(
            [*command, json.dumps({"template": patch})], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return _without_nulls(json.loads(done.stdout)["template"])

    return patched


def _without_nulls(value):
    """Without nulls and directives, which kubectl leaves in elements that are new."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if not isinstance(value, list):
        return value
    return [_without_nulls(item) for item in value if not (isinstance(item, dict) and "$patch" in item)]


@pytest.mark.parametrize("name", PATCHES)
def test_gives_what_kubectl_gives(name, kubectl):
    before = copy.deepcopy((TEMPLATE, PATCHES[name]))
    assert merged(TEMPLATE, PATCHES[name]) == kubectl(TEMPLATE, PATCHES[name])
    assert (TEMPLATE, PATCHES[name]) == before, "neither is changed"


def _name(container: dict) -> str:
    return container["name"]


_NAMES = st.sampled_from(["A", "B", "C", "D", "E"])
_VARIABLE = st.one_of(
    st.builds(lambda name, value: {"name": name, "value": value}, _NAMES, st.sampled_from(["1", "2"])),
    st.builds(lambda name: {"name": name, "$patch": "delete"}, _NAMES),
)
_CONTAINER = st.fixed_dictionaries(
    {"name": st.sampled_from(["engine", "two", "three"])},
    optional={
        "image": st.sampled_from(["i", "k"]),
        "env": st.lists(_VARIABLE, min_size=1, max_size=5),
        "volumeMounts": st.lists(
            st.fixed_dictionaries({"name": _NAMES, "mountPath": st.sampled_from(["/s", "/t", "/u"])}),
            max_size=3,
        ),
    },
)
_SPEC = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(_CONTAINER, min_size=1, max_size=3, unique_by=_name),
        "initContainers": st.lists(_CONTAINER, min_size=1, max_size=2, unique_by=_name),
        "nodeSelector": st.one_of(st.none(), st.dictionaries(_NAMES, st.one_of(st.none(), st.just("v")))),
        "serviceAccountName": st.sampled_from(["a", None]),
    },
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(template=_SPEC, patch=_SPEC)
def test_gives_what_kubectl_gives_for_any_lists(template, patch, kubectl):
    there = _distinct(merged({}, {"spec": template}))  # a template as it can be: no nulls and no directives
    assert merged(there, {"spec": patch}) == kubectl(there, {"spec": patch})


def _distinct(value):
    """Without elements of a list that repeat another's key, which no API server accepts."""
    if isinstance(value, dict):
        return {name: _distinct(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    return list({item.get("mountPath") or item["name"]: _distinct(item) for item in value}.values())


def test_tolerations_are_appended_for_each_only_allows_more():
    more = {"key": "b", "operator": "Exists"}
    patch = {"spec": {"tolerations": [more, {"key": "a", "operator": "Exists"}]}}
    assert merged(TEMPLATE, patch)["spec"]["tolerations"] == [{"key": "a", "operator": "Exists"}, more]


def test_what_replaces_is_set_where_there_was_none():
    affinity = {"nodeAffinity": {"preferred": ["x"]}}
    result = merged(TEMPLATE, {"spec": {"affinity": {"$patch": "replace", **affinity}}})
    assert result["spec"]["affinity"] == affinity


def test_a_merged_object_shares_nothing_that_the_caller_could_change():
    result = merged(TEMPLATE, _engine(image="k"))
    result["spec"]["containers"][0]["image"] = "changed"
    result["spec"]["containers"].append({})
    assert TEMPLATE["spec"]["containers"][0]["image"] == "i"
    assert len(TEMPLATE["spec"]["containers"]) == 2
