"""The cache answers an unchanged estate and never an estate that changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import stackproof
from stackproof.gate.cache import Cache
from stackproof.gate.digests import Files


def _write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def _edit(name: str, old: str, new: str) -> None:
    text = Path(name).read_text(encoding="utf-8")
    assert old in text
    _write(name, text.replace(old, new))


OWN_RULE = """
from pathlib import Path
from cfnlint.rules import CloudFormationLintRule, RuleMatch

class Own(CloudFormationLintRule):
    id = "E9950"
    shortdesc = description = "own"

    def match(self, cfn):
        wanted = Path("words.txt").read_text() if Path("words.txt").exists() else "nothing"
        return [RuleMatch(["Resources", name], "own") for name in cfn.get_resources() if name == wanted]
"""

CHANGES = {
    "a template": lambda: _edit("templates/app.yaml", "Colour: red", "Shape: round\n      Size: 3"),
    "a new template": lambda: _write("templates/new.yaml", "Resources:\n  A: {Type: 'AWS::No::Such'}\n"),
    "a template that is gone": lambda: Path("templates/app.yaml").unlink(),
    "an include": lambda: _edit("templates/included/part.yaml", "true", "false"),
    "a parent's parameter": lambda: _edit("templates/nested/parent.yaml", "'9'", "'90000'"),
    "a child": lambda: _edit("templates/nested/child.yaml", "true", "false"),
    "a child that another parent has now": lambda: _write(
        "templates/nested/second.yaml",
        "Resources:\n  C:\n    Type: AWS::CloudFormation::Stack\n"
        "    Properties: {TemplateURL: child.yaml, Parameters: {Wait: '77777'}}\n",
    ),
    "a sibling's export": lambda: _edit("templates/shared/base.yaml", "plain", "'a b'"),
    "a sibling's export that is gone": lambda: _edit("templates/shared/base.yaml", "shared-name", "other"),
    "a configuration": lambda: _edit("templates/config/prod.json", '"7"', '"7000"'),
    "a new configuration": lambda: _write("templates/config/dev.json", '{"Parameters": {"Delay": "7001"}}'),
    "a configuration of one template": lambda: _write(
        "templates/config/app.prod.json", '{"Parameters": {"Delay": "7002"}}'
    ),
    "a configuration that is gone": lambda: (
        Path("templates/nested/config").mkdir(),
        _write("templates/nested/config/x.json", '{"Parameters": {"Nobody": "1"}}'),
    ),
    "our configuration": lambda: _edit(
        "stackproof.toml", 'path = "policies"', 'path = "policies"\ntemplates = ["none"]'
    ),
    "a rule": lambda: _edit("policies/queues.guard", "== true", "== false"),
    "a new rule file": lambda: _write(
        "policies/more.guard", "rule NEVER { Resources.*.Type == 'AWS::X::Y' <<never>> }\n"
    ),
    "a broken rule file": lambda: _write("policies/broken.guard", "rule BROKEN {\n"),
    "cfn-lint's configuration": lambda: _write(".cfnlintrc.yaml", "ignore_checks: [E3002]\n"),
    "cfn-lint's configuration at home": lambda: _write(
        str(Path.home() / ".cfnlintrc"), "ignore_checks: [E3002]\n"
    ),
    "the region": lambda: os.environ.__setitem__("AWS_REGION", "mars-1"),
}


@pytest.fixture
def without_region(monkeypatch):
    """Have the environment put back after a test that sets a region."""
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.delenv("AWS_REGION")


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_input_changes_the_answer(project, check, without_region, what):
    before = check()
    assert check().found == before.found
    CHANGES[what]()
    cached, fresh = check(), check("--no-cache")
    assert cached.found == fresh.found
    assert cached.report["problems"] == fresh.report["problems"]
    assert (cached.found, cached.report["problems"]) != (before.found, before.report["problems"])


def test_code_and_files_of_appended_rules_are_inputs(project, check):
    _write("own/rule.py", OWN_RULE)
    _write(".cfnlintrc", "append_rules: [own]\n")
    assert "E9950" not in check().rules
    _write("words.txt", "Queue")
    assert "E9950" in check().rules
    _write("words.txt", "Nobody")
    assert "E9950" not in check().rules
    _edit("own/rule.py", "== wanted", "!= wanted")
    assert "E9950" in check().rules


def test_a_newer_schema_of_the_user_is_an_input(project, check, tmp_path, monkeypatch):
    from stackproof.gate.keys import Keys

    def key() -> str:
        from stackproof.config import Config

        return Keys(project, Config(), Files(project), (), as_written=False).lint

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = key()
    _write(str(tmp_path / "cache/aws/cfn-lint/schemas/version.json"), '{"schema_date": "2999-01-01"}')
    after = key()
    _write(str(tmp_path / "cache/aws/cfn-lint/schemas/providers/us-east-1.json"), "{}")
    assert len({before, after, key()}) == 3


def test_tool_versions_are_inputs(monkeypatch, tmp_path):
    from stackproof.gate.digests import of_tools

    before = of_tools()
    assert of_tools() == before
    monkeypatch.syspath_prepend(str(tmp_path))
    assert of_tools() == before
    (tmp_path / "some_checks-1.0.dist-info").mkdir()
    with_distribution = of_tools()
    (tmp_path / "some_checks-1.0.dist-info").rename(tmp_path / "some_checks-1.1.dist-info")
    with_another = of_tools()
    monkeypatch.setattr(stackproof, "__version__", "0.0.0")
    assert len({before, with_distribution, with_another, of_tools()}) == 4


def test_our_own_code_is_an_input(monkeypatch, tmp_path):
    from stackproof.gate.digests import of_tools

    for number in ("1", "2"):
        package = tmp_path / number
        package.mkdir()
        (package / "__init__.py").write_text("", encoding="utf-8")
        (package / "part.py").write_text(f"VALUE = {number}\n", encoding="utf-8")
    digests = set()
    for number in ("1", "2"):
        monkeypatch.setattr(stackproof, "__file__", str(tmp_path / number / "__init__.py"))
        digests.add(of_tools())
    assert len(digests) == 2


def test_a_check_that_is_not_installed_under_a_version_is_an_input(project, check, tmp_path, monkeypatch):
    site = tmp_path / "site"
    code = """
from stackproof.model import Finding, Location, RuleInfo

class Own:
    def rules(self):
        return [RuleInfo(id="X-{0}", title="x")]

    def run(self, resolved):
        return [Finding("X-{0}", "x", Location(resolved.expanded.document.file))]
"""
    _write(str(site / "own_check.py"), code.replace("{0}", "1"))
    _write(str(site / "own_check-1.0.dist-info/METADATA"), "Name: own-check\nVersion: 1.0\n")
    _write(
        str(site / "own_check-1.0.dist-info/entry_points.txt"), "[stackproof.checks]\nown = own_check:Own\n"
    )
    monkeypatch.syspath_prepend(str(site))
    assert "X-1" in check().rules
    _write(str(site / "own_check.py"), code.replace("{0}", "22"))
    monkeypatch.delitem(sys.modules, "own_check")
    assert {rule for rule in check().rules if rule.startswith("X-")} == {"X-22"}
    monkeypatch.delitem(sys.modules, "own_check")


def test_an_expired_suppression_is_noticed_by_a_warm_cache(project):
    import datetime

    from stackproof.config import load
    from stackproof.gate.request import CheckRequest
    from stackproof.gate.run import check

    _edit(
        "templates/app.yaml",
        "    Type: AWS::SQS::Queue\n",
        "    Type: AWS::SQS::Queue\n    Metadata:\n      stackproof:\n        suppress:\n"
        "          - {rule: QUEUE_ENCRYPTED, reason: not yet, until: 2026-06-01}\n",
    )
    config = load(project)

    def on(day: str) -> dict[str, str]:
        report = check(CheckRequest(), config, project, today=datetime.date.fromisoformat(day))
        return {one.rule: one.status.value for one in report.findings}

    assert on("2026-05-31")["QUEUE_ENCRYPTED"] == "suppressed"
    later = on("2026-06-02")
    assert later["QUEUE_ENCRYPTED"] == "active"
    assert "SP-SUPPRESS-EXPIRED" in later


def test_one_changed_file_costs_only_that_file(project, check, monkeypatch):
    from stackproof.gate import fresh

    check()
    _edit("templates/included/template.yaml", "Resources:", "Description: changed\nResources:")
    judged = set()
    original = fresh.Fresh._take

    def take(self, file, *rest):
        judged.add(file)
        return original(self, file, *rest)

    monkeypatch.setattr(fresh.Fresh, "_take", take)
    check()
    assert judged == {"templates/included/template.yaml"}


@pytest.mark.parametrize("damage", [b"", b"stackproof-cache-1\n", b"rubbish" * 100])
def test_damaged_entries_are_ignored(project, check, damage):
    before = check()
    entries = [path for path in Path(".stackproof/cache").rglob("*") if path.is_file() and path.suffix == ""]
    assert len(entries) > 5
    for path in entries:
        path.write_bytes(damage or path.read_bytes()[:-1])
    assert check().found == before.found


def test_a_flipped_bit_is_noticed(tmp_path):
    cache = Cache(tmp_path, lambda name: "")
    cache.keep("abc", "an answer", {})
    (entry,) = (path for path in tmp_path.rglob("abc"))
    data = bytearray(entry.read_bytes())
    data[-2] ^= 1
    entry.write_bytes(bytes(data))
    assert cache.find("abc", str) is None


def test_a_file_that_was_read_is_part_of_an_answer(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "there").write_text("1", encoding="utf-8")
    reads = Files(root).reads(["there", "missing"])
    Cache(tmp_path / "cache", Files(root).digest).keep("abc", 1, reads)

    def find() -> int | None:
        return Cache(tmp_path / "cache", Files(root).digest).find("abc", int)

    assert find() == 1
    (root / "missing").write_text("", encoding="utf-8")
    assert find() is None
    (root / "missing").unlink()
    assert find() == 1
    (root / "there").write_text("2", encoding="utf-8")
    assert find() is None


def test_the_folder_stays_within_its_bound(tmp_path):
    cache = Cache(tmp_path, lambda name: "")
    for number in range(20):
        cache.keep(f"{number:02}key", "x" * 1000, {})
        os.utime(tmp_path / f"{number:02}" / f"{number:02}key", (number, number))
    cache.tidy(limit=10_000)
    assert cache.find("00key", str) is None
    assert cache.find("19key", str) == "x" * 1000
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 10_000


def test_no_cache_reads_and_writes_nothing(project, check):
    check("--no-cache")
    assert not Path(".stackproof").exists()


def test_a_folder_that_cannot_be_written_is_no_failure(project, check):
    Path(".stackproof").write_text("a file where the folder should be", encoding="utf-8")
    assert check().found == check("--no-cache").found


def test_a_cache_moves_along_with_the_project(project, check, tmp_path, monkeypatch):
    before = check()
    moved = tmp_path / "moved"
    project.rename(moved)
    monkeypatch.chdir(moved)
    from stackproof.gate import fresh

    monkeypatch.delattr(fresh.Fresh, "judge")
    assert check().found == before.found


def test_a_warm_run_imports_nothing_heavy(project):
    program = (
        "import sys, json; from stackproof.cli import main;"
        "code = main(['check', '--format', 'json=r.json']);"
        "print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )

    def run() -> tuple[int, set[str]]:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        code, modules = json.loads(done.stdout.splitlines()[-1])
        return code, set(modules)

    cold, loaded = run()
    assert "cfnlint" in loaded
    warm, loaded = run()
    assert warm == cold == 1
    heavy = {
        "cfnlint",
        "moto",
        "boto3",
        "botocore",
        "networkx",
        "samtranslator",
        "sympy",
        "yaml",
        "rich",
        "ruamel",
    }
    assert not heavy & loaded
