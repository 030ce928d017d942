from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.model import Outcome
from stackproof.template.model import Expanded

Expand = Callable[..., Expanded]
Write = Callable[..., Path]
TEXT = """\
Parameters:
  Base: {Type: String}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: own
      Fn::Transform:
        Name: AWS::Include
        Parameters:
          Location: LOCATION
"""


def with_location(location: str) -> str:
    return TEXT.replace("LOCATION", location)


def test_a_relative_include_merges_beside_its_neighbours(
    expand_text: Expand, write: Write, tmp_path: Path
) -> None:
    path = write("snippets/tags.yaml", "# tags\nDisplayName: shown\nTopicName: other\n")
    expanded = expand_text(with_location("snippets/tags.yaml"))
    assert expanded.tree["Resources"]["Topic"]["Properties"] == {"TopicName": "own", "DisplayName": "shown"}
    assert expanded.reads == (path,)
    assert expanded.findings == ()
    assert not expanded.partial


def test_what_was_included_points_into_the_included_file(expand_text: Expand, write: Write) -> None:
    write("a.yaml", "# tags\nTags:\n  - Key: a\n    Value: b\n")
    expanded = expand_text(with_location("./a.yaml"))
    place = expanded.locate(("Resources", "Topic", "Properties", "Tags", 0, "Value"))
    assert (place.file, place.line) == ("a.yaml", 4)
    own = expanded.locate(("Resources", "Topic", "Properties", "TopicName"))
    assert (own.file, own.line) == ("template.yaml", 7)
    origin = expanded.origin(("Resources", "Topic", "Properties", "Tags"))
    assert origin[:3] == ("Resources", "Topic", "Properties")


@pytest.mark.parametrize(
    "urls", [{"s3://bucket/parts": "local"}, {"s3://bucket/parts/a.yaml": "local/a.yaml"}]
)
def test_a_mapped_location_is_read_locally(expand_text: Expand, write: Write, urls: dict[str, str]) -> None:
    write("local/a.yaml", "DisplayName: mapped\n")
    expanded = expand_text(with_location("s3://bucket/parts/a.yaml"), urls)
    assert expanded.tree["Resources"]["Topic"]["Properties"]["DisplayName"] == "mapped"


def test_a_location_may_hang_on_a_parameter(expand_text: Expand, write: Write) -> None:
    write("a.yaml", "DisplayName: x\n")
    text = with_location("!Sub '${Base}/a.yaml'")
    assert "DisplayName" in expand_text(text, Base=".").tree["Resources"]["Topic"]["Properties"]
    (found,) = expand_text(text).findings
    assert (found.outcome, "Base" in found.message) == (Outcome.UNDECIDED, True)


def test_what_is_not_local_is_undecided_and_stays_a_call(expand_text: Expand) -> None:
    expanded = expand_text(with_location("s3://bucket/a.yaml"))
    (found,) = expanded.findings
    assert (found.rule, found.outcome) == ("SP-TRANSFORM-NOT-INCLUDED", Outcome.UNDECIDED)
    assert found.message == "not included: s3://bucket/a.yaml; what it holds was not judged"
    assert found.location.line == 11
    assert "Fn::Transform" in expanded.tree["Resources"]["Topic"]["Properties"]
    assert expanded.partial


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("missing.yaml", None, "SP-TRANSFORM-INCLUDE"),
        ("a.yaml", "a: [\n", "SP-LOAD-SYNTAX"),
        ("a.yaml", b"\xff\xff", "SP-TRANSFORM-INCLUDE"),
        ("template.yaml", None, "SP-TRANSFORM-INCLUDE"),
    ],
)
def test_a_broken_include_is_a_finding(
    expand_text: Expand, write: Write, name: str, content: str | bytes | None, rule: str
) -> None:
    if content is not None:
        write(name, content)
    expanded = expand_text(with_location(name))
    assert expanded.findings[0].rule == rule
    assert expanded.tree["Resources"]["Topic"]["Properties"]["TopicName"] == "own"


@pytest.mark.parametrize("location", ["../secret.yaml", "link.yaml", "file://{secret}", "{secret}"])
def test_an_include_that_leads_out_of_the_project_is_refused_and_never_shown(
    expand_text: Expand, tmp_path: Path, location: str
) -> None:
    secret = tmp_path.parent / "secret.yaml"
    secret.write_text("root:x:0:0: [\n")
    (tmp_path / "link.yaml").symlink_to(secret)
    expanded = expand_text(with_location(location.format(secret=secret)))
    (found,) = expanded.findings
    assert (found.rule, found.outcome, found.location.line) == ("SP-TRANSFORM-INCLUDE", Outcome.FAIL, 11)
    assert "out of the project" in found.message
    assert "root:x" not in found.message
    assert expanded.reads == ()


def test_a_mapping_may_lead_out_of_the_project(expand_text: Expand, tmp_path: Path) -> None:
    (tmp_path.parent / "shared.yaml").write_text("DisplayName: shared\n")
    expanded = expand_text(with_location("s3://bucket/shared.yaml"), {"s3://bucket": ".."})
    assert expanded.tree["Resources"]["Topic"]["Properties"]["DisplayName"] == "shared"


def test_an_include_at_the_top_merges_sections(expand_text: Expand, write: Write) -> None:
    write("more.yaml", "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n")
    expanded = expand_text(
        "Transform: {Name: AWS::Include, Parameters: {Location: more.yaml}}\n"
        "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
    )
    assert set(expanded.tree["Resources"]) == {"Topic", "Queue"}
    place = expanded.locate(("Resources", "Queue", "Type"))
    assert (place.file, place.line) == ("more.yaml", 3)
    assert expanded.locate(("Resources", "Topic")).file == "template.yaml"


def test_an_include_of_resources(expand_text: Expand, write: Write) -> None:
    write("more.yaml", "Queue:\n  Type: AWS::SQS::Queue\nBad: text\n")
    expanded = expand_text(
        "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n"
        "  Fn::Transform: {Name: AWS::Include, Parameters: {Location: more.yaml}}\n"
    )
    assert set(expanded.tree["Resources"]) == {"Topic", "Queue"}
    (found,) = expanded.findings
    assert (found.rule, found.location.file, found.location.line) == ("SP-LOAD-SHAPE", "more.yaml", 3)


def test_a_macro_is_undecided_at_its_line(expand_text: Expand) -> None:
    expanded = expand_text(
        "Transform:\n  - Own\nResources:\n  Fn::Transform: {Name: Maker}\n  T: {Type: AWS::SNS::Topic}\n"
    )
    assert [(f.rule, f.outcome, f.location.line) for f in expanded.findings] == [
        ("SP-TRANSFORM-MACRO", Outcome.UNDECIDED, 2),
        ("SP-TRANSFORM-MACRO", Outcome.UNDECIDED, 4),
    ]
    assert list(expanded.tree["Resources"]) == ["T"]
    assert expanded.partial
