"""ecs-blue-green: whatever happens to a swap, asking again ends with one colour on each port."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.fabric.choice import Seeded

BLUE_LIVE = {"80": "blue", "8080": "green"}
GREEN_LIVE = {"80": "green", "8080": "blue"}
Ports = Callable[[], dict[str, str]]


def parameters(aws: Any, environment: str = "test") -> None:
    """What the network and the registry tell by Systems Manager."""
    subnets = aws.ec2.describe_subnets()["Subnets"][:2]
    ids = ",".join(one["SubnetId"] for one in subnets)
    image = "ecs-blue-green/app@sha256:" + "0" * 64
    values = {
        f"/network/{environment}/vpc-id": subnets[0]["VpcId"],
        f"/network/{environment}/public-subnet-ids": ids,
        f"/network/{environment}/private-subnet-ids": ids,
        "/ecs-blue-green/blue-image": image,
        "/ecs-blue-green/green-image": image,
    }
    for name, value in values.items():
        aws.ssm.put_parameter(Name=name, Value=value, Type="String")


@pytest.fixture
def system(stack: Any, aws: Any) -> Any:
    parameters(aws)
    made = stack("templates/ecs-blue-green", config="test")
    for colour, address in (("Blue", "10.64.4.10"), ("Green", "10.64.4.20")):
        targets = [{"Id": address, "Port": 8000}]
        aws.elbv2.register_targets(TargetGroupArn=made[f"{colour}Targets"].physical_id, Targets=targets)
    return made


@pytest.fixture
def ports(system: Any, aws: Any) -> Ports:
    """``ports()``: the colour behind each port."""
    colours = {system[f"{name.capitalize()}Targets"].physical_id: name for name in ("blue", "green")}

    def read() -> dict[str, str]:
        answer = aws.elbv2.describe_listeners(LoadBalancerArn=system["Balancer"].physical_id)
        return {
            str(one["Port"]): colours[one["DefaultActions"][0]["TargetGroupArn"]]
            for one in answer["Listeners"]
        }

    return read


@pytest.fixture
def swap(system: Any, aws: Any) -> Callable[..., Any]:
    """``swap("green")``: what the function answers."""

    def call(live: str) -> Any:
        answer = aws("lambda").invoke(
            FunctionName=system.function("Swap"), Payload=json.dumps({"live": live}).encode()
        )
        told = json.loads(answer["Payload"].read())
        return told if "FunctionError" not in answer else (answer["FunctionError"], told.get("errorMessage"))

    return call


def modified(fabric: Any) -> int:
    return len(fabric.journal.entries(verb="elbv2.ModifyListener"))


def test_green_goes_live_and_blue_under_test_and_back(swap: Any, ports: Ports, fabric: Any) -> None:
    assert ports() == BLUE_LIVE
    assert swap("green") == GREEN_LIVE == ports()
    assert modified(fabric) == 2
    assert swap("blue") == BLUE_LIVE == ports()


def test_asking_twice_changes_nothing_more(swap: Any, ports: Ports, fabric: Any) -> None:
    swap("green")
    assert swap("green") == GREEN_LIVE == ports()
    assert modified(fabric) == 2


def test_between_the_calls_both_ports_show_what_goes_live(
    system: Any, swap: Any, ports: Ports, fabric: Any
) -> None:
    course = fabric.record(lambda: swap("green"))
    standing = fabric.stand(course, course.at("Swap", "after elbv2.ModifyListener"))
    assert ports() == {"80": "green", "8080": "green"}
    standing.go_on()
    assert ports() == GREEN_LIVE


def test_a_crash_at_any_call_is_mended_by_asking_again(
    system: Any, swap: Any, ports: Ports, fabric: Any
) -> None:
    course = fabric.record(lambda: swap("green"))
    states = set()
    assert len(course.points) >= 8
    for point in course.points:
        standing = fabric.stand(course, point)
        standing.kill()
        seen = ports()
        states.add(tuple(seen.values()))
        assert seen["80"] == "green" or seen == BLUE_LIVE, point
        assert swap("green") == GREEN_LIVE == ports(), point
    assert states == {("blue", "green"), ("green", "green"), ("green", "blue")}


def test_a_crashed_swap_can_be_taken_back_as_well(system: Any, swap: Any, ports: Ports, fabric: Any) -> None:
    course = fabric.record(lambda: swap("green"))
    fabric.stand(course, course.at("Swap", "after elbv2.ModifyListener")).kill()
    assert swap("blue") == BLUE_LIVE == ports()


@pytest.mark.parametrize("seed", range(6))
def test_two_swaps_at_once_end_with_a_colour_on_each_port(
    seed: int, system: Any, ports: Ports, aws: Any, fabric: Any
) -> None:
    fabric.world.scheduler.chooser = Seeded(seed)
    for live in ("green", "blue", "green"):
        payload = json.dumps({"live": live}).encode()
        aws("lambda").invoke(FunctionName=system.function("Swap"), Payload=payload, InvocationType="Event")
    fabric.run_until_idle()
    assert ports() in (BLUE_LIVE, GREEN_LIVE)


def test_a_refused_call_is_an_error_that_asking_again_mends(
    system: Any, swap: Any, ports: Ports, faults: Any
) -> None:
    listener = system["TestListener"].physical_id
    faults.refuse("elbv2.ModifyListener", "ThrottlingException", lambda p: p["ListenerArn"] == listener, 99)
    assert swap("green")[0] == "Unhandled"
    assert ports() == {"80": "green", "8080": "green"}


def test_a_release_without_tasks_does_not_go_live(system: Any, swap: Any, ports: Ports, aws: Any) -> None:
    green = system["GreenTargets"].physical_id
    aws.elbv2.deregister_targets(TargetGroupArn=green, Targets=[{"Id": "10.64.4.20", "Port": 8000}])
    kind, message = swap("green")
    assert (kind, message) == ("Unhandled", "the green release cannot go live: its targets are none")
    assert ports() == BLUE_LIVE


@pytest.mark.parametrize("event", [{}, {"live": ""}, {"live": "red"}])
def test_a_request_that_names_no_colour_is_refused(
    event: dict[str, str], system: Any, ports: Ports, aws: Any, fabric: Any
) -> None:
    answer = aws("lambda").invoke(FunctionName=system.function("Swap"), Payload=json.dumps(event).encode())
    assert "must be one of blue, green" in json.loads(answer["Payload"].read())["errorMessage"]
    assert ports() == BLUE_LIVE
    assert modified(fabric) == 0


def test_the_swap_may_change_its_two_listeners_and_nothing_else(system: Any) -> None:
    statements = system["SwapRole"].properties["Policies"][0]["PolicyDocument"]["Statement"]
    (writing,) = [one for one in statements if "Modify" in str(one["Action"])]
    assert sorted(writing["Resource"]) == sorted(
        system[name].physical_id for name in ("LiveListener", "TestListener")
    )
    actions = {action for one in statements for action in one["Action"] if action.startswith("elastic")}
    assert not {one for one in actions if not one.startswith("elasticloadbalancing:Describe")}


def test_as_a_canary_both_releases_share_the_live_group(stack: Any, aws: Any) -> None:
    parameters(aws)
    made = stack("templates/ecs-blue-green", config="canary")
    for name in ("BlueService", "GreenService"):
        (found,) = aws.ecs.describe_services(
            cluster=made["Cluster"].physical_id, services=[made[name].physical_id]
        )["services"]
        (balancer,) = found["loadBalancers"]
        assert balancer["targetGroupArn"] == made["BlueTargets"].physical_id
        assert (balancer["containerName"], balancer["containerPort"]) == ("app", 8000)
        assert found["desiredCount"] == {"BlueService": 3, "GreenService": 1}[name]
