"""Physical names as CloudFormation makes them: stack, logical id, and a suffix that nobody guesses."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid

_LIMITS = {
    "AWS::S3::Bucket": 63,
    "AWS::SQS::Queue": 80,
    "AWS::SNS::Topic": 256,
    "AWS::Lambda::Function": 64,
    "AWS::IAM::Role": 64,
    "AWS::IAM::User": 64,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::Events::Rule": 64,
    "AWS::Events::Connection": 64,
    "AWS::Events::ApiDestination": 64,
    "AWS::Lambda::LayerVersion": 140,
    "AWS::KinesisFirehose::DeliveryStream": 64,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 32,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 32,
    "AWS::RDS::DBInstance": 63,
}
_SUFFIX = 12


def suffix(*parts: object, length: int = _SUFFIX) -> str:
    """Upper-case letters and digits that hang on the parts only: the same deployment, the same names."""
    digest = hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()
    return base64.b32encode(digest).decode().translate(str.maketrans("234567", "890123"))[:length]


def uuid_of(*parts: object) -> str:
    """A UUID that hangs on the parts only."""
    digest = hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def physical_name(
    resource_type: str, stack: str, stack_id: str, logical_id: str, serial: int, end: str = ""
) -> str:
    """A name for a resource that its template does not name. ``serial`` differs after a replacement."""
    tail = suffix(stack_id, logical_id, serial) + end
    room = _LIMITS.get(resource_type, 128) - len(tail) - 1
    own = min(len(logical_id), max(room - min(len(stack), room // 2) - 1, 1))
    # Load balancers and groups refuse two hyphens in a row.
    name = f"{stack[: max(room - own - 1, 1)].rstrip('-')}-{logical_id[:own]}-{tail}"
    if resource_type == "AWS::S3::Bucket":
        return re.sub(r"[^a-z0-9.-]", "-", name.lower())
    if resource_type.startswith(("AWS::RDS::", "AWS::ElastiCache::")):
        return name.lower()
    return name


def stack_id(partition: str, region: str, account: str, stack: str, seed: object) -> str:
    """The ARN of a stack."""
    own = uuid_of(account, region, stack, seed)
    return f"arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/{own}"
