"""How clusters and jobs are told of the storage of their connection."""

from __future__ import annotations

import pytest
from folder_storage import FolderStorage
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.engines.storage_access import check_storage, storage_credentials, with_storage


@pytest.fixture
def storage(tmp_path):
    return FolderStorage(tmp_path)


def test_settings_name_the_endpoint_unless_their_own_do_and_ask_for_no_credentials(storage):
    cluster = make_cluster(
        storageConnId="lake", extraConfigs={"spark.hadoop.fs.s3a.endpoint.region": "eu-north-1"}
    )
    job = make_job(cluster, storageConnId="lake")
    assert with_storage(cluster, storage).spec.extra_configs == {
        "spark.hadoop.fs.s3a.endpoint": "https://s3.acme.org",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-north-1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }
    assert "spark.hadoop.fs.s3a.endpoint" in with_storage(job, storage).spec.extra_cmd
    assert storage.credentials_read == 0
    assert storage_credentials(job.spec, storage) == {"AWS_ACCESS_KEY_ID": "lake"}
    assert storage.credentials_read == 1


def test_without_a_connection_nothing_is_read(storage):
    cluster = make_cluster()
    check_storage(cluster.spec, storage)
    assert with_storage(cluster, storage) is cluster
    assert storage_credentials(cluster.spec, storage) == {}
    assert storage.credentials_read == 0


def test_a_missing_connection_is_refused_as_a_field_before_and_as_a_connection_afterwards(storage):
    storage.missing.add("lake")
    cluster = make_cluster(storageConnId="lake")
    with pytest.raises(InvalidSpec, match="ClusterSpec: field storageConnId: connection 'lake'"):
        check_storage(cluster.spec, storage)
    for told in (
        lambda: with_storage(cluster, storage),
        lambda: storage_credentials(cluster.spec, storage),
    ):
        with pytest.raises(PlatformRefused, match="no longer says how storage is reached") as refused:
            told()
        assert refused.value.diagnosis.code == "CredentialsMissing"
        assert "isn't defined" in refused.value.diagnosis.evidence[0]
