"""Scaling policies as actions: simple and step, of Auto Scaling groups and of Application Auto Scaling.

Groups, services and their capacities are the state behind; cooldowns pass on the virtual clock. Sources: EC2
Auto Scaling user guide, "Step and simple scaling policies"; Application Auto Scaling user guide, "How step
scaling works".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.service import Caller, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_COOLDOWN = 300


@dataclass(frozen=True, slots=True)
class Capacity:
    """What can be scaled: where it stands and its bounds."""

    now: int
    low: int
    high: int


class Scaling:
    """``moved`` remembers when and how far each resource was scaled last: (milliseconds, change)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.moved: dict[str, tuple[int, int]] = {}

    def execute(self, actor: str, policy: str, excess: float, account: str) -> bool:
        """Do what a policy says, ``excess`` beyond the threshold of its alarm; whether anything changed."""
        parsed = arns.parse(policy)
        assert parsed is not None  # the alarm's put checked it
        caller = self._world.caller(
            account, parsed.region, actor=actor, service="autoscaling.amazonaws.com", source_arn=policy
        )
        if ":resource/" in parsed.resource:
            return self._application(policy, excess, caller)
        return self._group(policy, excess, caller)

    def _call(self, service: str, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return self._world.call(service, operation, params, caller)

    def _read(self, service: str, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        state = self._world.state
        if state is None:
            raise errors.not_emulated("scaling without a state behind the world")
        return state.call(service, operation, params, caller)

    # Auto Scaling groups.

    def _group(self, arn: str, excess: float, caller: Caller) -> bool:
        policies = self._read("autoscaling", "DescribePolicies", {}, caller)["ScalingPolicies"]
        policy = next((one for one in policies if one["PolicyARN"] == arn), None)
        if policy is None:
            raise ServiceError("ValidationError", f"the scaling policy {arn} does not exist")
        if policy.get("Enabled") is False:
            return False
        kind = policy.get("PolicyType") or "SimpleScaling"
        name = policy["AutoScalingGroupName"]
        (group,) = self._read(
            "autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": [name]}, caller
        )["AutoScalingGroups"]
        here = Capacity(group["DesiredCapacity"], group["MinSize"], group["MaxSize"])
        cooldown = policy.get("Cooldown") or group.get("DefaultCooldown") or _COOLDOWN
        if kind == "SimpleScaling":
            adjustment = policy["ScalingAdjustment"]
        elif kind == "StepScaling":
            adjustment = step(policy["StepAdjustments"], excess)
            cooldown = 0
        else:
            raise errors.not_emulated(f"scaling policies of type {kind}")
        key = f"{caller.account}/{caller.region}/{name}"
        if adjustment is None or self._cooling(key, cooldown):
            return False
        wanted = target(here, policy, adjustment)
        if wanted == here.now:
            return False
        params = {"AutoScalingGroupName": name, "DesiredCapacity": wanted}
        self._call("autoscaling", "SetDesiredCapacity", params, caller)
        self.moved[key] = (self._world.clock.ms, wanted - here.now)
        return True

    def _cooling(self, key: str, seconds: int) -> bool:
        last = self.moved.get(key)
        return last is not None and self._world.clock.ms < last[0] + seconds * 1000

    # Application Auto Scaling.

    def _application(self, arn: str, excess: float, caller: Caller) -> bool:
        namespace = arn.partition(":resource/")[2].split("/", 1)[0]
        found = self._read(
            "application-autoscaling", "DescribeScalingPolicies", {"ServiceNamespace": namespace}, caller
        )["ScalingPolicies"]
        policy = next((one for one in found if one["PolicyARN"] == arn), None)
        if policy is None:
            raise ServiceError("ObjectNotFoundException", f"the scaling policy {arn} does not exist")
        if policy["PolicyType"] != "StepScaling":
            raise errors.not_emulated(f"scaling policies of type {policy['PolicyType']}")
        settings = policy["StepScalingPolicyConfiguration"]
        key = f"{caller.account}/{caller.region}/{policy['ResourceId']}"
        adjustment = step(settings["StepAdjustments"], excess)
        if adjustment is None:
            return False
        here = self._capacity(policy, caller)
        wanted = target(here, settings, adjustment)
        change = wanted - here.now
        cooldown = settings.get("Cooldown", _COOLDOWN)
        if not change or self._held_back(key, cooldown, change):
            return False
        self._set(policy, wanted, caller)
        self.moved[key] = (self._world.clock.ms, change)
        return True

    def _held_back(self, key: str, cooldown: int, change: int) -> bool:
        """Within the cooldown after a scale-out only a larger one happens, after a scale-in only a
        scale-out."""
        if not self._cooling(key, cooldown):
            return False
        _, last = self.moved[key]
        return change <= last if last > 0 else change < 0

    def _capacity(self, policy: Mapping[str, Any], caller: Caller) -> Capacity:
        params = {"ServiceNamespace": policy["ServiceNamespace"], "ResourceIds": [policy["ResourceId"]]}
        targets = self._read("application-autoscaling", "DescribeScalableTargets", params, caller)
        (bounds,) = [
            one for one in targets["ScalableTargets"]
            if one["ScalableDimension"] == policy["ScalableDimension"]
        ]  # fmt: skip
        if policy["ScalableDimension"] != "ecs:service:DesiredCount":
            raise errors.not_emulated(f"step scaling of {policy['ScalableDimension']}")
        _, cluster, name = policy["ResourceId"].split("/")
        (service,) = self._read("ecs", "DescribeServices", {"cluster": cluster, "services": [name]}, caller)[
            "services"
        ]
        return Capacity(service["desiredCount"], bounds["MinCapacity"], bounds["MaxCapacity"])

    def _set(self, policy: Mapping[str, Any], wanted: int, caller: Caller) -> None:
        _, cluster, name = policy["ResourceId"].split("/")
        params = {"cluster": cluster, "service": name, "desiredCount": wanted}
        self._call("ecs", "UpdateService", params, caller)


def step(steps: Sequence[Mapping[str, Any]], excess: float) -> int | None:
    """The adjustment of the step whose interval holds ``excess``; None when no step does.

    Above the threshold an interval includes its lower bound, below it its upper bound.
    """
    for one in steps:
        low = one.get("MetricIntervalLowerBound", -math.inf)
        high = one.get("MetricIntervalUpperBound", math.inf)
        above = low >= 0 or high == math.inf
        if low <= excess < high if above else low < excess <= high:
            return int(one["ScalingAdjustment"])
    return None


def target(here: Capacity, settings: Mapping[str, Any], adjustment: int) -> int:
    """The capacity after an adjustment, within the bounds."""
    kind = settings.get("AdjustmentType", "ChangeInCapacity")
    if kind == "ExactCapacity":
        wanted = adjustment
    elif kind == "PercentChangeInCapacity":
        change = here.now * adjustment / 100
        least = settings.get("MinAdjustmentMagnitude") or 1
        size = max(math.floor(abs(change)), least)
        wanted = here.now + (size if adjustment > 0 else -size)
    else:
        wanted = here.now + adjustment
    return min(max(wanted, here.low), here.high)
