"""What is long is abbreviated in the journal, what is short stands there as it was."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from stackproof.fabric.clock import Clock
from stackproof.fabric.journal import Journal


def _detail(value: Any) -> str:
    journal = Journal(Clock())
    journal.record("test", "lambda.CreateFunction", "f", value, value)
    (entry,) = journal
    assert entry.result == entry.detail
    return entry.detail


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_an_archive_stands_there_by_its_size_and_digest(kind: type) -> None:
    content = b"\x00zip" * 300
    shown = _detail({"Code": {"ZipFile": kind(content)}, "Layers": [kind(content)]})
    digest = hashlib.sha256(content).hexdigest()[:16]
    held = f'"<bytes 1200 sha256:{digest}>"'
    assert shown == f'{{"Code":{{"ZipFile":{held}}},"Layers":[{held}]}}'


def test_an_archive_in_the_detail_is_not_changed() -> None:
    given = {"Code": {"ZipFile": b"x" * 1000}}
    _detail(given)
    assert given == {"Code": {"ZipFile": b"x" * 1000}}


def test_short_bytes_stand_there_in_full() -> None:
    assert _detail({"Data": b"hello"}) == '{"Data":"aGVsbG8="}'


def test_a_long_text_is_clipped_by_characters_and_says_how_long_it_was() -> None:
    shown = _detail({"Body": "ä" * 5000})
    assert shown == '{"Body":"' + "ä" * 4087 + "… (5011 characters)"
    short = _detail({"Body": "ä" * 4085})
    assert short == '{"Body":"' + "ä" * 4085 + '"}'
