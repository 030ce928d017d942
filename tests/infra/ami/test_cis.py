"""The rules of CIS levels 1 and 2: each on every host that can answer it, or excluded with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stackproof.hosts.benchmark.catalogue import Rule, load
from stackproof.hosts.benchmark.kinds import KINDS
from stackproof.hosts.benchmark.view import View
from stackproof.hosts.model import Running

ROOT = Path(__file__).resolve().parents[3]
BENCHMARK = load(Path(__file__).with_name("cis.yml"), ROOT)
EXCLUSIONS = yaml.safe_load(
    (ROOT / "templates/ami-builder/ansible/exclusions.yml").read_text(encoding="utf-8")
)["exclusions"]
LEFT_OUT = {rule: one for one in EXCLUSIONS for rule in one["today"]}


def _named(rule: Rule) -> pytest.MarkDecorator:
    number = f", {rule.number}" if rule.number else ""
    title = f"{rule.id} (CIS level {rule.level}{number})"
    return pytest.mark.check(rule.id, title=title, file=rule.location.file, line=rule.location.line)


def _cases(where: str, *, excluded: bool = True) -> list[object]:
    found: list[object] = []
    for rule in BENCHMARK.rules.values():
        marks = [_named(rule)]
        if rule.reason and not excluded:
            continue
        if rule.reason:
            marks.append(pytest.mark.skip(reason=f"{rule.id} is excluded: {rule.reason}"))
        elif where not in rule.where:
            continue
        found.append(pytest.param(rule, id=rule.id, marks=marks))
    return found


@pytest.mark.hosts(state="hardened", form="image")
@pytest.mark.capability("image")
@pytest.mark.parametrize("rule", _cases("image"))
def test_an_image_keeps_the_rule(rule: Rule, view: View) -> None:
    assert not (wrong := KINDS[rule.kind](view, rule.settings)), wrong


@pytest.mark.hosts(state="hardened", form="host")
@pytest.mark.capability("runtime")
@pytest.mark.parametrize(
    "rule", [one for one in BENCHMARK.checked() if "runtime" in one.where], ids=lambda one: one.id
)
def test_a_booted_host_keeps_the_rule(rule: Rule, view: View) -> None:
    assert not (wrong := KINDS[rule.kind](view, rule.settings)), wrong


@pytest.mark.hosts(state="hardened", form="host")
@pytest.mark.capability("runtime", "own-kernel")
@pytest.mark.parametrize("rule", [one for one in BENCHMARK.checked() if one.now], ids=lambda one: one.id)
def test_a_booted_kernel_keeps_the_rule(rule: Rule, view: View) -> None:
    assert not (wrong := KINDS[rule.now](view, rule.settings)), wrong


@pytest.mark.hosts(state="hardened", form="image")
@pytest.mark.capability("image")
@pytest.mark.parametrize("one", EXCLUSIONS, ids=lambda one: str(one["number"]))
def test_an_exclusion_of_old_is_accounted_for(one: dict[str, object], inspected: Running) -> None:
    """Each number of the old benchmark has a reason, and what it means today is not checked."""
    assert one["reason"]
    assert not set(one["today"]) & set(BENCHMARK.rules)  # type: ignore[call-overload]


@pytest.mark.hosts(state="pristine", form="image")
@pytest.mark.capability("image")
def test_what_the_hardening_changes_fails_on_the_image_that_is_not_hardened(view: View, suite: Path) -> None:
    """Rules that hold without it are listed; every other one fails here, and holds on the hardened image."""
    listed = set(yaml.safe_load((suite / "holds_already.yml").read_text(encoding="utf-8")))
    image = [one for one in BENCHMARK.checked() if "image" in one.where]
    holds = {one.id for one in image if not KINDS[one.kind](view, one.settings)}
    assert sorted(holds - listed) == [], "these hold without being hardened"
    assert sorted(listed - holds) == [], "these are listed and fail"
