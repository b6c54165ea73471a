"""Who reads what is at an address."""

from __future__ import annotations

import pytest

from dcluster_provider.core.addresses import Reader, reader_of


@pytest.mark.parametrize(
    ("address", "spark", "flink"),
    [
        ("/opt/etl.py", Reader.MACHINE, Reader.MACHINE),
        ("etl.py", Reader.MACHINE, Reader.MACHINE),
        ("~/etl.py", Reader.MACHINE, Reader.MACHINE),
        ("file:///opt/etl.py", Reader.MACHINE, Reader.MACHINE),
        ("local:///opt/etl.py", Reader.IMAGE, Reader.IMAGE),
        ("s3://bucket/etl.py", Reader.AIRFLOW, Reader.AIRFLOW),
        ("s3://lake@bucket/etl.py", Reader.AIRFLOW, Reader.AIRFLOW),
        ("gs://bucket/etl.py", Reader.AIRFLOW, Reader.AIRFLOW),
        ("abfs://lake@container/etl.py", Reader.AIRFLOW, Reader.AIRFLOW),
        ("abfss://container@account.dfs.core.windows.net/etl.py", Reader.ENGINE, Reader.AIRFLOW),
        ("s3a://bucket/etl.py", Reader.ENGINE, Reader.AIRFLOW),
        ("hdfs:///etl.py", Reader.ENGINE, Reader.AIRFLOW),
        ("https://host/etl.py", Reader.ENGINE, Reader.AIRFLOW),
    ],
)
def test_who_reads_an_address(address, spark, flink):
    assert reader_of(address, by_spark=True) is spark
    assert reader_of(address, by_spark=False) is flink
