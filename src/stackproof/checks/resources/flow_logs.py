"""Each VPC has a flow log of its own."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack

_VPC = "AWS::EC2::VPC"


def _examine(stack: Stack) -> Iterator[Hit]:
    vpcs = list(stack.of(_VPC))
    logged = {
        target.id
        for flow_log in stack.of("AWS::EC2::FlowLog")
        if (target := stack.target(flow_log.get("ResourceId"), _VPC)) is not None
    }
    # Where no VPC is logged at all the policy VPC_FLOW_LOGS says so.
    if len(vpcs) < 2 or not logged:
        return
    for vpc in vpcs:
        if vpc.id not in logged:
            message = (
                "This VPC is not logged although others are: add an AWS::EC2::FlowLog with it as ResourceId"
            )
            yield Hit(vpc.path, message, tuple(sorted(logged)))


RULE = Rule(
    describe(
        "FLOW-LOG",
        "Every VPC of a template is logged",
        why="An intruder's traffic shows in the network that nobody thought of.",
        fix="Add an AWS::EC2::FlowLog for the VPC.",
        source="https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
    ),
    _examine,
)
