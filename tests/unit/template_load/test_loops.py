from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.model import Outcome
from stackproof.template.load import Loaded
from stackproof.template.model import Expanded
from stackproof.template.transform import expand, expansion_inputs

Expand = Callable[..., Expanded]
HEAD = """\
    Transform: AWS::LanguageExtensions
    Parameters:
      Names: {Type: CommaDelimitedList, Default: "a,b"}
      Secret: {Type: "AWS::SSM::Parameter::Value<List<String>>", Default: /names}
    Mappings:
      Sets: {Topics: {Short: [x, y]}}
    Resources:
"""


def loop(collection: str, key: str = "Topic${Name}") -> str:
    return (
        HEAD
        + f"""\
      Fn::ForEach::Topics:
        - Name
        - {collection}
        - {key}:
            Type: AWS::SNS::Topic # made here
            Properties:
              TopicName: !Sub "${{AWS::StackName}}-${{Name}}"
              DisplayName: !Ref Name
              Tags: [{{Key: "${{Name}}", Value: !Sub "x-${{Name}}"}}]
"""
    )


@pytest.mark.parametrize(
    ("collection", "ids"),
    [
        ("[a, b]", ["a", "b"]),
        ("!Ref Names", ["a", "b"]),
        ("[!Ref Names, c]", ["a", "b", "c"]),
        ("!FindInMap [Sets, Topics, Short]", ["x", "y"]),
        ("{'Fn::FindInMap': [Sets, Topics, Long, {DefaultValue: [d]}]}", ["d"]),
        ("!Split ['-', 'p-q']", ["p", "q"]),
        ("!Ref AWS::Region", None),
        ("[1, 2]", ["1", "2"]),
    ],
)
def test_a_loop_makes_one_copy_for_each_value(expand_text: Expand, collection: str, ids: list[str]) -> None:
    expanded = expand_text(loop(collection))
    made = list(expanded.tree["Resources"])
    assert made == [f"Topic{name}" for name in ids or []]
    assert bool(expanded.findings) is (ids is None)


def test_the_variable_is_put_into_keys_texts_and_references(expand_text: Expand) -> None:
    properties = expand_text(loop("[a]")).tree["Resources"]["Topica"]["Properties"]
    assert properties == {
        "TopicName": {"Fn::Sub": "${AWS::StackName}-a"},
        "DisplayName": "a",
        "Tags": [{"Key": "a", "Value": "x-a"}],
    }


def test_an_ampersand_drops_what_is_not_alphanumeric(expand_text: Expand) -> None:
    expanded = expand_text(loop("[10.0.0.0/16]", "Topic&{Name}"))
    assert list(expanded.tree["Resources"]) == ["Topic1000016"]
    assert expanded.tree["Resources"]["Topic1000016"]["Properties"]["DisplayName"] == "10.0.0.0/16"


def test_the_configuration_wins_over_the_default(expand_text: Expand) -> None:
    assert list(expand_text(loop("!Ref Names"), Names="p, q").tree["Resources"]) == ["Topicp", "Topicq"]


def test_every_copy_points_at_the_body_that_made_it(expand_text: Expand, line_of: Callable[..., int]) -> None:
    text = loop("[a, b]")
    expanded = expand_text(text)
    for logical_id in ("Topica", "Topicb"):
        path = ("Resources", logical_id, "Properties", "DisplayName")
        assert expanded.locate(path).line == line_of(text, "DisplayName")
        assert expanded.origin(path) == (
            "Resources", "Fn::ForEach::Topics", 2, "Topic${Name}", "Properties", "DisplayName",
        )  # fmt: skip
        assert expanded.locate(("Resources", logical_id)).line == line_of(text, "Topic${Name}:")


def test_nested_loops(expand_text: Expand, line_of: Callable[..., int]) -> None:
    text = """\
        Transform: [AWS::LanguageExtensions]
        Resources:
          Fn::ForEach::Outer:
            - A
            - [x, y]
            - Fn::ForEach::Inner:
                - B
                - [1, 2]
                - "Topic${A}${B}":
                    Type: AWS::SNS::Topic
                    DependsOn: "Other${A}"
        """
    expanded = expand_text(text)
    assert list(expanded.tree["Resources"]) == ["Topicx1", "Topicx2", "Topicy1", "Topicy2"]
    assert expanded.tree["Resources"]["Topicy1"]["DependsOn"] == "Othery"
    assert expanded.locate(("Resources", "Topicy2", "Type")).line == line_of(text, "Type")


def test_a_loop_inside_properties_keeps_its_neighbours(expand_text: Expand) -> None:
    expanded = expand_text(
        HEAD
        + """\
      Topic:
        Type: AWS::SNS::Topic
        Properties:
          First: 1
          Fn::ForEach::P:
            - Name
            - [A, B]
            - Prop${Name}: !Ref Name
          Last: 2
"""
    )
    properties = expanded.tree["Resources"]["Topic"]["Properties"]
    assert properties == {"First": 1, "PropA": "A", "PropB": "B", "Last": 2}


def test_an_unknown_collection_is_undecided_and_never_guessed(expand_text: Expand) -> None:
    expanded = expand_text(loop("!Ref Secret"))
    (found,) = expanded.findings
    assert found.outcome is Outcome.UNDECIDED
    assert "Secret" in found.message
    assert expanded.tree["Resources"] == {}
    assert expanded.partial


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Fn::ForEach::T: [Name, [a]]", "a list of three"),
        ("Fn::ForEach::T: [Name, [a], text]", "the body is not a mapping"),
        ("Fn::ForEach::T: [Name, a, {}]", "the collection is neither"),
        ("Fn::ForEach::T: [{}, [a], {}]", "the identifier is not text"),
        ("Fn::ForEach::T: [Name, [[a, {b: c}]], {X: {Type: 'A::B'}}]", "not text"),
        ("Fn::ForEach::T: [Name, [a, b], {Same: {Type: 'AWS::SNS::Topic'}}]", "'Same' more than once"),
        ("Fn::ForEach::T: [Name, [a-b], {'T${Name}': {Type: 'A::B'}}]", "not alphanumeric"),
    ],
)
def test_a_broken_loop_is_a_finding_at_its_line(expand_text: Expand, body: str, message: str) -> None:
    text = f"Transform: AWS::LanguageExtensions\nResources:\n  {body}\n"
    found = expand_text(text).findings[0]
    assert (found.rule, found.location.line) == ("SP-TRANSFORM-FOREACH", 3)
    assert message in found.message


def test_a_loop_without_its_transform_is_a_finding(expand_text: Expand) -> None:
    text = loop("[a]").replace("    Transform: AWS::LanguageExtensions\n", "")
    (found,) = expand_text(text).findings
    assert "needs 'Transform: AWS::LanguageExtensions'" in found.message


def test_loops_that_multiply_are_bounded(expand_text: Expand) -> None:
    values = ", ".join(f"a{number}" for number in range(100))
    text = "Transform: AWS::LanguageExtensions\nResources:\n"
    text += f"  Fn::ForEach::A:\n  - A\n  - [{values}]\n  - Fn::ForEach::B:\n    - B\n    - [{values}]\n"
    text += "    - X${A}${B}: {Type: 'AWS::SNS::Topic'}\n"
    expanded = expand_text(text)
    assert any("more than" in found.message for found in expanded.findings)
    assert len(expanded.tree["Resources"]) <= 2000


def test_length_and_json_of_literals_are_known(expand_text: Expand) -> None:
    text = HEAD + "      T:\n        Type: AWS::SNS::Topic\n        Properties:\n"
    text += "          N: {'Fn::Length': [a, b]}\n          M: {'Fn::Length': !Ref Names}\n"
    text += (
        "          J: {'Fn::ToJsonString': {a: [1]}}\n          K: {'Fn::ToJsonString': {a: !Ref Names}}\n"
    )
    properties = expand_text(text).tree["Resources"]["T"]["Properties"]
    assert properties == {
        "N": 2,
        "M": {"Fn::Length": {"Ref": "Names"}},
        "J": '{"a":[1]}',
        "K": {"Fn::ToJsonString": {"a": {"Ref": "Names"}}},
    }


def test_only_a_template_with_transforms_hangs_on_parameters(load_text: Callable[..., Loaded]) -> None:
    looped = load_text(loop("!Ref Names").replace("    ", "", 0)).document
    simple = load_text(
        "Parameters:\n  A: {Type: String}\nResources:\n  T: {Type: 'A::B', X: !Ref A}\n"
    ).document
    assert looped is not None
    assert simple is not None
    assert "Names" in expansion_inputs(looped)
    assert expansion_inputs(simple) == frozenset()


def test_a_template_without_transforms_is_itself(load_text: Callable[..., Loaded], tmp_path: Path) -> None:
    document = load_text("Resources:\n  T:\n    Type: AWS::SNS::Topic\n").document
    assert document is not None
    expanded = expand(document, root=tmp_path)
    assert expanded.tree == {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    assert type(expanded.tree["Resources"]) is dict
    assert expanded.origin(("Resources", "T", "Nothing")) == ("Resources", "T")
    assert expanded.locate(("Resources", "T", "Type")).line == 3
