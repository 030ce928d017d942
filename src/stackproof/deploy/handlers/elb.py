"""Elastic Load Balancing v2: load balancers, target groups, listeners and rules.

Their state is kept and changed as the API does it; no packet travels. What a load balancer's subnets or a
listener's certificate are made of may be emulated by nobody: then the resource is not emulated either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.stub import Stub
from stackproof.deploy.model import Made

_NO_ANSWER = "nobody answers at its name"
_NO_QUESTION = "nobody asks the targets: those that are registered count as healthy"


def _made(job: Job, operation: str, params: Mapping[str, Any], lacking: Mapping[str, str]) -> Any:
    """What the call made; None, with the reason told, when it names what nobody emulates.

    ``lacking`` is a piece of the error (its code and message) to the property that names the thing.
    """
    try:
        return job.call("elbv2", operation, params)
    except ClientError as error:
        told = f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        path = next((path for piece, path in lacking.items() if piece in told), "")
        if not path:
            raise
        job.not_emulated(path, f"what {path} names is not emulated")
        return None


class LoadBalancer(Handler):
    """``AWS::ElasticLoadBalancingV2::LoadBalancer``."""

    type = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    _given = ("Scheme", "Type", "IpAddressType", "Subnets", "SubnetMappings", "SecurityGroups")
    covers = frozenset(_given) | {"Name", "Tags", "LoadBalancerAttributes"}
    inert: ClassVar[Mapping[str, str]] = {"Subnets": _NO_ANSWER, "SecurityGroups": _NO_ANSWER}

    def create(self, job: Job) -> Made:
        """CreateLoadBalancer, ModifyLoadBalancerAttributes."""
        params = {"Name": job.name("Name"), **job.pick({name: name for name in self._given})}
        params["Tags"] = job.tag_list() or None
        answer = _made(job, "create_load_balancer", params, {"Subnet": "Subnets"})
        if answer is None:
            return Stub().create(job)
        (found,) = answer["LoadBalancers"]
        arn = found["LoadBalancerArn"]
        self._attributes(job, arn)
        return Made(
            arn,
            {
                "LoadBalancerArn": arn,
                "DNSName": found["DNSName"],
                "CanonicalHostedZoneID": found["CanonicalHostedZoneId"],
                "LoadBalancerFullName": arn.partition(":loadbalancer/")[2],
                "LoadBalancerName": found["LoadBalancerName"],
                "SecurityGroups": found.get("SecurityGroups", []),
            },
        )

    @staticmethod
    def _attributes(job: Job, arn: str) -> None:
        if job.get("LoadBalancerAttributes"):
            params = {"LoadBalancerArn": arn, "Attributes": job.get("LoadBalancerAttributes")}
            job.call("elbv2", "modify_load_balancer_attributes", params)

    def update(self, job: Job, made: Made) -> Made:
        """SetSecurityGroups, SetSubnets, ModifyLoadBalancerAttributes."""
        if job.changed("LoadBalancerAttributes"):
            self._attributes(job, made.physical_id)
        owner = {"LoadBalancerArn": made.physical_id}
        for name, operation in (("SecurityGroups", "set_security_groups"), ("Subnets", "set_subnets")):
            if job.changed(name) and job.get(name):
                job.call("elbv2", operation, {**owner, name: job.get(name)})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteLoadBalancer."""
        job.call("elbv2", "delete_load_balancer", {"LoadBalancerArn": made.physical_id})


_HEALTH = (
    "HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckPath", "HealthCheckPort",
    "HealthCheckProtocol", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount",
    "Matcher",
)  # fmt: skip


class TargetGroup(Handler):
    """``AWS::ElasticLoadBalancingV2::TargetGroup``."""

    type = "AWS::ElasticLoadBalancingV2::TargetGroup"
    _given = ("Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", *_HEALTH)
    covers = frozenset(_given) | {"Name", "Tags", "TargetGroupAttributes", "Targets"}
    inert: ClassVar[Mapping[str, str]] = {"HealthCheckPath": _NO_QUESTION}

    def create(self, job: Job) -> Made:
        """CreateTargetGroup, ModifyTargetGroupAttributes, RegisterTargets."""
        params = {"Name": job.name("Name"), **job.pick({name: name for name in self._given})}
        params["Tags"] = job.tag_list() or None
        answer = _made(job, "create_target_group", params, {"The VPC ID": "VpcId"})
        if answer is None:
            return Stub().create(job)
        (found,) = answer["TargetGroups"]
        arn = found["TargetGroupArn"]
        self._attributes(job, arn)
        self._targets(job, arn)
        full = arn.rpartition(":")[2]
        return Made(
            arn,
            {
                "TargetGroupArn": arn,
                "TargetGroupFullName": full,
                "TargetGroupName": found["TargetGroupName"],
                "LoadBalancerArns": found.get("LoadBalancerArns", []),
            },
        )

    @staticmethod
    def _attributes(job: Job, arn: str) -> None:
        if job.get("TargetGroupAttributes"):
            params = {"TargetGroupArn": arn, "Attributes": job.get("TargetGroupAttributes")}
            job.call("elbv2", "modify_target_group_attributes", params)

    @staticmethod
    def _targets(job: Job, arn: str) -> None:
        before = [one for one in (job.before or {}).get("Targets") or () if one not in job.get("Targets", ())]
        for operation, targets in (("deregister_targets", before), ("register_targets", job.get("Targets"))):
            if targets:
                job.call("elbv2", operation, {"TargetGroupArn": arn, "Targets": targets})

    def update(self, job: Job, made: Made) -> Made:
        """ModifyTargetGroup and its like; targets that others registered stay."""
        if job.changed(*_HEALTH):
            params = {"TargetGroupArn": made.physical_id, **job.pick({name: name for name in _HEALTH})}
            job.call("elbv2", "modify_target_group", params)
        if job.changed("TargetGroupAttributes"):
            self._attributes(job, made.physical_id)
        if job.changed("Targets"):
            self._targets(job, made.physical_id)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteTargetGroup."""
        job.call("elbv2", "delete_target_group", {"TargetGroupArn": made.physical_id})


class Listener(Handler):
    """``AWS::ElasticLoadBalancingV2::Listener``."""

    type = "AWS::ElasticLoadBalancingV2::Listener"
    _changing = ("Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy")
    covers = frozenset(_changing) | {"LoadBalancerArn"}
    inert: ClassVar[Mapping[str, str]] = {"Port": _NO_ANSWER}

    def create(self, job: Job) -> Made:
        """CreateListener."""
        params = job.pick({name: name for name in ("LoadBalancerArn", *self._changing)})
        lacking = {
            "LoadBalancerNotFound": "LoadBalancerArn",
            "CertificateNotFound": "Certificates",
            "TargetGroupNotFound": "DefaultActions",
        }
        answer = _made(job, "create_listener", params, lacking)
        if answer is None:
            return Stub().create(job)
        arn = answer["Listeners"][0]["ListenerArn"]
        return Made(arn, {"ListenerArn": arn})

    def update(self, job: Job, made: Made) -> Made:
        """ModifyListener with what the template changed: what was swapped by others stays swapped."""
        names = [name for name in self._changing if job.changed(name)]
        params = {"ListenerArn": made.physical_id, **job.pick({name: name for name in names})}
        job.call("elbv2", "modify_listener", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteListener."""
        job.call("elbv2", "delete_listener", {"ListenerArn": made.physical_id})


class ListenerRule(Handler):
    """``AWS::ElasticLoadBalancingV2::ListenerRule``."""

    type = "AWS::ElasticLoadBalancingV2::ListenerRule"
    covers = frozenset({"ListenerArn", "Priority", "Conditions", "Actions"})
    inert: ClassVar[Mapping[str, str]] = {"Conditions": _NO_ANSWER}

    def create(self, job: Job) -> Made:
        """CreateRule."""
        params = job.pick({name: name for name in self.covers})
        lacking = {"ListenerNotFound": "ListenerArn", "TargetGroupNotFound": "Actions"}
        answer = _made(job, "create_rule", params, lacking)
        if answer is None:
            return Stub().create(job)
        (found,) = answer["Rules"]
        arn = found["RuleArn"]
        return Made(arn, {"RuleArn": arn, "IsDefault": bool(found["IsDefault"])})

    def update(self, job: Job, made: Made) -> Made:
        """ModifyRule, SetRulePriorities."""
        names = [name for name in ("Conditions", "Actions") if job.changed(name)]
        if names:
            params = {"RuleArn": made.physical_id, **job.pick({name: name for name in names})}
            job.call("elbv2", "modify_rule", params)
        if job.changed("Priority"):
            entry = {"RuleArn": made.physical_id, "Priority": int(job.get("Priority"))}
            job.call("elbv2", "set_rule_priorities", {"RulePriorities": [entry]})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteRule."""
        job.call("elbv2", "delete_rule", {"RuleArn": made.physical_id})
