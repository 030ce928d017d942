"""Fingerprints survive moved lines and renamed files, and tell findings apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stackproof.model import Finding, Location
from stackproof.verdict.fingerprint import fingerprint, with_fingerprints

NAMES = st.text("abcdefghij-_.é ", min_size=1, max_size=12).filter(lambda name: name.strip(". ") != "")
FILES = st.builds(
    lambda folders, name: "/".join([*folders, f"{name}.yaml"]), st.lists(NAMES, max_size=2), NAMES
)
BODIES = st.builds(
    lambda rule, key, message, logical_id: (rule, key, message, logical_id),
    st.sampled_from(["E3012", "S3_BUCKET", "SP-RES-A"]),
    st.sampled_from([("Resources", "A", "Properties", "X"), ("Resources", "A", "Tags", 3), ()]),
    st.text(max_size=30),
    st.sampled_from(["A", "B", ""]),
)


def make(body: tuple[Any, ...], file: str, line: int) -> Finding:
    rule, path, message, logical_id = body
    where = f"{message} (see {file}:{line}:1, line {line})"
    return Finding(rule, where, Location(file, line), path=path, logical_id=logical_id)


@given(BODIES, FILES, FILES, st.integers(1, 999), st.integers(1, 999), st.text(max_size=20))
def test_moving_and_renaming_keep_the_fingerprint(
    body: tuple[Any, ...], file: str, renamed: str, line: int, moved: int, text: str
) -> None:
    before = fingerprint(make(body, file, line), text)
    assert fingerprint(make(body, renamed, moved), f"  {text}\t ,") == before


@given(
    st.lists(BODIES, min_size=1, max_size=6),
    st.lists(FILES, min_size=6, max_size=6),
    st.permutations(range(6)),
)
def test_renaming_files_keeps_the_set_of_fingerprints(
    bodies: list[tuple[Any, ...]], files: list[str], order: Sequence[int]
) -> None:
    def marks(names: Sequence[str]) -> list[str]:
        findings = [make(body, name, 7) for body, name in zip(bodies, names, strict=False)]
        return sorted(one.fingerprint for one in with_fingerprints(findings, lambda _: "line"))

    before = marks(files)
    assert len(set(before)) == len(bodies)
    assert marks([files[place] for place in order]) == before


def test_list_positions_do_not_count_but_keys_do() -> None:
    finding = Finding("R", "m", Location("a"), path=("Resources", "A", "Tags", 0, "Key"))
    moved = replace(finding, path=("Resources", "A", "Tags", 4, "Key"))
    other = replace(finding, path=("Resources", "A", "Tags", 0, "Value"))
    assert fingerprint(finding, "x") == fingerprint(moved, "x") != fingerprint(other, "x")


def test_rule_resource_message_and_line_tell_findings_apart() -> None:
    finding = Finding("R", "size 5 is wrong", Location("a"), logical_id="A")
    others = [
        replace(finding, rule="S"),
        replace(finding, logical_id="B"),
        replace(finding, message="size 6 is wrong"),
    ]
    marks = {fingerprint(one, "Size: 5") for one in (finding, *others)} | {fingerprint(finding, "Size: 7")}
    assert len(marks) == 5


def test_equal_findings_get_a_counter_in_the_order_of_their_place() -> None:
    findings = [Finding("R", "m", Location(file, line)) for file, line in (("b", 1), ("a", 9), ("a", 2))]
    marks = [one.fingerprint for one in with_fingerprints(findings, lambda _: "")]
    base = marks[2]
    assert marks == [f"{base}-3", f"{base}-2", base]
