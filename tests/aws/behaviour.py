"""What EC2 does and moto does not: idempotent launches, pages, refusals, and listings that follow later.

By the documentation of RunInstances, DescribeInstances, TerminateInstances, "Ensuring idempotency" and "Error codes".
"""

from __future__ import annotations

import io
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from threading import RLock
from typing import Any
from xml.etree import ElementTree as ET

from aws.messages import (
    NAMESPACE,
    Answer,
    Call,
    Refused,
    decode_refusal,
    encode_refusal,
    find_all,
    page,
    set_text,
    text_of,
)

ACCOUNT = "123456789012"
IMAGE = "ami-0123456789abcdef0"
_ID = re.compile(r"^i-([0-9a-f]{8}|[0-9a-f]{17})$")
_MAX_VALUES = 200


@dataclass
class Rules:
    """How EC2 behaves in one test.

    :param lag: how many listings do not show an instance yet, at least and at most; each has its own number.
    :param pending: seconds until it runs.
    :param rooms: how many instances there are of a ``type``, ``market type`` or ``market type subnet``; what is not
        named has no end.
    :param codes: of the refusal, by the same names.
    :param refusals: launches to refuse before the rooms count, by the same names.
    :param throttled: how many calls of an action are refused because there were too many.
    :param denied: actions that the policy does not allow.
    :param plain_denials: they are refused without saying what is missing, as EC2 does for some.
    :param protected: ids of instances that cannot be terminated.
    :param errors: one for every call of an action: status, code, message.
    :param before: called with every call before it is done; may end the client, or raise Refused.
    :param after: called when it is done and before it is answered.
    """

    lag: tuple[int, int] = (0, 0)
    pending: float = 0.0
    rooms: dict[str, int] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    denied: set[str] = field(default_factory=set)
    plain_denials: bool = False
    protected: set[str] = field(default_factory=set)
    errors: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    before: Callable[[Call], None] = lambda call: None
    after: Callable[[Call], None] = lambda call: None


@dataclass(frozen=True)
class _Launched:
    parameters: dict[str, str]
    ids: list[str]
    answer: Answer


class Behaviour:
    """A WSGI application in front of moto's."""

    def __init__(self, moto: Any) -> None:
        self._moto = moto
        self._lock = RLock()
        self._kept: dict[tuple[str, str], Answer] = {}
        self.begin(Rules())

    def begin(self, rules: Rules) -> None:
        """Behave by these rules from now on, and forget all that was."""
        with self._lock:
            self.rules = rules
            self.calls: list[Call] = []
            self._launched: dict[tuple[str, str], _Launched] = {}
            self._snapshot: tuple[dict[str, str], list] = ({}, [])
            self._born: dict[str, float] = {}
            self._lags = random.Random(0)
            self._listings = 0
            self._listed_from: dict[str, int] = {}

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        call = Call.read(environ, body)
        try:
            answer = self._answer(environ, call)
        except Refused as refused:
            answer = refused.answer(call.service)
        start_response(
            f"{answer.status} -", [("Content-Type", "text/xml"), ("Content-Length", str(len(answer.body)))]
        )
        return [answer.body]

    def _answer(self, environ, call: Call) -> Answer:
        with self._lock:
            self.calls.append(call)
            self.rules.before(call)
            self._check_rules(call)
        if call.action == "DecodeAuthorizationMessage":
            return _decoded(call)
        handle = {
            "RunInstances": self._run_instances,
            "TerminateInstances": self._terminate_instances,
            "DescribeInstances": self._describe_instances,
            "DescribeInstanceTypeOfferings": self._pages("instanceTypeOfferingSet", 1000),
            "DescribeInstanceTypes": self._pages("instanceTypeSet", 100),
        }.get(call.action, self._ask)
        answer = handle(environ, call)
        self.rules.after(call)
        return answer

    def _check_rules(self, call: Call) -> None:
        rules = self.rules
        if rules.throttled[call.action] > 0:
            rules.throttled[call.action] -= 1
            raise Refused(503, "RequestLimitExceeded", "Request limit exceeded.")
        if call.action in rules.denied:
            raise _denial(call, plain=rules.plain_denials)
        if call.action in rules.errors:
            raise Refused(*rules.errors[call.action])

    def _ask(self, environ, call: Call, **changes: str | None) -> Answer:
        """Have moto answer."""
        body = call.body(**changes)
        found: list[str] = []
        inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answered = b"".join(self._moto(inner, lambda status, headers, *_: found.append(status)))
        return Answer(int(found[0].split()[0]), answered)

    # Launching

    def _run_instances(self, environ, call: Call) -> Answer:
        with self._lock:
            token = call.parameters.get("ClientToken", "")
            if len(token) > 64:
                raise Refused(400, "InvalidParameterValue", "Value for parameter ClientToken is too long.")
            earlier = self._launched.get((call.region, token)) if token else None
            if earlier is not None:
                return self._again(call, earlier)
            self._check_launch(call)
            count = self._take_room(call)
            # moto launches MinCount instances.
            answer = self._ask(environ, call, MinCount=str(count), MaxCount=str(count))
            if answer.status == 200:
                self._remember(call, token, answer)
            return answer

    def _again(self, call: Call, earlier: _Launched) -> Answer:
        if earlier.parameters != call.parameters:
            raise Refused(
                400,
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        if any(self._state(call.region, it) in {"terminated", "shutting-down"} for it in earlier.ids):
            raise Refused(
                400,
                "IdempotentInstanceTerminated",
                "The request to launch an instance uses the same client token as a previous request for which the "
                "instance has been terminated.",
            )
        return earlier.answer

    def _check_launch(self, call: Call) -> None:
        given = call.parameters
        if not any(name.startswith("LaunchTemplate.") for name in given):
            if "ImageId" not in given:
                raise Refused(
                    400,
                    "MissingParameter",
                    "The request must contain the parameter launchTemplate or imageId",
                )
            if given["ImageId"] != IMAGE:
                raise Refused(
                    400, "InvalidAMIID.NotFound", f"The image id '[{given['ImageId']}]' does not exist"
                )
        if not re.match(r"^[a-z0-9-]+\.[a-z0-9-]+$", given.get("InstanceType", "m1.small")):
            raise Refused(
                400, "InvalidParameterValue", f"Invalid value '{given['InstanceType']}' for InstanceType."
            )

    def _take_room(self, call: Call) -> int:
        given, rules = call.parameters, self.rules
        market = given.get("InstanceMarketOptions.MarketType", "on-demand")
        kind, subnet = given.get("InstanceType", "m1.small"), given.get("SubnetId", "")
        names = (f"{market} {kind} {subnet}", f"{market} {kind}", kind)
        code = next(
            (rules.codes[name] for name in names if name in rules.codes), "InsufficientInstanceCapacity"
        )
        refused = Refused(
            400 if code.endswith("LimitExceeded") else 500,
            code,
            f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested.",
        )
        for name in names:
            if rules.refusals[name] > 0:
                rules.refusals[name] -= 1
                raise refused
        limit = next((name for name in names if name in rules.rooms), None)
        least, most = int(given["MinCount"]), int(given["MaxCount"])
        count = most if limit is None else min(most, rules.rooms[limit])
        if count < least:
            raise refused
        if limit is not None:
            rules.rooms[limit] -= count
        return count

    def _remember(self, call: Call, token: str, answer: Answer) -> None:
        ids = [text_of(it, "instanceId") for it in find_all(ET.fromstring(answer.body), "instancesSet/item")]
        now = time.monotonic()
        for instance_id in ids:
            self._born[instance_id] = now
            hidden = self._lags.randint(*self.rules.lag)
            self._listed_from[instance_id] = self._listings + hidden + 1 if hidden else 0
        if token:
            self._launched[call.region, token] = _Launched(call.parameters, ids, answer)

    # Ending

    def _terminate_instances(self, environ, call: Call) -> Answer:
        wanted = call.list("InstanceId")
        with self._lock:
            malformed = [it for it in wanted if not _ID.match(it)]
            if malformed:
                raise Refused(400, "InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')
            unknown = [it for it in wanted if self._state(call.region, it) is None or not self._is_listed(it)]
            if unknown:
                raise Refused(
                    400, "InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(unknown)}' do not exist"
                )
            protected = [it for it in wanted if it in self.rules.protected]
            if protected:
                raise Refused(
                    400,
                    "OperationNotPermitted",
                    f"The instance '{protected[0]}' may not be terminated. Modify its 'disableApiTermination' "
                    "instance attribute and try again.",
                )
            return self._ask(environ, call)

    # Listing

    def _describe_instances(self, environ, call: Call) -> Answer:
        if call.list("InstanceId") and "MaxResults" in call.parameters:
            raise Refused(
                400,
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        for number in range(1, 51):
            if f"Filter.{number}.Value.{_MAX_VALUES + 1}" in call.parameters:
                raise Refused(
                    400, "FilterLimitExceeded", "The maximum number of filter values specified is 200"
                )
        size = int(call.parameters.get("MaxResults", 1000))
        if not 5 <= size <= 1000:
            raise Refused(400, "InvalidParameterValue", "Value for maxResults is not between 5 and 1000")
        wanted = {key: it for key, it in call.parameters.items() if key != "NextToken"}
        if "NextToken" not in call.parameters or self._snapshot[0] != wanted:
            self._listings += 1
            self._snapshot = (wanted, self._listed_pairs(environ, call))
        shown, token = page(self._snapshot[1], call, size)
        root = ET.Element(f"{{{NAMESPACE}}}DescribeInstancesResponse")
        set_text(root, "requestId", "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE")
        reservations = ET.SubElement(root, f"{{{NAMESPACE}}}reservationSet")
        for _, group in groupby(shown, key=lambda pair: id(pair[0])):
            pairs = list(group)
            reservation = ET.SubElement(reservations, f"{{{NAMESPACE}}}item")
            reservation.extend(it for it in pairs[0][0] if not it.tag.endswith("}instancesSet"))
            ET.SubElement(reservation, f"{{{NAMESPACE}}}instancesSet").extend(it for _, it in pairs)
        set_text(root, "nextToken", token)
        return Answer(200, ET.tostring(root, encoding="utf-8"))

    def _listed_pairs(self, environ, call: Call) -> list[tuple[ET.Element, ET.Element]]:
        """Every instance that is listed by now, behind its reservation."""
        found = [
            (reservation, it)
            for reservation in find_all(self._every_reservation(environ, call), "reservationSet/item")
            for it in find_all(reservation, "instancesSet/item")
            if self._is_listed(text_of(it, "instanceId"))
        ]
        for _, it in found:
            self._show_pending(it)
        return found

    def _every_reservation(self, environ, call: Call) -> ET.Element:
        """What moto lists, on one page."""
        root, token = None, None
        size = None if call.list("InstanceId") else "1000"
        while True:
            answer = self._ask(environ, call, MaxResults=size, NextToken=token)
            if answer.status != 200:
                told = {it.tag.rpartition("}")[2]: it.text or "" for it in ET.fromstring(answer.body).iter()}
                raise Refused(answer.status, told["Code"], told["Message"])
            further = ET.fromstring(answer.body)
            if root is None:
                root = further
            else:
                find_all(root, "reservationSet")[0].extend(find_all(further, "reservationSet/item"))
            token = text_of(further, "nextToken") or None
            if token is None:
                return root

    def _show_pending(self, instance: ET.Element) -> None:
        age = time.monotonic() - self._born.get(text_of(instance, "instanceId"), 0.0)
        state = find_all(instance, "instanceState")[0]
        if text_of(state, "name") == "running" and age < self.rules.pending:
            find_all(state, "name")[0].text = "pending"
            find_all(state, "code")[0].text = "0"

    def _is_listed(self, instance_id: str) -> bool:
        return self._listings >= self._listed_from.get(instance_id, 0)

    def _pages(self, name: str, most: int) -> Callable[[Any, Call], Answer]:
        def handle(environ, call: Call) -> Answer:
            # What is on offer does not change, and moto takes its time.
            asked = {key: it for key, it in call.parameters.items() if key not in {"MaxResults", "NextToken"}}
            key = (call.region, str(sorted(asked.items())))
            if key not in self._kept:
                self._kept[key] = self._ask(environ, call, MaxResults=None, NextToken=None)
            if self._kept[key].status != 200:
                return self._kept[key]
            root = ET.fromstring(self._kept[key].body)
            (items,) = root.findall(f"{{{NAMESPACE}}}{name}")
            shown, token = page(list(items), call, most)
            for it in set(items) - set(shown):
                items.remove(it)
            set_text(root, "nextToken", token)
            return Answer(200, ET.tostring(root, encoding="utf-8"))

        return handle

    def _state(self, region: str, instance_id: str) -> str | None:
        from moto.ec2.models import ec2_backends

        for reservation in ec2_backends[ACCOUNT][region].reservations.values():
            for instance in reservation.instances:
                if instance.id == instance_id:
                    return str(instance.state)
        return None


def _denial(call: Call, *, plain: bool) -> Refused:
    action = f"{call.service}:{call.action}"
    if call.service == "sts":
        return Refused(403, "AccessDenied", f"User is not authorized to perform: {action}")
    encoded = encode_refusal(action, f"arn:aws:ec2:{call.region}:{ACCOUNT}:instance/*")
    who = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/airflow/x is not authorized to perform: {action} on resource: x. "
    return Refused(
        403,
        "UnauthorizedOperation",
        f"You are not authorized to perform this operation. {'' if plain else who}"
        f"Encoded authorization failure message: {encoded}",
    )


def _decoded(call: Call) -> Answer:
    root = ET.Element("DecodeAuthorizationMessageResponse", xmlns="https://sts.amazonaws.com/doc/2011-06-15/")
    result = ET.SubElement(root, "DecodeAuthorizationMessageResult")
    ET.SubElement(result, "DecodedMessage").text = decode_refusal(call.parameters["EncodedMessage"])
    return Answer(200, ET.tostring(root, encoding="utf-8"))
