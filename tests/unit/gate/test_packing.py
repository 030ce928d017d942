"""Results survive their way through a pipe or the cache, whatever a template's nodes are."""

from __future__ import annotations

import pytest

from stackproof.gate.packing import pack, unpack
from stackproof.gate.results import StageResult
from stackproof.model import Finding, Judged, Location, Related, Suppression


class Node(str):
    """As the decoder's: text with marks."""


class Mapping(dict[str, object]):
    """As the decoder's."""


def test_a_result_comes_back_as_it_was():
    finding = Finding(
        "E1",
        "message",
        Location("t.yaml", 3, 4),
        path=("Resources", "A", 0),
        configurations=("prod",),
        related=(Related(Location("c.json"), "given here"),),
        evidence={"value": "1"},
        suppression=Suppression("E*", location=Location("t.yaml", 1, 1)),
    )
    result = StageResult("written", (finding,), judged=Judged("t.yaml", ("prod",), 3), reads=("a", "b"))
    assert unpack(pack(result), StageResult) == result


def test_marked_nodes_are_plain_values():
    finding = Finding(Node("E1"), Node("text"), Location(Node("t.yaml")), path=(Node("Resources"), 1))
    again = unpack(pack(finding), Finding)
    assert again == finding
    assert {type(again.message), type(again.path[0])} == {str}
    assert unpack(pack(Mapping(a=[Node("b")])), dict) == {"a": ["b"]}


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="object"):
        pack([object()])
