"""Lines and keys that are drawn from filters satisfy them, or miss them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.fabric.logs.patterns import compiled
from stackproof.fabric.s3.model import Target
from stackproof.proofs import keys, lines

PATTERNS = [
    "ERROR",
    'ERROR "out of memory" -Exiting',
    "?ERROR ?WARN",
    '"[gc"',
    r"%4[0-9]{2}%",
    "[ip, user, status = 4*, bytes > 1000]",
    "[..., status = 403 || status = 404, bytes]",
    '[w1=ERROR, w2 != "never mind"]',
    "{ $.eventType = Update* }",
    "{ ($.user.id = 1 || $.users[0].name = J*) && $.error NOT EXISTS }",
    "{ $.latency >= 500 && $.cached IS FALSE }",
    "{ $.code != 200 && $.detail IS NULL }",
    "{ $.path = %^/api/% }",
]
_MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_lines_satisfy_their_pattern(pattern: str) -> None:
    @_MANY
    @given(lines.satisfying(pattern))
    def check(line: str) -> None:
        assert compiled(pattern).matches(line)

    check()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_stray_lines_miss_it_and_some_only_just(pattern: str) -> None:
    drawn: list[str] = []

    @_MANY
    @given(lines.missing(pattern))
    def check(line: str) -> None:
        drawn.append(line)
        assert not compiled(pattern).matches(line)

    check()
    assert len(set(drawn)) > 5
    if pattern.startswith("{"):
        assert any(line.startswith("{") for line in drawn)


def target(prefix: str = "", suffix: str = "") -> Target:
    return Target("sqs", "1", "arn", ("s3:ObjectCreated:*",), (("Prefix", prefix), ("Suffix", suffix)))


@given(st.data())
def test_keys_satisfy_or_miss_their_filters(data: st.DataObject) -> None:
    wanted = [target("in/", ".txt"), target(suffix=".log")]
    for one in wanted:
        assert one.takes(data.draw(keys.satisfying(one)))
    stray = data.draw(keys.missing(wanted))
    assert not any(one.takes(stray) for one in wanted)


def test_targets_are_read_from_a_template() -> None:
    rules = {"S3Key": {"Rules": [{"Name": "prefix", "Value": "a/"}, {"Name": "suffix", "Value": ".b"}]}}
    entry = {"Event": "s3:ObjectCreated:*", "Queue": "arn", "Filter": rules}
    (found,) = keys.targets({"QueueConfigurations": [entry]})
    assert found.takes("a/x.b")
    assert not found.takes("a/x")
    assert not found.takes("x.b")
