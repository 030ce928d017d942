"""An image that is not what its recipe and its inventory say: the command's findings name both sides."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from stackproof.hosts.model import Running
from stackproof.hosts.run import InspectRequest, inspect

ROOT = Path(__file__).resolve().parents[3]
RECIPE = "templates/ami-builder/ansible/roles/log_shipping/defaults/main.yml"
SYSTEM = "the_system_is_the_one_that_the_inventory_names"
LOG = "the_log_of_the_system_is_shipped"
CONFTEST = """
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def root():
    return Path(__file__).parent
"""


@pytest.fixture
def drifted(inspected: Running, tmp_path: Path) -> Path:
    """A project whose recipe ships one log more, and whose inventory has another release for this image."""
    if "root" not in inspected.paths:
        pytest.skip(f"the files of {inspected.name} do not lie on this machine")
    suite = tmp_path / "tests" / "infra" / "ami"
    suite.mkdir(parents=True)
    for name in ("conftest.py", "test_image.py", "test_remains.py"):
        shutil.copy(Path(__file__).with_name(name), suite)
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    recipe = (ROOT / RECIPE).read_text(encoding="utf-8")
    log = "  - {file: /var/log/messages, group: system_logs}\n"
    assert recipe.count(log) == 1
    (tmp_path / RECIPE).parent.mkdir(parents=True)
    more = f"{log}  - {{file: /var/log/auth.log, group: logins}}\n"
    (tmp_path / RECIPE).write_text(recipe.replace(log, more), encoding="utf-8")
    image = {
        "suites": ["ami"],
        "url": inspected.url,
        "system": "debian-11",
        "capabilities": ["image"],
        "facts": dict(inspected.entry.facts),
    }
    inventory = tmp_path / "inventory.yml"
    document = {"suites": {"ami": {"checks": 1}}, "hosts": {"image": image}}
    inventory.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return tmp_path


@pytest.mark.hosts(state="hardened", form="image")
@pytest.mark.capability("image")
def test_what_is_written_and_the_image_does_not_show_is_a_finding_with_both(
    inspected: Running, drifted: Path
) -> None:
    only = ("-k", "the_system_is_the_one or the_log_of_the_system")
    outcome = inspect(InspectRequest(drifted / "inventory.yml", ("ami",), only), drifted)
    found = {one.rule.removeprefix("ami."): one for one in outcome.findings}
    assert sorted(found) == ["SP-INSPECT-SYSTEM", LOG, SYSTEM]
    system = found[SYSTEM]
    assert "operating system: written is debian-11 (inventory.yml:" in system.message
    assert f"the host shows {inspected.entry.system}" in system.message
    assert [one.location.file for one in system.related] == ["inventory.yml"]
    log = found[LOG]
    assert f"group of /var/log/auth.log: written is logins ({RECIPE}:" in log.message
    assert "the host shows that it is not shipped" in log.message
    (related,) = log.related
    assert related.location.file == RECIPE
    lines = (drifted / RECIPE).read_text(encoding="utf-8").splitlines()
    assert "auth.log" in lines[related.location.line - 1]
