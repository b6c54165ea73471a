"""What ``@task.dcluster_spark`` takes and refuses while a DAG file is parsed."""

from __future__ import annotations

import os
import stat
import time
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from connections import connection_variable

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.decorators.function_call import (
    application_text,
    check_complete,
    named_arguments,
    write_private,
)
from dcluster_provider.decorators.spark import dcluster_spark_task


@pytest.fixture
def dag():
    with DAG("a_dag", schedule=None) as dag:
        yield dag


def test_arguments_come_by_name_and_nobody_gives_the_session():
    def function(spark, a, *, b=2, **more): ...

    assert named_arguments(function, (1,), {"c": 3}) == {"a": 1, "c": 3, "spark": None}
    assert named_arguments(function, (), {"spark": None, "a": 1, "b": 5}) == {"a": 1, "b": 5, "spark": None}
    with pytest.raises(TypeError, match="spark"):
        named_arguments(lambda spark: 0, (), {"spark": 1})


def test_a_task_carries_the_arguments_of_the_job(dag):
    @dcluster_spark_task(num_workers=2, cluster_id="{{ params.x }}")
    def count(spark, n): ...

    count(3)
    (task,) = dag.tasks
    assert (task.task_id, task.num_workers, task.cluster_id) == ("count", 2, "{{ params.x }}")
    assert task.op_kwargs == {"n": 3, "spark": None}
    assert (task.client, task.module) == ("{{ dag.dag_id }}", "{{ task.task_id }}")
    assert (task.allow_duplicate, task.returns_result) == (None, True)
    assert {"op_kwargs", "cluster_id", "num_workers"} <= set(task.template_fields)


def test_it_can_be_mapped(dag):
    @dcluster_spark_task
    def count(spark, n): ...

    count.expand(n=[1, 2])
    assert dag.get_task("count").is_mapped


@pytest.mark.parametrize(
    ("mapped", "message"),
    [
        (
            lambda count: count.expand(n=[1, 2]),
            r"count\(\) needs m, which neither partial\(\) nor the mapping",
        ),
        (lambda count: count.partial(m=1).expand_kwargs([{"n": 1}, {}]), r"count\(\) needs n, which"),
        (lambda count: count.override(num_workers=0).partial(m=1).expand(n=[1]), "field num_workers"),
    ],
)
def test_what_a_mapping_lacks_is_known_while_the_file_is_parsed(dag, mapped, message):
    @dcluster_spark_task
    def count(spark, n, m, ds, more=0): ...

    with pytest.raises((TypeError, InvalidSpec), match=message):
        mapped(count)
    count.partial(m=1).expand(n=[1])
    count.partial(m=1).expand_kwargs([{"n": 1}, {"n": 2, "more": 3}])


def test_a_function_that_cannot_run_elsewhere_is_refused_when_it_is_mapped(dag):
    with pytest.raises(TypeError, match="uses hidden of its enclosing function"):
        dcluster_spark_task(around()).partial().expand_kwargs([{}])


def test_the_decorator_is_found_by_its_name():
    from airflow.sdk import task

    assert task.dcluster_spark is dcluster_spark_task


def around():
    hidden = 1

    def uses(spark):
        return hidden

    return uses


async def asynchronous(spark): ...


def many(*args): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (around(), "uses hidden of its enclosing function"),
        (asynchronous, "is asynchronous"),
        (many, r"\*args has to be an argument with a name"),
        (lambda: 0, "is not a function defined with def"),
    ],
)
def test_a_function_that_cannot_run_elsewhere_is_refused(dag, function, message):
    with pytest.raises(TypeError, match=message):
        dcluster_spark_task(function, task_id="t")()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"application": "a.py"}, TypeError, "application cannot be given"),
        ({"num_workers": 0}, InvalidSpec, "field num_workers"),
        ({"num_worker": 1}, TypeError, "did you mean 'num_workers'"),
    ],
)
def test_wrong_arguments_are_refused(dag, arguments, error, message):
    def count(spark): ...

    with pytest.raises(error, match=message):
        dcluster_spark_task(count, **arguments)()


def test_missing_arguments_of_the_function_are_refused(dag):
    @dcluster_spark_task
    def count(spark, n): ...

    with pytest.raises(TypeError, match="missing a required argument: 'n'"):
        count()


def test_an_argument_that_is_no_json_is_refused():
    def count(spark, n): ...

    with pytest.raises(InvalidSpec, match="argument n: a object cannot be passed to the cluster"):
        application_text(count, {"n": object(), "spark": None}, "dcluster_spark")
    assert '"n": [1, 2]' in application_text(count, {"n": (1, 2), "spark": None}, "dcluster_spark")


def test_files_of_functions_are_private_whole_and_not_kept_for_ever(tmp_path):
    folder = tmp_path / "functions"
    write_private(folder / "a.py", "old")
    write_private(folder / "a.py", "new")
    assert (folder / "a.py").read_text() == "new"
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o600
    long_ago = time.time() - 40 * 86400
    os.utime(folder / "a.py", (long_ago, long_ago))
    write_private(folder / "b.py", "b")
    assert [path.name for path in folder.iterdir()] == ["b.py"]


def test_an_argument_that_neither_the_call_nor_the_run_has_is_named_before_anything_is_launched(
    dag, tmp_path, monkeypatch
):
    @dcluster_spark_task
    def count(spark, ds, n=1): ...

    count()
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", connection_variable(home=str(tmp_path)))
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="count", map_index=-1, try_number=1, max_tries=0)
    (task,) = dag.tasks
    context = {"ti": ti, "task": task, "dag": dag}
    with pytest.raises(AirflowFailException, match=r"argument ds: count\(\) needs it"):
        task.execute(context)
    assert task.hook.clusters.list() == []
    check_complete(task.python_callable, {"ds": None})
