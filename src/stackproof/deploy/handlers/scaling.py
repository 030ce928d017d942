"""Scaling: Auto Scaling groups, what they launch, and policies; Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_NO_TRACKING = "stored, nothing tracks the target"
_NO_NETWORK = "the network is not emulated"


class ScalableTarget(Handler):
    """``AWS::ApplicationAutoScaling::ScalableTarget``."""

    type = "AWS::ApplicationAutoScaling::ScalableTarget"
    _names = ("MaxCapacity", "MinCapacity", "ResourceId", "RoleARN", "ScalableDimension", "ServiceNamespace",
              "SuspendedState")  # fmt: skip
    covers = frozenset(_names) | {"ScheduledActions"}
    inert: ClassVar[Mapping[str, str]] = {"ScheduledActions": "stored, schedules do not scale yet"}

    def create(self, job: Job) -> Made:
        """RegisterScalableTarget."""
        params = job.pick({name: name for name in self._names})
        job.call("application-autoscaling", "register_scalable_target", params)
        parts = [str(job.get(name)) for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")]
        identifier = "|".join(parts)
        return Made(identifier, {"Id": identifier})

    def update(self, job: Job, made: Made) -> Made:
        """RegisterScalableTarget again."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeregisterScalableTarget."""
        names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        params = job.pick({name: name for name in names})
        job.call("application-autoscaling", "deregister_scalable_target", params)


_POLICY = ("PolicyName", "PolicyType", "ResourceId", "ScalableDimension", "ServiceNamespace")
_CONFIGURATIONS = ("StepScalingPolicyConfiguration", "TargetTrackingScalingPolicyConfiguration")


class TargetPolicy(Handler):
    """``AWS::ApplicationAutoScaling::ScalingPolicy``."""

    type = "AWS::ApplicationAutoScaling::ScalingPolicy"
    covers = frozenset(_POLICY) | frozenset(_CONFIGURATIONS) | {"ScalingTargetId"}
    replaces = frozenset({"PolicyName"})

    def _target(self, job: Job) -> dict[str, Any]:
        if job.get("ScalingTargetId"):
            parts = str(job.get("ScalingTargetId")).split("|")
            return dict(zip(("ResourceId", "ScalableDimension", "ServiceNamespace"), parts, strict=True))
        return job.pick({name: name for name in _POLICY[2:]})

    def create(self, job: Job) -> Made:
        """PutScalingPolicy."""
        params = {**job.pick({name: name for name in (*_POLICY[:2], *_CONFIGURATIONS)}), **self._target(job)}
        answer = job.call("application-autoscaling", "put_scaling_policy", params)
        if job.get("PolicyType") != "StepScaling":
            job.left_out("TargetTrackingScalingPolicyConfiguration", _NO_TRACKING)
        return Made(answer["PolicyARN"], {"Arn": answer["PolicyARN"]})

    def update(self, job: Job, made: Made) -> Made:
        """PutScalingPolicy again."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteScalingPolicy."""
        params = {"PolicyName": job.get("PolicyName"), **self._target(job)}
        job.call("application-autoscaling", "delete_scaling_policy", params)


_GROUP = (
    "MinSize", "MaxSize", "DesiredCapacity", "AvailabilityZones", "HealthCheckType",
    "HealthCheckGracePeriod", "LaunchConfigurationName", "PlacementGroup", "TargetGroupARNs",
    "TerminationPolicies", "VPCZoneIdentifier", "NewInstancesProtectedFromScaleIn", "CapacityRebalance",
    "MixedInstancesPolicy", "InstanceId",
)  # fmt: skip
_NUMBERS = ("MinSize", "MaxSize", "DesiredCapacity", "HealthCheckGracePeriod")


class Group(Handler):
    """``AWS::AutoScaling::AutoScalingGroup``: its instances are entries of the state behind, nothing runs."""

    type = "AWS::AutoScaling::AutoScalingGroup"
    covers = frozenset(_GROUP) | {
        "AutoScalingGroupName", "LaunchTemplate", "Tags", "MetricsCollection",
        "NotificationConfigurations", "LifecycleHookSpecificationList", "Cooldown",
    }  # fmt: skip
    inert: ClassVar[Mapping[str, str]] = {
        "NotificationConfigurations": "launches are not announced",
        "LifecycleHookSpecificationList": "launches do not wait for hooks",
        "MixedInstancesPolicy": "instances are all alike",
    }

    def _params(self, job: Job, name: str) -> dict[str, Any]:
        params: dict[str, Any] = {
            "AutoScalingGroupName": name,
            **job.pick({one: one for one in _GROUP if one not in ("MixedInstancesPolicy", "InstanceId")}),
        }
        params |= {one: int(params[one]) for one in _NUMBERS if one in params}
        template = job.get("LaunchTemplate")
        if template:
            params["LaunchTemplate"] = {key: str(value) for key, value in template.items()}
        if job.get("Cooldown"):
            params["DefaultCooldown"] = int(job.get("Cooldown"))
        # Subnets, target groups and images are nobody's here: the group launches into a zone.
        if params.pop("VPCZoneIdentifier", None):
            job.left_out("VPCZoneIdentifier", _NO_NETWORK)
        if params.pop("TargetGroupARNs", None):
            job.left_out("TargetGroupARNs", _NO_NETWORK)
        params.setdefault("AvailabilityZones", [f"{job.place.region}a"])
        return params

    def create(self, job: Job) -> Made:
        """CreateAutoScalingGroup."""
        name = job.name("AutoScalingGroupName")
        params = self._params(job, name)
        params["Tags"] = [
            {"Key": one["Key"], "Value": one["Value"], "ResourceId": name,
             "ResourceType": "auto-scaling-group", "PropagateAtLaunch": _true(one)}
            for one in job.get("Tags") or ()
        ] or None  # fmt: skip
        job.call("autoscaling", "create_auto_scaling_group", params)
        place = job.place
        arn = f"arn:{place.partition}:autoscaling:{place.region}:{place.account}:autoScalingGroup"
        return Made(name, {"AutoScalingGroupARN": f"{arn}:{job.unique()}:autoScalingGroupName/{name}"})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateAutoScalingGroup; a capacity that scaling changed stays unless the template changes it."""
        params = self._params(job, made.physical_id)
        if not job.changed("DesiredCapacity"):
            params.pop("DesiredCapacity", None)
        job.call("autoscaling", "update_auto_scaling_group", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteAutoScalingGroup with its instances."""
        params = {"AutoScalingGroupName": made.physical_id, "ForceDelete": True}
        job.call("autoscaling", "delete_auto_scaling_group", params)


def _true(tag: Mapping[str, Any]) -> bool:
    return str(tag.get("PropagateAtLaunch", False)).lower() == "true"


_CONFIGURATION = (
    "ImageId", "InstanceType", "KeyName", "SecurityGroups", "UserData", "BlockDeviceMappings", "EbsOptimized",
    "IamInstanceProfile", "InstanceMonitoring", "AssociatePublicIpAddress", "SpotPrice", "InstanceId",
    "KernelId", "RamDiskId", "PlacementTenancy", "MetadataOptions", "ClassicLinkVPCId",
    "ClassicLinkVPCSecurityGroups",
)  # fmt: skip


class LaunchConfiguration(Handler):
    """``AWS::AutoScaling::LaunchConfiguration``."""

    type = "AWS::AutoScaling::LaunchConfiguration"
    covers = frozenset(_CONFIGURATION) | {"LaunchConfigurationName"}

    def create(self, job: Job) -> Made:
        """CreateLaunchConfiguration."""
        name = job.name("LaunchConfigurationName")
        params: dict[str, Any] = job.pick({one: one for one in _CONFIGURATION})
        if "InstanceMonitoring" in params:
            params["InstanceMonitoring"] = {"Enabled": params["InstanceMonitoring"]}
        job.call("autoscaling", "create_launch_configuration", {"LaunchConfigurationName": name, **params})
        return Made(name)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteLaunchConfiguration."""
        job.call("autoscaling", "delete_launch_configuration", {"LaunchConfigurationName": made.physical_id})


class LaunchTemplate(Handler):
    """``AWS::EC2::LaunchTemplate``; each change is another version."""

    type = "AWS::EC2::LaunchTemplate"
    covers = frozenset(
        {"LaunchTemplateName", "LaunchTemplateData", "TagSpecifications", "VersionDescription"}
    )

    def create(self, job: Job) -> Made:
        """CreateLaunchTemplate."""
        params = {
            "LaunchTemplateName": job.name("LaunchTemplateName"),
            **job.pick({name: name for name in self.covers if name != "LaunchTemplateName"}),
        }
        made = job.call("ec2", "create_launch_template", params)["LaunchTemplate"]
        identifier = made["LaunchTemplateId"]
        return Made(identifier, self._numbers(identifier, 1))

    @staticmethod
    def _numbers(identifier: str, latest: int) -> dict[str, Any]:
        return {
            "LaunchTemplateId": identifier,
            "DefaultVersionNumber": "1",
            "LatestVersionNumber": str(latest),
        }

    def update(self, job: Job, made: Made) -> Made:
        """CreateLaunchTemplateVersion."""
        params = {
            "LaunchTemplateId": made.physical_id,
            **job.pick({"LaunchTemplateData": "LaunchTemplateData"}),
        }
        answer = job.call("ec2", "create_launch_template_version", params)["LaunchTemplateVersion"]
        return Made(made.physical_id, self._numbers(made.physical_id, int(answer["VersionNumber"])))

    def delete(self, job: Job, made: Made) -> None:
        """DeleteLaunchTemplate."""
        job.call("ec2", "delete_launch_template", {"LaunchTemplateId": made.physical_id})


_SCALING = (
    "AdjustmentType", "AutoScalingGroupName", "MetricAggregationType", "MinAdjustmentMagnitude", "PolicyType",
    "ScalingAdjustment", "StepAdjustments", "EstimatedInstanceWarmup", "TargetTrackingConfiguration",
    "PredictiveScalingConfiguration",
)  # fmt: skip


class GroupPolicy(Handler):
    """``AWS::AutoScaling::ScalingPolicy``."""

    type = "AWS::AutoScaling::ScalingPolicy"
    covers = frozenset(_SCALING) | {"Cooldown"}

    def create(self, job: Job) -> Made:
        """PutScalingPolicy."""
        return self._put(job, job.name(""))

    @staticmethod
    def _put(job: Job, name: str) -> Made:
        params: dict[str, Any] = {"PolicyName": name, **job.pick({one: one for one in _SCALING})}
        if job.get("Cooldown") is not None:
            params["Cooldown"] = int(job.get("Cooldown"))
        if job.get("PolicyType", "SimpleScaling") not in ("SimpleScaling", "StepScaling"):
            job.left_out("PolicyType", _NO_TRACKING)
        job.call("autoscaling", "put_scaling_policy", params)
        given = {"PolicyNames": [name], **job.pick({"AutoScalingGroupName": "AutoScalingGroupName"})}
        # The answer of the call itself lacks the ARN on moto.
        (policy,) = job.call("autoscaling", "describe_policies", given)["ScalingPolicies"]
        arn = policy["PolicyARN"]
        return Made(arn, {"Arn": arn, "PolicyName": name}, {"name": name})

    def update(self, job: Job, made: Made) -> Made:
        """PutScalingPolicy again."""
        return self._put(job, str(made.notes["name"]))

    def delete(self, job: Job, made: Made) -> None:
        """DeletePolicy."""
        params = {
            "PolicyName": made.notes["name"],
            **job.pick({"AutoScalingGroupName": "AutoScalingGroupName"}),
        }
        job.call("autoscaling", "delete_policy", params)
