"""The policy of the documentation allows what is asked of EC2, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

from aws.server import REGION

PAGE = Path(__file__).parents[3] / "docs" / "nodes.md"


def statements():
    (found,) = [
        json.loads(text)
        for text in re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        if "Statement" in text
    ]
    return found["Statement"]


def actions(statement) -> set[str]:
    found = statement["Action"]
    return {found} if isinstance(found, str) else set(found)


def test_the_policy_has_the_actions_that_are_asked_for(aws, ec2, order):
    wanted = order(2)
    ec2.check_order(wanted)
    machines = ec2.launch(wanted)
    ec2.capacities(["m5.large"], REGION)
    list(ec2.list_instances(REGION))
    ec2.terminate([it.id for it in machines], REGION)
    asked = {f"ec2:{call.action}" for call in aws.behaviour.calls}
    # Tags are given and the role is passed by RunInstances itself; a message is decoded when something is missing.
    implied = {"ec2:CreateTags", "iam:PassRole", "sts:DecodeAuthorizationMessage"}
    assert set().union(*map(actions, statements())) == asked | implied


def test_what_changes_something_is_bound_to_the_deployments_tag():
    for statement in statements():
        if "ec2:TerminateInstances" in actions(statement):
            assert statement["Condition"] == {
                "StringEquals": {"aws:ResourceTag/dcluster.io/deployment": "airflow"}
            }
        if any(it.endswith("instance/*") for it in statement["Resource"]):
            assert statement["Condition"]
