"""Components of the testbed fail one by one, and fake nodes take pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hanging import ANSWER_SECONDS
from testbed.pods import pod, run_to_end, wait_until_ready
from testbed.testbed import CommandFailed

from tests.live.trials import long_except

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

FAKE = {"nodeSelector": {"type": "kwok"}, "tolerations": [{"key": "kwok", "operator": "Exists"}]}

pytestmark = [pytest.mark.long]  # what tests stand on, no promise to users


@pytest.fixture
def namespace(own_testbed: BuiltTestbed) -> Iterator[str]:
    with own_testbed.namespace("test", enforce="baseline") as name:
        yield name


COMPONENTS = ["apiserver", "etcd", "controller-manager", "scheduler", "kubelet"]


class TestFakeNodes:
    def test_pods_on_fake_nodes_become_ready(self, own_testbed: BuiltTestbed, namespace: str) -> None:
        own_testbed.add_fake_nodes(2)
        own_testbed.add_fake_nodes(3)
        try:
            nodes = own_testbed.get("get", "nodes", "--selector=type=kwok")["items"]
            assert len(nodes) == 3
            own_testbed.apply(
                *(pod(namespace, f"fake-{number}", ["x"], "no-image", **FAKE) for number in range(20))
            )
            own_testbed.kubectl(
                "wait",
                f"--namespace={namespace}",
                "pods",
                "--all",
                "--for=condition=Ready",
                f"--timeout={ANSWER_SECONDS}s",
            )
            own_testbed.kubectl(
                "delete",
                f"--namespace={namespace}",
                "pods",
                "--all",
                "--wait",
                f"--timeout={ANSWER_SECONDS}s",
            )
        finally:
            own_testbed.remove_fake_nodes()
        assert len(own_testbed.get("get", "nodes")["items"]) == 1


class TestFaults:
    @pytest.mark.parametrize("component", long_except(["apiserver"], COMPONENTS))
    def test_what_is_restarted_goes_on(
        self, own_testbed: BuiltTestbed, namespace: str, component: str
    ) -> None:
        own_testbed.apply(pod(namespace, "before", ["sleep", "300"]))
        wait_until_ready(own_testbed, namespace, "before")
        own_testbed.restart(component)
        wait_until_ready(own_testbed, namespace, "before")
        own_testbed.apply(pod(namespace, "after", ["echo", "ran"]))
        assert run_to_end(own_testbed, namespace, "after") == "ran\n"

    def test_without_a_scheduler_pods_wait_for_it(self, own_testbed: BuiltTestbed, namespace: str) -> None:
        own_testbed.kill("scheduler")
        own_testbed.apply(pod(namespace, "waiting", ["echo", "ran"]))
        conditions = own_testbed.get("get", f"--namespace={namespace}", "pod", "waiting")["status"].get(
            "conditions"
        )
        assert conditions is None
        own_testbed.start("scheduler")
        assert run_to_end(own_testbed, namespace, "waiting") == "ran\n"

    def test_a_suspended_api_server_answers_nothing_until_it_is_resumed(
        self, own_testbed: BuiltTestbed
    ) -> None:
        own_testbed.suspend("apiserver")
        try:
            with pytest.raises(CommandFailed, match=r"(?i)timeout|deadline"):
                own_testbed.kubectl("get", "nodes", "--request-timeout=1s")
        finally:
            own_testbed.resume("apiserver")
        own_testbed.wait_until(own_testbed.is_ready, "the API server is ready")

    def test_what_cannot_be_done_is_refused(self, own_testbed: BuiltTestbed) -> None:
        with pytest.raises(RuntimeError, match="scheduler runs already"):
            own_testbed.start("scheduler")
        with pytest.raises(RuntimeError, match="no component sheduler; there are: etcd"):
            own_testbed.start("sheduler")
