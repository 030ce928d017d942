"""Make a release live: port 80 gets its target group, port 8080 the other one.

The event says what shall be, ``{"live": "green"}``, and not "the other way round": a swap that ended between
its two calls, or that is asked for twice, is mended by asking again. Going back is the same request with the
other colour.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

COLOURS = ("blue", "green")

logger = Logger()
balancing = boto3.client("elbv2")


class NotReady(Exception):
    """The release cannot be made live."""


def groups() -> dict[str, str]:
    """The target group of each colour."""
    return {colour: os.environ[f"{colour.upper()}_TARGETS"] for colour in COLOURS}


def shown(listeners: list[str]) -> dict[str, str]:
    """The target group that each listener forwards to."""
    answer = balancing.describe_listeners(ListenerArns=listeners)
    return {
        one["ListenerArn"]: one["DefaultActions"][0].get("TargetGroupArn", "") for one in answer["Listeners"]
    }


def insist_on_health(colour: str, group: str) -> None:
    """A release goes live when it has tasks and all of them are well."""
    targets = balancing.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    # Tasks that leave are none of the release's any more.
    states = [one["TargetHealth"]["State"] for one in targets if one["TargetHealth"]["State"] != "draining"]
    if not states or any(state != "healthy" for state in states):
        raise NotReady(f"the {colour} release cannot go live: its targets are {', '.join(states) or 'none'}")


def forward(listener: str, group: str) -> None:
    """One listener, one call: Elastic Load Balancing has none that changes two."""
    balancing.modify_listener(
        ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}]
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """The colours by port, as they are now. Raises ``NotReady``, ``ValueError`` for an unknown colour."""
    live = str(event.get("live", ""))
    if live not in COLOURS:
        raise ValueError(f"'live' must be one of {', '.join(COLOURS)}, not {live!r}")
    test = next(colour for colour in COLOURS if colour != live)
    target = groups()
    wanted = {os.environ["LIVE_LISTENER"]: live, os.environ["TEST_LISTENER"]: test}
    now = shown(list(wanted))
    if now[os.environ["LIVE_LISTENER"]] != target[live]:
        insist_on_health(live, target[live])
    # Clients first: between the calls both ports show the release that goes live.
    for listener, colour in wanted.items():
        if now[listener] != target[colour]:
            forward(listener, target[colour])
            logger.info("forwarded", listener=listener, colour=colour, before=now[listener])
    return {"80": live, "8080": test}
