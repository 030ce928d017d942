"""Inventories: what is right is read, what is wrong is named with its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.errors import ConfigError
from stackproof.hosts.inventory import load, loads

GOOD = """
suites:
  stack: {checks: 12}
connection: {region: eu-west-1, output_bucket: logs}
images:
  base: {release: bookworm, packages: [systemd]}
  hard: {base: base, playbook: site.yml, variables: {level: 2}}
hosts:
  web:
    suites: [stack]
    url: stack://two-tier-web/WebServerGroup
    system: amzn-2023
    capabilities: [runtime, network]
    facts: {rtt_ms: 5}
    ssh: {user: ec2-user, port: 2222, persist: 10}
  box:
    suites: [stack]
    provider: nspawn
    system: debian-12
    settings: {image: hard}
"""


def test_an_inventory_is_read_with_all_that_it_says() -> None:
    found = loads(GOOD, "good.yml")
    web, box = found.hosts
    assert (web.provider, web.url, web.system) == (
        "existing",
        "stack://two-tier-web/WebServerGroup",
        "amzn-2023",
    )
    assert web.capabilities == {"runtime", "network"}
    assert (web.ssh.user, web.ssh.port, web.ssh.persist, web.ssh.multiplex) == ("ec2-user", 2222, 10, True)
    assert (web.facts, web.location.line) == ({"rtt_ms": 5}, 10)
    assert (box.provider, found.images["hard"].base, found.connection.output_bucket) == (
        "nspawn",
        "base",
        "logs",
    )
    assert [one.name for one in found.of("stack")] == ["web", "box"]
    assert found.promises["stack"].checks == 12


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("region: eu-west-1", "regoin: eu-west-1", "unknown key 'regoin'", 4),
        ("provider: nspawn", "provider: nspwan", "'provider' is 'nspwan'", 18),
        ("[runtime, network]", "[runtime, netwrok]", "'netwrok' in 'capabilities' is not known", 13),
        ("port: 2222", "port: high", "'port' is not a whole number", 15),
        ("checks: 12", "checks: 0", "expected 1 or more", 3),
        ("    url: stack://two-tier-web/WebServerGroup\n", "", "needs 'url'", 10),
        ("stack://two-tier-web/WebServerGroup", "htp://x", "no URL of a host", 11),
        ("system: debian-12", "system: Debian", "not ID-VERSION_ID", 19),
        ("image: hard}", "image: soft}", "'image' is 'soft'", 20),
        ("base: base,", "base: bse,", "'base' is 'bse'", 7),
        ("  box:", "  web:", "stands twice", 16),
        ("    settings: {image: hard}", "    url: ssh://box", "takes no 'url'", 20),
        ("suites: [stack]\n    url", "suites: [other]\n    url", "promises no number of checks", 10),
        ("stack: {checks: 12}", "stack: {checks: 12}\n  more: {checks: 1}", "inspects no host", 4),
        (
            "system: debian-12",
            "system: debian-12\n    capabilities: [own-kernel]",
            "shares this machine's kernel",
            21,
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, message: str, line: int) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match="good") as caught:
        loads(GOOD.replace(old, new), "good.yml")
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column > 0) == (line, True)


def test_a_typing_error_gets_a_proposal() -> None:
    with pytest.raises(ConfigError, match="did you mean 'nspawn'"):
        loads(GOOD.replace("provider: nspawn", "provider: nspwan"), "good.yml")


def test_a_file_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.yml"
    file.write_text("hosts:\n  web: [1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML") as caught:
        load(file)
    assert caught.value.line == 3


def test_an_inventory_that_is_not_there_is_an_error_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yml")


def test_the_inventories_of_this_repository_are_right(root: Path) -> None:
    for file in sorted((root / "inventory").glob("*.yml")):
        assert load(file, root).hosts


IMAGES = "".join(GOOD.splitlines(keepends=True)[4:7])


def test_an_image_may_stand_before_its_base() -> None:
    first, second = GOOD.splitlines()[5:7]
    found = loads(GOOD.replace(f"{first}\n{second}", f"{second}\n{first}"), "good.yml")
    assert (list(found.images), found.images["hard"].base) == (["hard", "base"], "base")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{release: bookworm, packages: [systemd]}", "{base: hard}", r":6:16: .*base from hard from base"),
        ("base: base", "base: hard", r":7:16: image 'hard' is made from itself: hard from hard"),
        ("base: base", "base: bse", r":7:16: 'base' is 'bse'.*did you mean 'base'"),
        (IMAGES, "", r":17:23: 'image' is 'hard', the inventory has no image .*describe it under 'images'"),
        ("{image: hard}", "{image: hrd}", r":20:23: 'image' is 'hrd'.*did you mean 'hard'"),
    ],
)
def test_an_image_that_cannot_be_made_is_named_with_what_there_is(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loads(GOOD.replace(old, new), "bad.yml")
