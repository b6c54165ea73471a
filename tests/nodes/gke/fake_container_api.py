"""The GKE API of a fake project as a gRPC server on 127.0.0.1.

Requests are decoded with the types of google-cloud-container, and a field that these do not know is refused. Of the
methods of ClusterManager only those in ``_METHODS`` are there; every other answers UNIMPLEMENTED.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import container_v1
from google.protobuf.unknown_fields import UnknownFieldSet
from nodes.gke.fake_google import CLUSTER, PROJECT, REGION, FakeGoogle, Problem

_LOCATION = f"projects/{PROJECT}/locations/{REGION}"
_PARENT = f"{_LOCATION}/clusters/{CLUSTER}"
_ZONES = ["europe-west1-b", "europe-west1-c"]


def _get_cluster(cloud: FakeGoogle, request: Any) -> container_v1.Cluster:
    _require(request.name, _PARENT)
    return container_v1.Cluster(
        name=CLUSTER,
        location=REGION,
        locations=_ZONES,
        status=container_v1.Cluster.Status.RUNNING,
        autopilot=container_v1.Autopilot(enabled=cloud.autopilot),
    )


def _list_clusters(cloud: FakeGoogle, request: Any) -> container_v1.ListClustersResponse:
    _require(request.parent, _LOCATION)
    return container_v1.ListClustersResponse(clusters=[container_v1.Cluster(name=CLUSTER)])


def _list_node_pools(cloud: FakeGoogle, request: Any) -> container_v1.ListNodePoolsResponse:
    _require(request.parent, _PARENT)
    return container_v1.ListNodePoolsResponse(node_pools=[it.proto for it in cloud.pools.values()])


def _create_node_pool(cloud: FakeGoogle, request: Any) -> container_v1.Operation:
    _require(request.parent, _PARENT)
    return cloud.create_pool(request.node_pool)


def _delete_node_pool(cloud: FakeGoogle, request: Any) -> container_v1.Operation:
    parent, _, name = request.name.rpartition("/nodePools/")
    _require(parent, _PARENT)
    return cloud.delete_pool(name)


def _list_operations(cloud: FakeGoogle, request: Any) -> container_v1.ListOperationsResponse:
    _require(request.parent, _LOCATION)
    return container_v1.ListOperationsResponse(
        operations=cloud.gke_operations, missing_zones=cloud.unreachable
    )


_METHODS: dict[str, tuple[Any, Callable[[FakeGoogle, Any], Any]]] = {
    "GetCluster": (container_v1.GetClusterRequest, _get_cluster),
    "ListClusters": (container_v1.ListClustersRequest, _list_clusters),
    "ListNodePools": (container_v1.ListNodePoolsRequest, _list_node_pools),
    "CreateNodePool": (container_v1.CreateNodePoolRequest, _create_node_pool),
    "DeleteNodePool": (container_v1.DeleteNodePoolRequest, _delete_node_pool),
    "ListOperations": (container_v1.ListOperationsRequest, _list_operations),
}


class FakeContainerApi:
    """The server.

    :param before_answer: called with the name of a method after its effect and before its answer.
    """

    def __init__(self, cloud: FakeGoogle, before_answer: Callable[[str], None]) -> None:
        self._cloud, self._before_answer = cloud, before_answer
        self._server = grpc.server(ThreadPoolExecutor(8))
        handlers = {name: self._handler(name, *parts) for name, parts in _METHODS.items()}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("google.container.v1.ClusterManager", handlers),)
        )
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _handler(self, name: str, kind: Any, answer: Callable[[FakeGoogle, Any], Any]) -> Any:
        def handle(data: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                message = kind.pb().FromString(data)
                _refuse_unknown(message)
                with self._cloud.lock:
                    self._cloud.called(name)
                    answered = answer(self._cloud, kind.wrap(message))
                self._before_answer(name)
                return type(answered).serialize(answered)
            except Problem as problem:
                context.abort(grpc.StatusCode[problem.code], problem.message)

        return grpc.unary_unary_rpc_method_handler(handle)


def _require(given: str, wanted: str) -> None:
    if given != wanted:
        raise Problem("NOT_FOUND", f"Not found: {given}.")


def _refuse_unknown(message: Any) -> None:
    unknown = list(UnknownFieldSet(message))
    for _, value in message.ListFields():
        parts = (
            value.values() if hasattr(value, "values") else value if hasattr(value, "__len__") else [value]
        )
        for part in parts:
            if hasattr(part, "ListFields"):
                _refuse_unknown(part)
    if unknown:
        raise Problem("INVALID_ARGUMENT", f"{message.DESCRIPTOR.name}: unknown fields {unknown}")
