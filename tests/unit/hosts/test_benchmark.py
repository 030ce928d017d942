"""Benchmarks as data: what is wrong in them is named; each kind says what it sees on a small root."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts.benchmark.catalogue import load
from stackproof.hosts.benchmark.kinds import KINDS
from stackproof.hosts.benchmark.view import View, compare

DATA = """catalogue: demo
groups:
  - kind: value
    where: [image]
    defaults: {files: [/etc/login.defs]}
    rules:
      oldest: {key: PASS_MAX_DAYS, most: 365, number: '5.1'}
      youngest: {key: PASS_MIN_DAYS, least: 1, level: 2}
excluded:
  gone: {reason: it is not there}
"""


class Backend:
    def quote(self, command: str, *arguments: str) -> str:
        import shlex

        return command % tuple(shlex.quote(one) for one in arguments) if arguments else command


class Rooted:
    """A host whose files lie below a folder: paths in commands are moved there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.backend = Backend()

    def run(self, command: str, *arguments: str) -> Any:
        text = self.backend.quote(command, *arguments)
        for top in ("/etc/", "/usr/lib/", "/run/"):
            text = text.replace(f"'{top}", f"'{self.root}{top}").replace(f" {top}", f" {self.root}{top}")
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
        done.rc = done.returncode  # type: ignore[attr-defined]
        return done


@pytest.fixture
def view(tmp_path: Path) -> View:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n", encoding="utf-8")
    return View(Rooted(tmp_path))  # type: ignore[arg-type]


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "rules.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_rules_have_level_number_place_and_the_group_s_defaults(tmp_path: Path) -> None:
    found = load(written(tmp_path, DATA), tmp_path)
    oldest = found.rules["oldest"]
    assert (oldest.level, oldest.number, oldest.location.line) == (1, "5.1", 7)
    assert oldest.settings["files"] == ["/etc/login.defs"]
    assert [one.id for one in found.checked(1)] == ["oldest"]
    assert found.rules["gone"].reason == "it is not there"


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("kind: value", "kind: valu", "'kind' is 'valu'", 3),
        ("where: [image]", "where: [moon]", "'moon' in 'where'", 4),
        ("where: [image]", "now: late", "'now' is 'late'", 4),
        ("  gone:", "  oldest:", "stands here and at", 10),
        ("{reason: it is not there}", "{because: x}", "'reason' is missing", 10),
    ],
)
def test_what_is_wrong_in_the_data_is_named(
    tmp_path: Path, old: str, new: str, message: str, line: int
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, DATA.replace(old, new)), tmp_path)
    assert message in str(caught.value)
    assert caught.value.line == line


def test_the_last_value_of_a_key_counts(view: View, tmp_path: Path) -> None:
    put(tmp_path, "etc/login.defs", "# PASS_MAX_DAYS 1\nPASS_MAX_DAYS 99999\nPASS_MAX_DAYS 90\n")
    given = {"files": ["/etc/login.defs"], "key": "PASS_MAX_DAYS", "most": 365}
    assert KINDS["value"](view, given) == ""
    assert "90, must be at most 60" in KINDS["value"](view, {**given, "most": 60})


def test_a_setting_of_the_kernel_is_that_of_the_last_file_by_name(view: View, tmp_path: Path) -> None:
    put(tmp_path, "usr/lib/sysctl.d/50-default.conf", "net.ipv4.ip_forward = 1\n")
    put(tmp_path, "etc/sysctl.d/10-early.conf", "net.ipv4.ip_forward = 0\n")
    given = {"values": {"net.ipv4.ip_forward": 0}}
    assert "is 1, not 0" in KINDS["sysctl"](view, given)
    put(tmp_path, "etc/sysctl.d/99-late.conf", "net/ipv4/ip_forward=0\n")
    assert KINDS["sysctl"](View(view.host), given) == ""


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("install udf /bin/false\nblacklist udf\n", ""),
        ("install udf /bin/false\n", "blacklist"),
        ("# install udf /bin/false\nblacklist udf\n", "install"),
        ("install udf /sbin/insmod udf\nblacklist udf\n", "install"),
    ],
)
def test_a_module_needs_both_its_locks(view: View, tmp_path: Path, text: str, missing: str) -> None:
    put(tmp_path, "etc/modprobe.d/x.conf", text)
    said = KINDS["module"](view, {"name": "udf"})
    assert (missing in said) if missing else (said == "")


def test_an_audit_rule_that_logs_less_than_wanted_does_not_count(view: View, tmp_path: Path) -> None:
    given = {"calls": ["chmod"], "filters": ["auid>=1000", "auid!=unset"], "arches": ["b64"]}
    narrow = "-a always,exit -F arch=b64 -S chmod -F auid>=1000 -F auid!=4294967295 -F uid=0 -k x\n"
    put(tmp_path, "etc/audit/rules.d/x.rules", narrow)
    assert KINDS["audit-call"](view, given) == "chmod (b64) is not logged"
    put(tmp_path, "etc/audit/rules.d/x.rules", narrow.replace(" -F uid=0", ""))
    assert KINDS["audit-call"](View(view.host), given) == ""


def test_a_command_that_fails_is_an_error_and_not_an_empty_answer(view: View) -> None:
    with pytest.raises(BackendError, match="ended with 3"):
        view.ask("exit 3")


@pytest.mark.parametrize(
    ("shown", "given", "good"),
    [
        ("yes", {"is": "YES"}, True),
        ("5", {"least": 1, "most": 5}, True),
        ("6", {"most": 5}, False),
        ("many", {"most": 5}, False),
        ("sha256", {"among": ["SHA512", "yescrypt"]}, False),
        ("10:30:60", {"matches": "^10:"}, True),
    ],
)
def test_values_are_held_against_what_is_wanted(shown: str, given: dict[str, Any], good: bool) -> None:
    assert (compare(shown, given) == "") is good


class Told(View):
    """A view of a host that says the same to every question."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def ask(self, command: str, *arguments: str) -> str:
        return self.answer


def test_what_a_kernel_does_now_is_asked_of_itself() -> None:
    given = {"values": {"net.ipv4.ip_forward": 0}}
    assert KINDS["sysctl-now"](Told("0\n"), given) == ""
    assert KINDS["sysctl-now"](Told("1\n"), given) == "net.ipv4.ip_forward is 1, not 0"


def test_what_is_mounted_now_is_asked_of_itself() -> None:
    given = {"point": "/tmp", "options": ["noexec", "nodev"]}
    assert KINDS["mounted"](Told("rw,nodev,noexec\n"), given) == ""
    assert KINDS["mounted"](Told("rw,nodev\n"), given) == "/tmp is mounted without noexec"
    assert KINDS["mounted"](Told(""), given) == "/tmp is no mount of its own"


def test_a_rule_may_be_asked_otherwise_of_a_kernel_that_runs(tmp_path: Path) -> None:
    text = DATA.replace("    where: [image]\n", "    where: [image]\n    now: value\n")
    assert load(written(tmp_path, text), tmp_path).rules["oldest"].now == "value"
    assert load(written(tmp_path, DATA), tmp_path).rules["oldest"].now == ""
