"""What must hold of a host of a test stack. Each check yields what differs: what is written, what is seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from stackproof.hosts import machines, probes
from stackproof.hosts.differs import Differs
from stackproof.hosts.netns import rules as generated
from stackproof.hosts.probes import Answer, Probe
from stackproof.hosts.stands.logins import login_allowed, login_refused
from stackproof.hosts.stands.looking import Seen, heard, look, look_out
from stackproof.netmodel import Answer as Said
from stackproof.netmodel import Flow, Reach, State

if TYPE_CHECKING:
    from stackproof.hosts.stands.stand import Stand

Check = Callable[["Stand"], Iterator[Differs]]

FLOWS = tuple(
    map(Flow.parse, ("tcp/22", "tcp/80", "tcp/443", "tcp/3306", "tcp/8080", "tcp/8443", "udp/53", "icmp"))
)
"""What every host is asked for from everywhere."""

OUTWARD = tuple(map(Flow.parse, ("tcp/22", "tcp/25", "tcp/80", "tcp/443", "udp/53")))
"""What every host asks of hosts on the internet."""

_FULL = 95
_COUNTER = re.compile(r" packets \d+ bytes \d+")
_WHERE = re.compile(r'comment "(\S+) ')


def reachable(stand: Stand, flows: tuple[Flow, ...] = FLOWS) -> Iterator[Differs]:
    """Who reaches the host and who does not is what its templates say.

    One look serves all flows until ``stand.forget`` is called.
    """
    every = frozenset((one.protocol, one.port) for one in FLOWS)
    reach = Reach(stand.network, stand.outside, {stand.node: every})
    shared, known = stand.session.shared, f"seen {stand.running.name}"
    if known not in shared:
        shared[known] = look(
            stand, FLOWS, lambda source, flow: reach.ask(source, stand.node, flow).state is State.OPEN
        )
    seen: Seen = shared[known]
    for flow in flows:
        for source in stand.sources:
            said = reach.ask(source, stand.node, flow)
            yield from compared(said, seen[source, flow], seen[stand.node, flow])


def goes_out(stand: Stand) -> Iterator[Differs]:
    """What the host may ask of the internet is what its templates say."""
    every = frozenset((one.protocol, one.port) for one in OUTWARD)
    reach = Reach(stand.network, stand.outside, dict.fromkeys(stand.outside, every))
    looked = look_out(
        stand, OUTWARD, lambda name, flow: reach.ask(stand.node, name, flow).state is State.OPEN
    )
    for (name, flow), (seen, control) in looked.items():
        yield from compared(reach.ask(stand.node, name, flow), seen, control)


def compared(said: Said, seen: Probe, control: Probe) -> Iterator[Differs]:
    """Nothing when both agree; a "filtered" only counts beside a control that is open."""
    subject = f"{said.flow} from {said.source} to {said.target}"
    why = said.reasons[0] if said.reasons else None
    location = why.location if why else None
    reasons = "; ".join(one.text for one in said.reasons)
    if said.state is State.UNDECIDED:
        yield Differs(subject, said=f"nothing certain: {reasons}", shown=str(seen.answer), location=location)
    elif said.state is State.OPEN:
        if not seen.is_open:
            yield Differs(subject, said=f"open: {reasons}", shown=_shown(seen), location=location)
    elif not control.is_open:
        yield Differs(subject, said="that it answers itself", shown=f"no control: {_shown(control)}")
    elif seen.answer is not Answer.FILTERED:
        yield Differs(subject, said=f"filtered: {reasons}", shown=_shown(seen), location=location)
    else:
        probes.assert_unreachable(seen, control, how=(Answer.FILTERED,))


def _shown(probe: Probe) -> str:
    return f"{probe.answer} ({probe.reason})" if probe.reason else str(probe.answer)


def listens(stand: Stand) -> Iterator[Differs]:
    """What listens is what the inventory says, no more and no less."""
    there, wanted = heard(stand.host), set(stand.facts.listening)
    at = stand.running.entry.location
    for one in sorted(wanted - there, key=str):
        yield Differs(f"{one} of {stand.node}", said="that it listens", shown="nothing there", location=at)
    for one in sorted(there - wanted, key=str):
        yield Differs(f"{one} of {stand.node}", said="nothing there", shown="that it listens", location=at)


def serves(stand: Stand) -> Iterator[Differs]:
    """Every service runs and no unit has failed."""
    at = stand.running.entry.location
    for name in stand.facts.services:
        state = stand.host.run("systemctl is-active %s", name).stdout.strip()
        if state != "active":
            yield Differs(f"service {name} of {stand.node}", said="active", shown=state, location=at)
    failed = stand.host.run("systemctl list-units --failed --plain --no-legend").stdout.split("\n")
    for line in filter(None, failed):
        yield Differs(
            f"unit {line.split()[0]} of {stand.node}", said="no failed unit", shown="failed", location=at
        )


def answers(stand: Stand) -> Iterator[Differs]:
    """Requests bring what they must."""
    at = stand.running.entry.location
    for one in (one for one in stand.facts.answers if stand.can_ask(one.source)):
        url = one.url.format(address=stand.addresses[stand.node], public=stand.publics.get(stand.node, ""))
        seen = probes.http(stand.asker(one.source), url)
        subject = f"{url} from {one.source}"
        if not seen.is_open:
            yield Differs(subject, said=f"status {one.status}", shown=_shown(seen), location=at)
            continue
        status, text = seen.facts["status"], f"{seen.facts['headers']}\n{seen.facts['body']}"
        if status != one.status:
            yield Differs(subject, said=f"status {one.status}", shown=f"status {status}", location=at)
        elif one.says not in text:
            yield Differs(subject, said=f"'{one.says}'", shown=f"'{seen.facts['body'][:80]}'", location=at)


def has_rules(stand: Stand) -> Iterator[Differs]:
    """The rules in the host's namespace are those that its security groups make, no more and no less."""
    if stand.built is None:
        return
    member = stand.built.layout.members[stand.node]
    text = generated.of_host(member, stand.built.layout)
    scratch = machines.namespace(stand.session, "expected")
    enter = ["ip", "netns", "exec"]
    stand.session.run([*enter, scratch, "nft", "-f", "-"], text=text)
    listing = ["nft", "-s", "list", "ruleset", "inet"]
    wanted = _lines(stand.session.run([*enter, scratch, *listing]))
    there = _lines(stand.session.run([*enter, stand.running.namespace, *listing]))
    places = {
        rule.logical_id: rule.location
        for name in member.place.groups or ()
        for rule in stand.network.groups[name].rules
    }
    for line in (one for one in wanted if one not in there):
        found = _WHERE.search(line)
        at = places.get(found[1]) if found else None
        yield Differs(f"rules of {stand.node}", said=f"'{line}'", shown="no such rule", location=at)
    for line in (one for one in there if one not in wanted):
        yield Differs(f"rules of {stand.node}", said="no such rule", shown=f"'{line}'")


def _lines(text: str) -> list[str]:
    return [_COUNTER.sub("", line.strip()) for line in text.splitlines() if line.strip(" {}\t\n")]


def has_space(stand: Stand) -> Iterator[Differs]:
    """No file system is full (the root of a booted image is this machine's disk: not the host's)."""
    said = stand.host.check_output("df --output=pcent,target -x overlay -x devtmpfs -x squashfs | tail -n +2")
    for line in said.splitlines():
        percent, _, target = line.strip().partition("% ")
        if percent.isdigit() and int(percent) > _FULL and not target.startswith(("/proc", "/sys")):
            yield Differs(f"{target} of {stand.node}", said=f"at most {_FULL} % full", shown=f"{percent} %")


def nothing_to_check(name: str, stand: Stand) -> str:
    """Why a check has nothing to check on this host; empty when it has."""
    facts, written = stand.facts, "the inventory says nothing of it"
    login = written
    if facts.login:
        source = facts.login.source
        login = "" if stand.can_ask(source) else f"nothing can be asked from '{source}'"
    answers = written
    if facts.answers:
        at_hand = any(stand.can_ask(one.source) for one in facts.answers)
        answers = "" if at_hand else "nothing can be asked from where the answers are wanted"
    reasons = {
        "goes-out": "" if stand.outside else "nobody on the internet is at hand",
        "serves": "" if facts.services else written,
        "answers": answers,
        "login-allowed": login,
        "login-refused": login,
        "rules": "" if stand.built else "a real host's security groups are not inside it (validate-env)",
    }
    return reasons.get(name, "")


CHECKS: dict[str, Check] = {
    "goes-out": goes_out,
    "listens": listens,
    "serves": serves,
    "answers": answers,
    "rules": has_rules,
    "space": has_space,
    "login-allowed": login_allowed,
    "login-refused": login_refused,
    **{
        f"reach-{flow.protocol}" + (f"-{flow.port}" if flow.protocol != "icmp" else ""): (
            lambda stand, flow=flow: reachable(stand, (flow,))  # type: ignore[misc]
        )
        for flow in FLOWS
    },
}
"""Name to check; ``reach-tcp-22`` asks for one flow."""
