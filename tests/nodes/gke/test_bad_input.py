"""What cannot be asked of GKE is refused before anything is made, with the nearest that can."""

from __future__ import annotations

import json

import pytest
from nodes.gke.fake_google import REGION
from nodes.gke.orders import order

from dcluster_provider.control.backends import clouds
from dcluster_provider.core.backend import BackendContext
from dcluster_provider.core.errors import CloudUnavailable, CredentialsRefused, InvalidSpec, PlatformRefused
from dcluster_provider.hooks.clients import google_credentials
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.nodes.gke.settings import GkeSettings

GKE = {"cloud": "gke", "gke_project": "analytics-1234", "gke_location": REGION, "gke_cluster": "main"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            "europe-west2-b",
            "zone 'europe-west2-b' for project 'analytics-1234'; did you mean 'europe-west1-b'?",
        ),
        ("us-central1", "'us-central1' is not where the nodes of the GKE cluster 'main' in europe-west1"),
        (
            "europe-west4-a",
            "write 'europe-west1', one of its zones (europe-west1-b, europe-west1-c, europe-west1-d)",
        ),
    ],
)
def test_a_place_without_nodes(world, given, words):
    with pytest.raises(InvalidSpec) as refused:
        world.cloud().region(given)
    assert words in str(refused.value)


def test_places_with_nodes(world):
    cloud = world.cloud()
    assert [cloud.region(it) for it in ("", "europe-west1", "europe-west1-d")] == [
        "europe-west1",
        "europe-west1",
        "europe-west1-d",
    ]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            order(1, "n2-standard-3"),
            "there is no machine type 'n2-standard-3' in europe-west1-b, europe-west1-c;",
        ),
        (order(1, "n2-standard-4", "n1-old-1"), "there is no machine type 'n1-old-1'"),
        (order(1001), "field nodeCount: 1001 is more than the 1000 machines"),
        (order(1, *(f"n2-custom-2-{size}" for size in range(4096, 4196))), "more than 60 kinds"),
    ],
)
def test_an_order_that_cannot_be(world, wanted, words):
    with pytest.raises(InvalidSpec) as refused:
        world.cloud(alternatives=tuple(f"n2-custom-4-{size}" for size in range(5000, 5059))).check_order(
            wanted
        )
    assert words in str(refused.value)
    assert "CreateNodePool" not in world.google.requests


def test_custom_machine_types_are_let_through(world):
    world.cloud().check_order(order(1, "n2-custom-6-20480", "custom-2-4096"))


@pytest.mark.parametrize(
    "machine_id",
    [
        "i-0123456789abcdef0",
        "",
        "gce://p/z/gke-a-b",
        "gke-A",
        "my-vm",
        "gke-a b",
        "gke-a-",
        "gke-" + "a" * 60,
    ],
)
def test_ids_of_another_form(world, machine_id):
    with pytest.raises(
        InvalidSpec, match="is not the name of a node of GKE; write the instance's name alone"
    ):
        world.cloud().check_ids(["gke-main-pool-1a2b3c4d-x1y2", machine_id])


def test_autopilot_clusters_make_their_nodes_by_themselves(world):
    world.google.autopilot = True
    with pytest.raises(InvalidSpec, match="is an Autopilot cluster"):
        world.cloud().check_order(order())


def test_a_cluster_that_is_not_there(world):
    with pytest.raises(
        InvalidSpec, match=r"there is no GKE cluster 'maim' in europe-west1.*did you mean 'main'"
    ):
        world.cloud(cluster="maim").check_order(order())


def test_a_template_that_is_not_there(world):
    world.google.add_pool("default-pool", {}, 0, ["europe-west1-b"])
    with pytest.raises(
        PlatformRefused, match="There is no node pool 'default-pol'; did you mean 'default-pool'"
    ):
        world.cloud(template_pool="default-pol").launch(order())


@pytest.mark.parametrize(
    ("method", "permission", "call"),
    [
        ("CreateNodePool", "container.clusters.update", lambda cloud: cloud.launch(order())),
        ("ListNodePools", "container.clusters.get", lambda cloud: cloud.machines(REGION)),
        ("zones.list", "compute.zones.list", lambda cloud: cloud.region("")),
        ("machineTypes.list", "compute.machineTypes.list", lambda cloud: cloud.instance_types(REGION)),
        (
            "instances.aggregatedList",
            "compute.instances.list",
            lambda cloud: list(cloud.list_instances(REGION)),
        ),
    ],
)
def test_a_missing_permission_is_named(world, method, permission, call):
    world.google.forbidden = {method: permission}
    with pytest.raises(PlatformRefused) as refused:
        call(world.cloud())
    assert refused.value.diagnosis.code == "PermissionMissing"
    assert f"the permission {permission} is missing" in str(refused.value)


def test_nobody_answers(world):
    cloud = world.cloud(compute_endpoint="http://127.0.0.1:1", container_endpoint="http://127.0.0.1:1")
    with pytest.raises(CloudUnavailable, match=r"creating the node pool .*no answer"):
        world.api(container_endpoint="http://127.0.0.1:1").create_node_pool(_pool())
    assert cloud.name == "gke"


def _pool():
    from google.cloud import container_v1

    return container_v1.NodePool(name="a")


def test_the_connection_is_read():
    extra = {
        **GKE,
        "google_conn_id": "google",
        "gke_template_pool": "default-pool",
        "gke_zones": "europe-west1-c, europe-west1-b",
        "gke_market": "spot, then on-demand",
        "gke_alternatives": ["e2-standard-4"],
        "gke_labels": json.dumps({"team": "data"}),
        "deployment": "prod",
    }
    settings = settings_from("c", extra).nodes
    assert settings.cloud == "gke"
    gke = settings.cloud_settings
    assert isinstance(gke, GkeSettings)
    assert gke.conn_id == "google"
    assert gke.zones == ("europe-west1-c", "europe-west1-b")
    assert gke.labels == (("team", "data"),)
    assert (gke.deployment, gke.connection) == ("prod", "c")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gke_cluster": ""}, "field gke_cluster: is empty"),
        ({"gke_location": "Europe"}, "'Europe' is not a region or zone"),
        ({"gke_zones": "us-central1-a"}, "'us-central1-a' is not in europe-west1"),
        ({"gke_market": "cheap"}, "field gke_market: 'cheap'"),
        ({"gke_labels": {"dcluster-mark": "x"}}, "is not yours to set"),
        ({"gke_labels": "{"}, "not JSON"),
        ({"gke_labels": {"Team": "x"}}, "at most 63 lower case letters"),
        ({"gke_zone": "x"}, "unknown field 'gke_zone'; did you mean 'gke_zones'?"),
        ({"gke_compute_endpoint": "ftp://x/y"}, "is not an address"),
    ],
)
def test_a_connection_that_cannot_be(changes, words):
    with pytest.raises(InvalidSpec) as refused:
        settings_from("c", {**GKE, **changes})
    assert "connection 'c'" in str(refused.value)
    assert words in str(refused.value)


def test_without_the_google_provider_its_connections_cannot_be_read():
    with pytest.raises(PlatformRefused, match="pip install apache-airflow-providers-google") as refused:
        google_credentials("google")
    assert refused.value.diagnosis.code == "ProviderMissing"


def test_without_credentials_it_is_told_where_they_come_from(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(PlatformRefused, match="name a key file in GOOGLE_APPLICATION_CREDENTIALS"):
        google_credentials("")


def test_credentials_are_asked_for_by_the_first_question_only(world):
    asked: list[str] = []

    def refuse(conn_id: str) -> None:
        asked.append(conn_id)
        raise CredentialsRefused("no")

    context = BackendContext("c", lambda: "", {"google_cloud_platform": refuse})
    cloud = clouds.get("gke").factory(world.settings, context)
    assert asked == []
    with pytest.raises(CredentialsRefused):
        cloud.region("")
    assert asked == [""]
