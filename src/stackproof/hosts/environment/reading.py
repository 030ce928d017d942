"""The properties of deployed resources as their services report them, by CloudFormation's names.

A type of the table is asked of its own service, any other one of Cloud Control (``GetResource`` answers with
the properties of the type's schema).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.errors import BackendError, CapabilityMissing, StackproofError

Clients = Callable[[str], Any]
"""A boto3 client by its service's name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """``service.operation(argument)``, and what of the answer is the resource (JMESPath, ``jmespath.org``).

    ``argument`` is the name of the parameter that takes the physical id, a list with ``listed``. ``names``
    maps properties to their place in the answer where the service calls them otherwise.
    """

    service: str
    operation: str
    argument: str
    path: str
    names: Mapping[str, str] = field(default_factory=dict)
    listed: bool = False


READINGS: dict[str, Reading] = {
    "AWS::RDS::DBInstance": Reading(
        "rds",
        "describe_db_instances",
        "DBInstanceIdentifier",
        "DBInstances[0]",
        {
            "VPCSecurityGroups": "VpcSecurityGroups[].VpcSecurityGroupId",
            "DBSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
            "Port": "Endpoint.Port",
        },
    ),
    "AWS::AutoScaling::AutoScalingGroup": Reading(
        "autoscaling",
        "describe_auto_scaling_groups",
        "AutoScalingGroupNames",
        "AutoScalingGroups[0]",
        {"Cooldown": "DefaultCooldown"},
        listed=True,
    ),
    "AWS::EC2::Instance": Reading(
        "ec2",
        "describe_instances",
        "InstanceIds",
        "Reservations[0].Instances[0]",
        {
            "SecurityGroupIds": "SecurityGroups[].GroupId",
            "Monitoring": "Monitoring.State == 'enabled'",
            "AvailabilityZone": "Placement.AvailabilityZone",
            "State": "State.Name",
        },
        listed=True,
    ),
    "AWS::EC2::SecurityGroup": Reading(
        "ec2",
        "describe_security_groups",
        "GroupIds",
        "SecurityGroups[0]",
        {"GroupDescription": "Description"},
        listed=True,
    ),
    "AWS::EC2::VPC": Reading("ec2", "describe_vpcs", "VpcIds", "Vpcs[0]", listed=True),
    "AWS::EC2::Subnet": Reading("ec2", "describe_subnets", "SubnetIds", "Subnets[0]", listed=True),
    "AWS::EC2::NatGateway": Reading(
        "ec2", "describe_nat_gateways", "NatGatewayIds", "NatGateways[0]", listed=True
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Reading(
        "elbv2",
        "describe_load_balancers",
        "LoadBalancerArns",
        "LoadBalancers[0]",
        {"Subnets": "AvailabilityZones[].SubnetId", "Name": "LoadBalancerName"},
        listed=True,
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Reading(
        "elbv2",
        "describe_target_groups",
        "TargetGroupArns",
        "TargetGroups[0]",
        {"Name": "TargetGroupName"},
        listed=True,
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Reading(
        "elbv2", "describe_listeners", "ListenerArns", "Listeners[0]", listed=True
    ),
    "AWS::IAM::Role": Reading("iam", "get_role", "RoleName", "Role"),
    "AWS::DynamoDB::Table": Reading(
        "dynamodb",
        "describe_table",
        "TableName",
        "Table",
        {
            "BillingMode": "BillingModeSummary.BillingMode",
            "StreamViewType": "StreamSpecification.StreamViewType",
        },
    ),
    "AWS::Lambda::Function": Reading(
        "lambda",
        "get_function_configuration",
        "FunctionName",
        "@",
        {"Environment": "{Variables: Environment.Variables}"},
    ),
    "AWS::Kinesis::Stream": Reading(
        "kinesis",
        "describe_stream_summary",
        "StreamName",
        "StreamDescriptionSummary",
        {"ShardCount": "OpenShardCount"},
    ),
    "AWS::KMS::Key": Reading("kms", "describe_key", "KeyId", "KeyMetadata"),
    "AWS::SQS::Queue": Reading(
        "sqs",
        "get_queue_attributes",
        "QueueUrl",
        "Attributes",
    ),
}
"""Resource type to how it is asked."""

_MORE: Mapping[str, Mapping[str, Any]] = {"get_queue_attributes": {"AttributeNames": ["All"]}}
_GONE = ("NotFound", "NoSuch", "ResourceNotFound", "DBInstanceNotFound", "InvalidGroup", "NonExistent")


def properties(kind: str, physical_id: str, names: tuple[str, ...], clients: Clients) -> dict[str, Any]:
    """The properties of a resource that are asked for; None for one that the service does not report.

    Raises ``LookupError`` when the service knows no such resource, ``CapabilityMissing`` when nobody can be
    asked about the type, ``BackendError`` when the service refuses.
    """
    import jmespath

    reading = READINGS.get(kind)
    found = _by_service(reading, physical_id, clients) if reading else _by_control(kind, physical_id, clients)
    places = reading.names if reading else {}
    return {name: jmespath.search(places.get(name, _quoted(name)), found) for name in names}


def _quoted(name: str) -> str:
    return json.dumps(name)


def _by_service(reading: Reading, physical_id: str, clients: Clients) -> Any:
    import jmespath

    given = {reading.argument: [physical_id] if reading.listed else physical_id}
    given |= _MORE.get(reading.operation, {})
    answer = _called(lambda: getattr(clients(reading.service), reading.operation)(**given), physical_id)
    found = jmespath.search(reading.path, answer)
    if not found:
        raise LookupError(physical_id)
    return found


def _by_control(kind: str, physical_id: str, clients: Clients) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = clients("cloudcontrol").get_resource(TypeName=kind, Identifier=physical_id)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if "NotFound" in code:
            raise LookupError(physical_id) from error
        raise CapabilityMissing(f"the properties of {kind} cannot be asked: {code or error}") from error
    except (BotoCoreError, NotImplementedError, StackproofError) as error:
        raise CapabilityMissing(f"the properties of {kind} cannot be asked: {error}") from error
    return json.loads(answer["ResourceDescription"]["Properties"])


def _called(call: Callable[[], Any], physical_id: str) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        if any(word in error.response.get("Error", {}).get("Code", "") for word in _GONE):
            raise LookupError(physical_id) from error
        raise BackendError(f"AWS cannot be asked for {physical_id}: {error}") from error
    except BotoCoreError as error:
        raise BackendError(f"AWS cannot be asked for {physical_id}: {error}") from error
