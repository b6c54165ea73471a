from __future__ import annotations

import pytest

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.platforms.kubernetes.manifests.overlay import overlaid, parse_overlay

FIELD = "connection 'c': field pod_template"


def test_what_is_accepted_is_laid_over():
    overlay = parse_overlay(
        {
            "metadata": {"labels": {"team": "data"}},
            "spec": {"containers": [{"name": "engine", "image": "own"}, {"name": "side", "image": "s"}]},
        },
        FIELD,
    )
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "engine", "args": ["x"]}]},
    }
    result = overlaid(template, overlay)
    assert result["metadata"]["labels"] == {"a": "b", "team": "data"}
    assert {"name": "engine", "args": ["x"], "image": "own"} in result["spec"]["containers"]


@pytest.mark.parametrize(
    "text",
    [
        '{"spec": {"nodeSelector": {"a": "b"}}}',
        "spec:\n  nodeSelector:\n    a: b\n",
        '\n{"spec": {"nodeSelector": {"a": "b"}}}',
    ],
)
def test_json_and_yaml_are_read(text):
    assert parse_overlay(text, FIELD) == {"spec": {"nodeSelector": {"a": "b"}}}


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text_overlays_nothing(text):
    assert parse_overlay(text, FIELD) == {}


def _engine(**fields) -> dict:
    return {"spec": {"containers": [{"name": "engine", **fields}]}}


REFUSED = {
    "not an object": ([], "is not an object"),
    "a list in text": ("[1]", "is not an object"),
    "no JSON": ('{"spec": {', "is not JSON: Expecting"),
    "no YAML": ("spec:\n  a: [", "is not YAML: .* at line 2"),
    "a pod, not a template": ({"kind": "Pod"}, "kind: is not a field .*metadata, spec"),
    "a near miss": ({"specs": {}}, "did you mean 'spec'"),
    "a near miss in metadata": ({"metadata": {"label": {}}}, "metadata.label: .*did you mean 'labels'"),
    "no metadata": ({"metadata": None}, "metadata: "),
    "no spec": ({"spec": []}, "spec: is not an object"),
    "the engine deleted": (_engine(**{"$patch": "delete"}), r"spec.containers\[0\]: the container engine"),
    "the engine replaced": (_engine(**{"$patch": "replace"}), "cannot be replaced"),
    "the engine thinned": (_engine(**{"$retainKeys": ["name"]}), "the container engine"),
    "the engine's command": (_engine(command=["x"]), r"spec.containers\[0\].command: leave it out"),
    "the engine's arguments": (_engine(args=None), r"spec.containers\[0\].args: leave it out"),
    "all containers replaced": ({"spec": {"containers": [{"$patch": "replace"}]}}, "cannot be replaced"),
    "no containers": ({"spec": {"containers": None}}, "spec.containers: cannot be taken away"),
    "the template replaced": ({"$patch": "replace"}, "the template: cannot be"),
    "the spec deleted": ({"spec": {"$patch": "delete"}}, "spec: cannot be taken away"),
    "the labels deleted": ({"metadata": {"labels": {"$patch": "delete"}}}, "metadata.labels: cannot be"),
    "no labels": ({"metadata": {"labels": None}}, "metadata.labels: cannot be"),
    "a label of ours": (
        {"metadata": {"labels": {"dcluster.io/role": "x"}}},
        "dcluster.io/role: choose another",
    ),
    "a restart policy": ({"spec": {"restartPolicy": "Never"}}, "spec.restartPolicy: leave it out"),
    "a host name": ({"spec": {"hostname": "x"}}, "spec.hostname: leave it out"),
    "a container without a name": (
        {"spec": {"containers": [{"image": "x"}]}},
        r"containers\[0\]: has no name",
    ),
    "a mount without a path": (_engine(volumeMounts=[{"name": "x"}]), r"volumeMounts\[0\]: has no mountPath"),
    "a variable that is no object": (_engine(env=["A=1"]), r"env\[0\]: is not an object"),
    "a directive nobody knows": ({"spec": {"$setElementOrder/volumes": []}}, "unknown directive"),
    "a merge": ({"spec": {"affinity": {"$patch": "merge"}}}, "has to be delete or replace"),
    "a number for a label": ({"metadata": {"labels": {"a": 1}}}, 'a is not text; write it in quotes: "1"'),
    "an amount that is none": (
        _engine(resources={"limits": {"cpu": "lots"}}),
        r"spec.containers\[0\].resources.limits: cpu is not an amount but 'lots'",
    ),
    "a boolean to select by": ("spec: {nodeSelector: {spot: yes}}", 'spec.nodeSelector: spot .*"true"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_field_named(name):
    value, message = REFUSED[name]
    with pytest.raises(InvalidSpec, match=message) as refused:
        parse_overlay(value, FIELD)
    assert str(refused.value).startswith(FIELD + ": ")
