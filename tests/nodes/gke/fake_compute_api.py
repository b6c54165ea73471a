"""The Compute Engine API of a fake project as an HTTP server on 127.0.0.1.

A request is read into the type that google-cloud-compute has for it, and a field that this does not know is refused.
Of all methods only those in ``_ROUTES`` are there; every other answers 501, UNIMPLEMENTED.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from google.cloud import compute_v1
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from nodes.gke.fake_google import (
    OPERATION_TICKS,
    PROJECT,
    TYPES,
    ZONES,
    FakeGoogle,
    Problem,
    Vm,
    ZoneOperation,
)

_STATUS = {
    "INVALID_ARGUMENT": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
_PREFIX = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"


def _list_zones(cloud: FakeGoogle, request: Any) -> Any:
    items = [compute_v1.Zone(name=it, region=f"{_PREFIX}/regions/{ZONES[it]}") for it in ZONES]
    return _paged(cloud, request, compute_v1.ZoneList, items)


def _list_machine_types(cloud: FakeGoogle, request: Any) -> Any:
    _require_zone(request.zone)
    known = {
        it: size for it, size in TYPES.items() if request.zone != "europe-west1-c" or it != "c3-highmem-22"
    }
    items = [compute_v1.MachineType(name=it, guest_cpus=cpu, memory_mb=mb) for it, (cpu, mb) in known.items()]
    items.append(
        compute_v1.MachineType(name="n1-old-1", deprecated=compute_v1.DeprecationStatus(state="OBSOLETE"))
    )
    return _paged(cloud, request, compute_v1.MachineTypeList, items)


def _list_groups(cloud: FakeGoogle, request: Any) -> Any:
    _require_zone(request.zone)
    items = []
    for mig in [it for it in cloud.migs.values() if it.zone == request.zone]:
        deleting = sum(it.action == "DELETING" for it in mig.members.values())
        items.append(
            compute_v1.InstanceGroupManager(
                name=mig.name,
                base_instance_name=mig.base,
                creation_timestamp=mig.created.isoformat(),
                target_size=len(mig.members) - deleting,
                current_actions=compute_v1.InstanceGroupManagerActionsSummary(deleting=deleting),
            )
        )
    return _paged(cloud, request, compute_v1.InstanceGroupManagerList, items)


def _list_managed(cloud: FakeGoogle, request: Any) -> Any:
    items = []
    for member, vm in cloud.managed(request.zone, request.instance_group_manager):
        item = compute_v1.ManagedInstance(
            name=member.name,
            current_action=member.action,
            instance=f"{_PREFIX}/zones/{request.zone}/instances/{member.name}",
        )
        if vm is not None:
            item.instance_status = vm.status
        if member.error:
            item.last_attempt = {"errors": {"errors": [{"code": member.error, "message": cloud.shortage[1]}]}}
        items.append(item)
    kind = compute_v1.InstanceGroupManagersListManagedInstancesResponse
    return _paged(cloud, request, kind, items, "managed_instances")


def _create_instances(cloud: FakeGoogle, request: Any) -> Any:
    body = request.instance_group_managers_create_instances_request_resource
    _require_request_id(request)
    names = [it.name for it in body.instances]
    return _operation(cloud, cloud.create_instances(request.zone, request.instance_group_manager, names))


def _delete_instances(cloud: FakeGoogle, request: Any) -> Any:
    body = request.instance_group_managers_delete_instances_request_resource
    _require_request_id(request)
    lenient = body.skip_instances_on_validation_error
    return _operation(
        cloud,
        cloud.delete_instances(
            request.zone, request.instance_group_manager, list(body.instances), lenient=lenient
        ),
    )


def _list_instances(cloud: FakeGoogle, request: Any) -> Any:
    _require_zone(request.zone)
    wanted = _condition(request.filter)
    items = [_instance(it) for (zone, _), it in cloud.vms.items() if zone == request.zone and wanted(it)]
    return _paged(cloud, request, compute_v1.InstanceList, items)


def _aggregated_list_instances(cloud: FakeGoogle, request: Any) -> Any:
    listed = sorted(cloud.vms.values(), key=lambda it: (it.zone, it.name))
    start = int(request.page_token or 0)
    page = listed[start : start + cloud.page_size]
    answer = compute_v1.InstanceAggregatedList(unreachables=cloud.unreachable)
    for zone in ZONES:
        scoped = compute_v1.InstancesScopedList(instances=[_instance(it) for it in page if it.zone == zone])
        if not scoped.instances:
            scoped.warning = {"code": "NO_RESULTS_ON_PAGE"}
        answer.items[f"zones/{zone}"] = scoped
    if start + cloud.page_size < len(listed):
        answer.next_page_token = str(start + cloud.page_size)
    return answer


def _get_zone_operation(cloud: FakeGoogle, request: Any) -> Any:
    if request.operation not in cloud.zone_operations:
        raise Problem("NOT_FOUND", f"The resource 'operations/{request.operation}' was not found", "notFound")
    return _operation(cloud, cloud.zone_operations[request.operation])


_P, _Z = r"/compute/v1/projects/(?P<project>[^/]+)", r"/zones/(?P<zone>[^/]+)"
_G = rf"{_P}{_Z}/instanceGroupManagers"
_ROUTES: list[tuple[str, str, str, Any, Callable[[FakeGoogle, Any], Any], str]] = [
    ("zones.list", "GET", f"{_P}/zones", compute_v1.ListZonesRequest, _list_zones, ""),
    (
        "machineTypes.list",
        "GET",
        f"{_P}{_Z}/machineTypes",
        compute_v1.ListMachineTypesRequest,
        _list_machine_types,
        "",
    ),
    (
        "instanceGroupManagers.list",
        "GET",
        _G,
        compute_v1.ListInstanceGroupManagersRequest,
        _list_groups,
        "",
    ),
    (
        "instanceGroupManagers.listManagedInstances",
        "POST",
        rf"{_G}/(?P<instanceGroupManager>[^/]+)/listManagedInstances",
        compute_v1.ListManagedInstancesInstanceGroupManagersRequest,
        _list_managed,
        "",
    ),
    (
        "instanceGroupManagers.createInstances",
        "POST",
        rf"{_G}/(?P<instanceGroupManager>[^/]+)/createInstances",
        compute_v1.CreateInstancesInstanceGroupManagerRequest,
        _create_instances,
        "instanceGroupManagersCreateInstancesRequestResource",
    ),
    (
        "instanceGroupManagers.deleteInstances",
        "POST",
        rf"{_G}/(?P<instanceGroupManager>[^/]+)/deleteInstances",
        compute_v1.DeleteInstancesInstanceGroupManagerRequest,
        _delete_instances,
        "instanceGroupManagersDeleteInstancesRequestResource",
    ),
    ("instances.list", "GET", f"{_P}{_Z}/instances", compute_v1.ListInstancesRequest, _list_instances, ""),
    (
        "instances.aggregatedList",
        "GET",
        f"{_P}/aggregated/instances",
        compute_v1.AggregatedListInstancesRequest,
        _aggregated_list_instances,
        "",
    ),
    (
        "zoneOperations.get",
        "GET",
        rf"{_P}{_Z}/operations/(?P<operation>[^/]+)",
        compute_v1.GetZoneOperationRequest,
        _get_zone_operation,
        "",
    ),
]


class FakeComputeApi:
    """The server.

    :param before_answer: called with the name of a method after its effect and before its answer.
    """

    def __init__(self, cloud: FakeGoogle, before_answer: Callable[[str], None]) -> None:
        self._cloud, self._before_answer = cloud, before_answer
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # header and body in one packet

            def do_GET(self) -> None:
                self.respond()

            def do_POST(self) -> None:
                self.respond()

            def respond(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = api.answer(self.command, self.path, data)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, verb: str, path: str, data: bytes) -> tuple[int, dict[str, Any]]:
        """The status and body for a request."""
        try:
            name, request, respond = _read(verb, path, data)
            with self._cloud.lock:
                self._cloud.called(name)
                answered = MessageToDict(type(reply := respond(self._cloud, request)).pb(reply))
            self._before_answer(name)
        except Problem as problem:
            status = _STATUS[problem.code]
            errors = [{"reason": problem.reason, "message": problem.message, "domain": "global"}]
            return status, {"error": {"code": status, "message": problem.message, "errors": errors}}
        return 200, answered


def _read(verb: str, path: str, data: bytes) -> tuple[str, Any, Callable[[FakeGoogle, Any], Any]]:
    parts = urlsplit(path)
    for name, wanted, pattern, kind, respond, body in _ROUTES:
        found = re.fullmatch(pattern, parts.path)
        if found and verb == wanted:
            fields: dict[str, Any] = {**found.groupdict(), **dict(parse_qsl(parts.query))}
            if body:
                fields[body] = json.loads(data)
            elif data:
                raise Problem("INVALID_ARGUMENT", f"{name} has no body", "invalid")
            try:
                message = ParseDict(fields, kind.pb()(), ignore_unknown_fields=False)
            except ParseError as error:
                raise Problem("INVALID_ARGUMENT", f"{name}: {error}", "invalid") from None
            if message.project != PROJECT:
                raise Problem(
                    "NOT_FOUND", f"The resource 'projects/{message.project}' was not found", "notFound"
                )
            return name, kind.wrap(message), respond
    raise Problem("UNIMPLEMENTED", f"the fake has no {verb} {parts.path}")


def _paged(cloud: FakeGoogle, request: Any, kind: Any, items: Sequence[Any], field: str = "items") -> Any:
    start = int(request.page_token or 0)
    size = min(cloud.page_size, request.max_results or cloud.page_size)
    answer = kind(**{field: list(items[start : start + size])})
    if start + size < len(items):
        answer.next_page_token = str(start + size)
    return answer


def _instance(vm: Vm) -> compute_v1.Instance:
    return compute_v1.Instance(
        id=int.from_bytes(vm.name.encode()[:7], "big"),
        name=vm.name,
        zone=f"{_PREFIX}/zones/{vm.zone}",
        machine_type=f"{_PREFIX}/zones/{vm.zone}/machineTypes/{vm.machine_type}",
        status=vm.status,
        labels=vm.labels,
        creation_timestamp=vm.created.isoformat(),
        metadata={"items": [{"key": "kube-env", "value": "KUBELET_KEY: a-secret"}]},
    )


def _operation(cloud: FakeGoogle, operation: ZoneOperation) -> compute_v1.Operation:
    done = cloud.now - operation.since >= OPERATION_TICKS
    status = compute_v1.Operation.Status.DONE if done else compute_v1.Operation.Status.RUNNING
    return compute_v1.Operation(name=operation.name, operation_type=operation.kind, status=status)


def _condition(text: str) -> Callable[[Vm], bool]:
    """A filter as Google reads it: one label, or names."""
    label = re.fullmatch(r'labels\.([a-z0-9_-]+)="([^"]*)"', text)
    if label:
        return lambda vm: vm.labels.get(label[1]) == label[2]
    parts = [re.fullmatch(r'\(name = "([^"]*)"\)', part) for part in text.split(" OR ")]
    if text and all(parts):
        names = {part[1] for part in parts if part}
        return lambda vm: vm.name in names
    if text:
        raise Problem("INVALID_ARGUMENT", f"Invalid list filter expression: {text}", "invalid")
    return lambda vm: True


def _require_zone(zone: str) -> None:
    if zone not in ZONES:
        raise Problem("NOT_FOUND", f"The resource 'zones/{zone}' was not found", "notFound")


def _require_request_id(request: Any) -> None:
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", request.request_id):
        raise Problem("INVALID_ARGUMENT", "Invalid value for field 'requestId'", "invalid")
