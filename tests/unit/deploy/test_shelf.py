"""Documents on the shelf are the documents that were decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.config import Config
from stackproof.deploy.shelf import Shelf
from stackproof.deploy.source import Library
from stackproof.template.load import load_bytes

TEXT = b"""Parameters:
  Size: {Type: Number, Default: 5}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      Tags:
        - {Key: a, Value: !Ref Size}
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt Dead.Arn
"""
PATHS = [
    (),
    ("Resources",),
    ("Resources", "Queue", "Properties", "Tags", 0, "Value", "Ref"),
    ("Resources", "Queue", "Properties", "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt", 1),
    ("Resources", "Queue", "Properties", "Nothing", "There"),
    ("Outputs",),
]


@pytest.fixture
def decoded():
    document = load_bytes("t.yaml", Path("t.yaml"), TEXT).document
    assert document is not None
    return document


def test_a_shelved_document_has_the_tree_and_every_place(tmp_path, decoded):
    shelf = Shelf(tmp_path / "cache")
    assert shelf.find("t.yaml", Path("t.yaml"), TEXT) is None
    shelf.keep(decoded, TEXT)
    found = shelf.find("other.yaml", Path("other.yaml"), TEXT)
    assert found is not None
    assert found.tree == decoded.tree
    assert found.text == decoded.text
    for path in PATHS:
        here, there = found.locate(path), decoded.locate(path)
        assert here.file == "other.yaml"
        assert (here.line, here.column, here.end_line) == (there.line, there.column, there.end_line), path


def test_another_content_and_a_damaged_entry_are_not_found(tmp_path, decoded):
    shelf = Shelf(tmp_path / "cache")
    shelf.keep(decoded, TEXT)
    assert shelf.find("t.yaml", Path("t.yaml"), TEXT + b"#") is None
    for entry in (tmp_path / "cache").rglob("*"):
        if entry.is_file():
            entry.write_bytes(entry.read_bytes()[:-9])
    assert shelf.find("t.yaml", Path("t.yaml"), TEXT) is None


def test_without_a_folder_nothing_is_kept(tmp_path, decoded):
    shelf = Shelf(None)
    shelf.keep(decoded, TEXT)
    assert shelf.find("t.yaml", Path("t.yaml"), TEXT) is None
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    Shelf(blocked).keep(decoded, TEXT)
    assert Shelf(blocked).find("t.yaml", Path("t.yaml"), TEXT) is None


def test_a_library_answers_from_its_projects_cache(tmp_path):
    (tmp_path / "template.yaml").write_bytes(TEXT)
    config = Config(root=str(tmp_path))
    first = Library(tmp_path, config).document(tmp_path)
    again = Library(tmp_path, config).document(tmp_path)
    assert again.tree == first.tree
    assert type(again.tree) is dict
    assert (tmp_path / config.cache / "documents").is_dir()
