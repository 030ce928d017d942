from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from stackproof.cli.assemble import command
from stackproof.errors import TemplateError, UsageError
from stackproof.template.assemble import assemble
from stackproof.template.load import decode_text
from stackproof.template.marks import plain

Write = Callable[..., Path]
QUEUE = """\
---
Queue: # jobs
  Type: AWS::SQS::Queue
  Properties:
    QueueName: !Sub |
      a${Size}

      b
"""
LAST = """\
Transform: AWS::LanguageExtensions

# the last
Resources:
  Last:
    Type: AWS::SNS::Topic
"""
HEAD = """\
# about
Description: two tiers # short
Parameters:
    # how large
    Size:
        Type: String
"""
TOPIC = '{"Topic": {"Type": "AWS::SNS::Topic",\n "Properties": {"TopicName": {"Ref": "Zone"}}}}'
SNIPPETS = {
    "head.yaml": HEAD,
    "parameters/zone.yaml": "# where\nZone: {Type: String} # flow\n",
    "resources/10-queue.yaml": QUEUE,
    "resources/20-topic.json": TOPIC,
    "outputs.yaml": "Name:\n  Value: !Ref Queue\n",
    "z.yaml": LAST,
}


def test_snippets_become_one_template_with_order_and_comments(tmp_path: Path, write: Write) -> None:
    for name, text in SNIPPETS.items():
        write(name, text)
    result = assemble(tmp_path)
    decoded, findings = decode_text("x", result.text)
    tree = plain(decoded)
    assert findings == []
    assert list(tree) == ["Description", "Transform", "Parameters", "Resources", "Outputs"]
    assert list(tree["Parameters"]) == ["Size", "Zone"]
    assert list(tree["Resources"]) == ["Queue", "Topic", "Last"]
    assert tree["Resources"]["Queue"]["Properties"]["QueueName"] == {"Fn::Sub": "a${Size}\n\nb\n"}
    for comment in ("# how large", "# where", "# flow", "# jobs", "# the last"):
        assert comment in result.text
    assert result.rewritten == ()
    assert [path.name for path in result.files][:2] == ["head.yaml", "outputs.yaml"]


def test_the_order_of_creation_does_not_matter(tmp_path: Path, write: Write) -> None:
    for folder, names in (("a", list(SNIPPETS)), ("b", list(reversed(SNIPPETS)))):
        for name in names:
            write(f"{folder}/{name}", SNIPPETS[name])
    assert assemble(tmp_path / "a").text == assemble(tmp_path / "b").text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("resources/a.yaml", "A: {Type: 'A::B'}\n"), ("resources/b.yaml", "# x\nA: {Type: 'A::B'}\n")),
        (("a.yaml", "Parameters:\n  A: {Type: String}\n"), ("b.yaml", "Resources:\n  A: {Type: 'A::B'}\n")),
        (("a.yaml", "Description: x\n"), ("b.yaml", "\nDescription: y\n")),
    ],
)
def test_a_name_given_twice_is_refused_with_both_places(
    tmp_path: Path, write: Write, first: tuple[str, str], second: tuple[str, str]
) -> None:
    paths = [write(*snippet) for snippet in (first, second)]
    with pytest.raises(TemplateError) as caught:
        assemble(tmp_path)
    assert (caught.value.file, caught.value.line) == (str(paths[1]), 2 if "\n" in second[1][:-1] else 1)
    assert str(paths[0]) in caught.value.message


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "A: [\n", "did not find"),
        ("a.yaml", "Queue: {Type: 'A::B'}\n", "not a template section"),
        ("resources/a.yaml", "- a\n", "a snippet is a mapping"),
        ("a.yaml", "Resources: [a]\n", "Resources is not a mapping"),
    ],
)
def test_what_cannot_be_placed_is_an_error_with_its_place(
    tmp_path: Path, write: Write, name: str, text: str, message: str
) -> None:
    path = write(name, text)
    with pytest.raises(TemplateError, match=message) as caught:
        assemble(tmp_path)
    assert caught.value.file == str(path)
    assert caught.value.line >= 1


def test_a_folder_without_snippets_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no snippets"):
        assemble(tmp_path)


def test_the_command_tells_whose_comments_are_gone(tmp_path: Path, write: Write) -> None:
    write("in/a.yaml", "Resources: {A: {Type: 'A::B'}} # gone\n")
    result = CliRunner().invoke(command, [str(tmp_path / "in")])
    assert result.exit_code == 0
    assert "A:\n    Type: A::B" in result.stdout
    assert "a.yaml: rewritten" in result.stderr


def test_a_json_snippets_numbers_keep_their_digits(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    body = '{"Engine": {"Type": "A::B::C", "Properties": {"Version": 1.10, "Big": 12345678901234567890123}}}'
    (tmp_path / "resources/engine.json").write_text(body)
    (tmp_path / "whole.json").write_text(
        '{"Resources": {"Other": {"Type": "A::B::C", "Properties": {"X": 2.50}}}}'
    )
    text = assemble(tmp_path).text
    for written in ("Version: 1.10\n", "Big: 12345678901234567890123\n", "X: 2.50\n"):
        assert written in text


def test_an_output_among_the_snippets_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("Resources:\n  A:\n    Type: A::B::C\n")
    output = tmp_path / "out.yaml"
    results = [CliRunner().invoke(command, [str(tmp_path), "-o", str(output)]) for _ in range(2)]
    assert [one.exit_code for one in results] == [0, 0]
    assert output.read_text() == "Resources:\n  A:\n    Type: A::B::C\n"


def test_a_number_beyond_a_double_is_no_difference(tmp_path: Path) -> None:
    (tmp_path / "whole.json").write_text(
        '{"Resources": {"A": {"Type": "A::B::C", "Properties": {"X": 1E400}}}}'
    )
    assert "X: 1.0E+400\n" in assemble(tmp_path).text
