"""Compare a deployed environment with its description: ``validate_env.py STACK_NAME env-details.yml``.

Prints each difference on a line of its own and ends with status 1 when there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import yaml


def describe(resource_type: str, physical_id: str) -> Mapping[str, Any]:
    """The properties of a resource as its service reports them; empty for a type that is not compared."""
    if resource_type == "AWS::RDS::DBInstance":
        answer = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=physical_id)
        return answer["DBInstances"][0]
    if resource_type == "AWS::AutoScaling::AutoScalingGroup":
        groups = boto3.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[physical_id])
        return groups["AutoScalingGroups"][0]
    return {}


def read_stack(name: str) -> dict[str, Any]:
    """Outputs and resources of one stack, with the properties of each resource."""
    client = boto3.client("cloudformation")
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    resources = {}
    for page in client.get_paginator("list_stack_resources").paginate(StackName=name):
        for summary in page["StackResourceSummaries"]:
            kind, physical_id = summary["ResourceType"], summary.get("PhysicalResourceId", "")
            resources[summary["LogicalResourceId"]] = {
                "type": kind,
                "physical_id": physical_id,
                "properties": describe(kind, physical_id),
            }
    return {"outputs": [output["OutputKey"] for output in stack.get("Outputs", [])], "resources": resources}


def differences(child: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """What a child stack lacks or has otherwise than its description says."""
    for output in wanted.get("outputs", []):
        if output not in found["outputs"]:
            yield f"{child}: output {output} is missing"
    for logical_id, expected in wanted.get("resources", {}).items():
        actual = found["resources"].get(logical_id)
        if actual is None or actual["type"] != expected["type"]:
            yield f"{child}: resource {logical_id} of type {expected['type']} is missing"
            continue
        for name, value in expected.get("properties", {}).items():
            seen = actual["properties"].get(name)
            if seen != value:
                yield f"{child}/{logical_id}: {name} is {seen!r}, expected {value!r}"


def main(stack_name: str, details_file: str) -> int:
    """Compare every child stack that the file describes; 0 when all agree."""
    with open(details_file, encoding="utf-8") as stream:
        details = yaml.safe_load(stream)
    children = read_stack(stack_name)["resources"]
    found: list[str] = []
    for child, wanted in details.items():
        if child not in children:
            found.append(f"{stack_name}: child stack {child} is missing")
            continue
        found.extend(differences(child, wanted, read_stack(children[child]["physical_id"])))
    print("\n".join(found) or f"{stack_name} is as {details_file} describes it")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
