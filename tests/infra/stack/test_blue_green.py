"""The swap under clients that never stop asking: real servers behind a real load balancer, in real time.

The stack is deployed into a world of the fabric, the swap is its own function; the load balancer follows the
listeners that it changes. A world stands still when the test says so: between the two calls of the swap.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import BackendError
from stackproof.hosts import probes
from stackproof.hosts.model import Running
from stackproof.hosts.netns import network
from stackproof.hosts.netns.built import BuiltNetwork
from stackproof.hosts.probes import Answer
from stackproof.hosts.services.asking import Asking, complaints
from stackproof.hosts.services.balancer import Balancer
from stackproof.hosts.services.tasks import Task, Tasks
from stackproof.hosts.session import Session
from stackproof.plugin.clients import Aws
from stackproof.plugin.factory import Factory
from stackproof.plugin.world import Fabric, opened

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = "templates/ecs-blue-green/template.yaml"
SERVER = "templates/ecs-blue-green/app/server.py"


class Service:
    """The deployed stack with its servers."""

    def __init__(self, net: BuiltNetwork, stack: Any, aws: Any, fabric: Any) -> None:
        self.net, self.stack, self.aws, self.fabric = net, stack, aws, fabric
        self.arn = stack["Balancer"].physical_id
        self.groups = [stack[f"{colour}Targets"].physical_id for colour in ("Blue", "Green")]
        self.tasks = Tasks(net, aws, ["python3", "-I", str(ROOT / SERVER)])
        self.asking: list[Asking] = []
        self.rebalance()
        self.settle()

    def begin(self) -> None:
        """As the template says; tasks that a fault ended are started anew."""
        self.tasks.forget_dead()
        self.settle()
        if self.shown(80, "tester") != "blue" or self.shown(8080, "tester") != "green":
            self.swap("blue")

    def settle(self) -> None:
        """As many tasks as the services want, all of them healthy."""
        services = {name: self.stack[name].physical_id for name in ("BlueService", "GreenService")}
        self.tasks.settle(self.stack["Cluster"].physical_id, services)
        self.balancer.wait_until_healthy()

    def ask(self, port: int = 80, source: str = "customer", **clients: int) -> Asking:
        """Clients that go on until the end."""
        self.asking.append(Asking(self.net, source, "Balancer", port, **clients))
        return self.asking[-1]

    def swap(self, live: str) -> Any:
        """What the function answers."""
        payload = json.dumps({"live": live}).encode()
        answer = self.aws("lambda").invoke(FunctionName=self.stack.function("Swap"), Payload=payload)
        told = json.loads(answer["Payload"].read())
        self.balancer.follow()
        return told if "FunctionError" not in answer else told["errorMessage"]

    def between_the_calls(self, live: str) -> Any:
        """The swap stands after its first call, and the load balancer has followed it."""
        course = self.fabric.record(lambda: self.swap_unfollowed(live))
        standing = self.fabric.stand(course, course.at("Swap", "after elbv2.ModifyListener"))
        self.balancer.follow()
        return standing

    def swap_unfollowed(self, live: str) -> None:
        """The calls alone: a course is recorded before anybody sees it."""
        payload = json.dumps({"live": live}).encode()
        self.aws("lambda").invoke(FunctionName=self.stack.function("Swap"), Payload=payload)

    def shown(self, port: int, source: str) -> str:
        """The release on a port, asked once."""
        seen = probes.http(self.net.asker(source), f"http://{self.net.address(source, 'Balancer')}:{port}/")
        return str({key.lower(): value for key, value in seen.facts["headers"].items()}["x-release"])

    def quiet(self) -> None:
        """Nobody asks any more."""
        while self.asking:
            self.asking.pop().stop()

    def rebalance(self) -> None:
        """Another load balancer."""
        self.balancer = Balancer(self.net, "Balancer", self.aws("elbv2"), self.arn, self.groups)
        self.tasks.changed = self.balancer.follow

    def close(self) -> None:
        """End everything."""
        self.quiet()
        self.tasks.stop()
        self.balancer.stop()


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> Iterator[Fabric]:
    """One world for all checks: what is deployed and what runs is made once."""
    with opened(request, "embedded") as fabric:
        aws = Aws(fabric.backend)
        subnets = aws.ec2.describe_subnets()["Subnets"][:2]
        ids = ",".join(one["SubnetId"] for one in subnets)
        image = "ecs-blue-green/app@sha256:" + "0" * 64
        values = {
            "/network/test/vpc-id": subnets[0]["VpcId"],
            "/network/test/public-subnet-ids": ids,
            "/network/test/private-subnet-ids": ids,
            "/ecs-blue-green/blue-image": image,
            "/ecs-blue-green/green-image": image,
        }
        for name, value in values.items():
            aws.ssm.put_parameter(Name=name, Value=value, Type="String")
        yield fabric


@pytest.fixture(scope="module")
def services(inspection: Session, world: Fabric) -> Iterator[Callable[[str], Service]]:
    """``services("canary")``: the stack of a configuration with its servers, the only one that runs."""
    net = network(inspection, "blue-green")
    running: dict[str, Service] = {}

    def run(config: str) -> Service:
        if config not in running:
            while running:
                running.popitem()[1].close()
            deployed = Factory(world, ROOT, "")(
                TEMPLATE, config=config, name=f"{config}-{inspection.count()}"
            )
            running[config] = Service(net, deployed, Aws(world.backend), world)
        return running[config]

    try:
        yield run
    finally:
        for one in running.values():
            one.close()


@pytest.fixture
def service(inspected: Running, services: Callable[[str], Service]) -> Iterator[Service]:
    """The stack as it begins: blue live, every task well."""
    found = services("test")
    found.begin()
    yield found
    found.quiet()


def releases(asking: Asking) -> list[str]:
    """The releases that a standing client saw, each once a run of answers."""
    seen = [one.release for one in asking.answers() if one.client == "standing-0"]
    return [one for number, one in enumerate(seen) if number == 0 or one != seen[number - 1]]


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_the_live_port_is_everybody_s_and_the_other_one_the_testers(service: Service) -> None:
    address = service.net.address("customer", "Balancer")
    probes.assert_reachable(probes.tcp(service.net.asker("customer"), address, 80))
    seen = probes.tcp(service.net.asker("customer"), address, 8080, timeout=0.5)
    control = probes.tcp(service.net.asker("tester"), address, 8080)
    probes.assert_unreachable(seen, control, how=(Answer.FILTERED,))


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_tasks_are_reached_by_the_load_balancer_alone(service: Service) -> None:
    task = service.net.node("BlueService-1")
    seen = probes.tcp(service.net.asker("GreenService-1"), task.address, 8000, timeout=0.5)
    control = probes.tcp(service.net.asker("Balancer"), task.address, 8000)
    probes.assert_unreachable(seen, control, how=(Answer.FILTERED,))


@pytest.mark.hosts(stack="blue-green", **{"from": "testers"})
def test_testers_see_the_release_that_is_not_live(service: Service) -> None:
    assert (service.shown(80, "tester"), service.shown(8080, "tester")) == ("blue", "green")


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_a_swap_and_its_rollback_lose_no_request_and_mix_no_answer(service: Service) -> None:
    asking = service.ask()
    asking.wait_for(release="blue")
    assert service.swap("green") == {"80": "green", "8080": "blue"}
    asking.wait_for(release="green")
    assert service.shown(8080, "tester") == "blue"
    assert service.swap("blue") == {"80": "blue", "8080": "green"}
    asking.wait_for(release="blue")
    answers = asking.stop()
    assert complaints(answers) == []
    assert releases(asking) == ["blue", "green", "blue"]
    assert {one.client.split("-")[0] for one in answers} == {"standing", "new", "slow"}


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_an_answer_that_was_begun_before_the_swap_is_finished_by_its_release(service: Service) -> None:
    asking = service.ask(standing=0, new=0, slow=4)
    asking.wait_for(4)
    service.swap("green")
    swapped = time.time()
    asking.wait_for(8, release="green")
    answers = asking.stop()
    assert complaints(answers) == []
    over = [one for one in answers if one.release == "blue" and swapped - 0.4 < one.at < swapped]
    assert over, "no answer was under way during the swap"


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_between_the_calls_both_ports_show_what_goes_live(service: Service) -> None:
    asking, testers = service.ask(), service.ask(8080, "tester")
    testers.wait_for(release="green")
    standing = service.between_the_calls("green")
    asking.wait_for(release="green")
    testers.wait_for(release="green")
    standing.go_on()
    service.balancer.follow()
    testers.wait_for(release="blue")
    assert complaints(asking.stop()) == complaints(testers.stop()) == []
    assert releases(asking) == ["blue", "green"]
    assert releases(testers) == ["green", "blue"]


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
@pytest.mark.parametrize(("again", "end"), [("green", ("green", "blue")), ("blue", ("blue", "green"))])
def test_a_crash_between_the_calls_is_mended_by_asking_again(
    again: str, end: tuple[str, str], service: Service
) -> None:
    asking = service.ask()
    asking.wait_for(release="blue")
    service.between_the_calls("green").kill()
    asking.wait_for(release="green")
    assert [service.shown(port, "tester") for port in (80, 8080)] == ["green", "green"]
    service.swap(again)
    asking.wait_for(release=end[0])
    assert tuple(service.shown(port, "tester") for port in (80, 8080)) == end
    assert complaints(asking.stop()) == []


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_tasks_that_scale_lose_no_request(service: Service) -> None:
    asking = service.ask()
    asking.wait_for()
    ecs, cluster = service.aws("ecs"), service.stack["Cluster"].physical_id
    for count in (1, 3):
        ecs.update_service(
            cluster=cluster, service=service.stack["BlueService"].physical_id, desiredCount=count
        )
        service.settle()
        asking.wait_for(40)
    answers = asking.stop()
    assert complaints(answers) == []
    assert {one.body.split(" ")[1] for one in answers if one.body}, "tasks name themselves"


# Faults: each is put in while clients ask, and named by what the clients got.


def kill(task: Task) -> None:
    os.killpg(task.process.pid, signal.SIGKILL)
    task.process.wait(10)


def service_dead(service: Service) -> None:
    for task in service.tasks.running["BlueService"]:
        kill(task)


def balancer_dead(service: Service) -> None:
    service.balancer.stop(signal.SIGKILL)


def colours_mixed(service: Service) -> None:
    replace(service, "{COLOUR} ", "{'green' if number > 3 else COLOUR} ")


def answer_cut(service: Service) -> None:
    replace(service, "range(PIECES)", "range(PIECES - 3)")


def group_emptied(service: Service) -> None:
    for task in service.tasks.running["BlueService"]:
        target = {"Id": task.address, "Port": task.port}
        service.aws("elbv2").deregister_targets(TargetGroupArn=task.group, Targets=[target])
    service.balancer.follow()


def group_filled(service: Service) -> None:
    for task in service.tasks.running["BlueService"]:
        target = {"Id": task.address, "Port": task.port}
        service.aws("elbv2").register_targets(TargetGroupArn=task.group, Targets=[target])
    service.balancer.follow()


def way_closed(service: Service) -> None:
    service.net.run("Balancer", "nft insert rule inet security_groups output tcp dport 8000 drop")


def way_opened(service: Service) -> None:
    listed = "nft -a list chain inet security_groups output | awk '/dport 8000 drop/ {print $NF}'"
    service.net.run("Balancer", f"nft delete rule inet security_groups output handle $({listed})")


def replace(service: Service, old: str, new: str) -> None:
    """The first blue task runs other code."""
    task = service.tasks.running["BlueService"][0]
    kill(task)
    text = (ROOT / SERVER).read_text(encoding="utf-8")
    assert old in text
    file = service.net.session.scratch("fault") / "server.py"
    file.write_text(text.replace(old, new), encoding="utf-8")
    command = ["env", "COLOUR=blue", "PORT=8000", "python3", "-I", str(file)]
    task.process = service.net.start(task.node, command, ready="tcp/8000")


def replaced(service: Service) -> None:
    """The task that runs other code ends, another one is started."""
    kill(service.tasks.running["BlueService"][0])


def nothing(service: Service) -> None:
    """What died is started anew before the next check."""


FAULTS = {
    "service dead": (service_dead, "was answered with 503", nothing),
    "both colours mixed": (colours_mixed, "is of blue and green at once", replaced),
    "answer cut short": (answer_cut, "is not whole: 5 pieces of 8", replaced),
    "group emptied": (group_emptied, "was answered with 503", group_filled),
    "way to the tasks closed": (way_closed, "was answered with 50", way_opened),
    "load balancer dead": (balancer_dead, "was lost: ConnectionRefusedError", Service.rebalance),
}


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
@pytest.mark.capability("transient")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_what_clients_get(fault: str, service: Service) -> None:
    inject, says, mend = FAULTS[fault]
    asking = service.ask()
    assert complaints(asking.wait_for()) == [], "the service was not well before"
    try:
        inject(service)
        end = time.monotonic() + 60
        while not any(says in one for one in complaints(asking.answers())) and time.monotonic() < end:
            time.sleep(0.05)
        assert any(says in one for one in complaints(asking.answers())), complaints(asking.answers())
    finally:
        mend(service)
    service.begin()
    assert complaints(service.ask().wait_for()) == [], "the service is not well after it was mended"


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_clients_that_ask_nothing_prove_nothing(service: Service) -> None:
    service.fabric.advance(0)
    assert complaints([]) == ["nothing was asked"]
    asking = service.ask(standing=0, new=0, slow=0)
    with pytest.raises(BackendError, match="did not come within"):
        asking.wait_for(1, patience=0.2)


@pytest.mark.hosts(stack="blue-green", **{"from": "outside"})
def test_a_canary_has_the_share_of_its_tasks_and_leaves_without_a_loss(
    inspected: Running, services: Callable[[str], Service]
) -> None:
    service = services("canary")
    asking = service.ask(standing=2, new=2, slow=1)
    answers = asking.wait_for(400, patience=120)
    share = sum(one.release == "green" for one in answers) / len(answers)
    assert 0.2 < share < 0.3, "one task of four"
    ecs, cluster = service.aws("ecs"), service.stack["Cluster"].physical_id
    for name, count in (("GreenService", 0), ("BlueService", 3)):
        arn = service.stack[name].physical_id
        ecs.update_service(cluster=cluster, service=arn, desiredCount=count)
    service.settle()
    gone = time.time()
    asking.wait_for(100)
    answers = asking.stop()
    assert complaints(answers) == []
    assert {one.release for one in answers if one.at > gone} == {"blue"}
