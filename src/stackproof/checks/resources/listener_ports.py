"""Two listeners of one load balancer cannot share a port, two rules of one listener no priority."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.template.model import Unknown

_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"


def _examine(stack: Stack) -> Iterator[Hit]:
    yield from _clashes(stack, _LISTENER, "LoadBalancerArn", "Port", _BALANCER)
    yield from _clashes(
        stack, "AWS::ElasticLoadBalancingV2::ListenerRule", "ListenerArn", "Priority", _LISTENER
    )


def _clashes(stack: Stack, kind: str, parent: str, key: str, parent_kind: str) -> Iterator[Hit]:
    taken: dict[tuple[str, str], Resource] = {}
    for resource in stack.of(kind):
        value = resource.get(key)
        owner = stack.target(resource.get(parent), parent_kind)
        if owner is None or value is None or isinstance(value, Unknown):
            continue
        first = taken.setdefault((owner.id, str(value)), resource)
        if first is not resource:
            message = f"{key} {value} of {owner.id} is taken by {first.id} already: choose another"
            yield Hit(resource.at(key), message, (first.id, owner.id))


RULE = Rule(
    describe(
        "LISTENER-CLASH",
        "Listeners of a load balancer have different ports, their rules different priorities",
        why="The load balancer refuses the second one and the deployment fails half way.",
        fix="Give the listener another Port, or the rule another Priority.",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html",
    ),
    _examine,
)
