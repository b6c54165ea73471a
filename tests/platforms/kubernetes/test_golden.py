"""The objects of each combination of settings and fields, compared with those that were looked at and kept.

Run as a program, it writes them anew: python -m tests.platforms.kubernetes.test_golden. What changed is then seen in
the difference.
"""

from __future__ import annotations

import json

import pytest
from kubernetes_platform import combinations, golden_folder

FOUND = combinations()


def text_of(objects) -> str:
    return json.dumps(objects, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", sorted(FOUND))
def test_objects_are_as_they_were_kept(name):
    assert text_of(FOUND[name]) == (golden_folder() / f"{name}.json").read_text()


def test_no_golden_file_is_left_over():
    assert {path.stem for path in golden_folder().glob("*.json")} == set(FOUND)


def test_no_secret_stands_outside_a_secret():
    for objects in FOUND.values():
        for each in objects:
            if each["kind"] != "Secret":
                assert "shared" not in json.dumps(each).replace("shared-secret", "")


def pods_of(objects):
    return [each["spec"]["template"] for each in objects if each["kind"] in {"Deployment", "Job"}]


@pytest.mark.parametrize("name", sorted(FOUND))
def test_every_object_is_labelled_and_owned_by_the_root(name):
    for each in FOUND[name]:
        metadata = each["metadata"]
        assert metadata["labels"]["dcluster.io/deployment"] == "airflow"
        assert metadata["labels"]["dcluster.io/cluster-id"] == "7"
        if each["kind"] != "ConfigMap":
            assert [owner["kind"] for owner in metadata["ownerReferences"]] == ["ConfigMap"]
    for pod in pods_of(FOUND[name]):
        assert pod["metadata"]["labels"]["dcluster.io/role"]


if __name__ == "__main__":
    golden_folder().mkdir(exist_ok=True)
    for each_name, made in FOUND.items():
        (golden_folder() / f"{each_name}.json").write_text(text_of(made))
