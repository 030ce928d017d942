from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.config import Config
from stackproof.template.discover import discover
from stackproof.template.load import load_bytes
from stackproof.template.transform import expand, expansion_inputs

LINES = st.sampled_from(
    r"""
Resources:
  A:
    Type: AWS::SNS::Topic
    Type: AWS::Serverless::Function
    Properties:
      Events: {X: {Type: Api, Properties: {Path: /, Method: get}}}
      CodeUri: .
      Handler: a.b
      Runtime: python3.12
  Fn::ForEach::L: [X, [a, b], {'R${X}': {Type: A::B}}]
Transform: AWS::Serverless-2016-10-31
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
  Fn::Transform: {Name: AWS::Include}
    Fn::Transform: {Name: AWS::Include, Parameters: {Location: x.yaml}}
Parameters: {P: {Type: String}}
Globals:
  Function: {Timeout: 3}
  Function: 3
Outputs: []
Mappings: {M: {a: 1}}
  - a
  - b: *x
  <<: *x
  B: &x {a: 1}
      Policies: !Ref P
      X: !Foo bar
	A:
---
{
}
[
"
'
? a
      Layers: [!Ref L]
Metadata:
Transform:
      AutoPublishAlias: !Sub '${P}'
    Connectors: {C: {}}
""".strip("\n").split("\n")
)
ODD = st.lists(LINES | st.text(max_size=8), max_size=14).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(ODD | st.binary(max_size=60))
def test_no_input_is_ever_an_exception(given_input: str | bytes) -> None:
    data = given_input if isinstance(given_input, bytes) else given_input.encode("utf-8", "surrogatepass")
    loaded = load_bytes("odd.yaml", Path("odd.yaml"), data)
    assert loaded.document is not None or loaded.findings
    if loaded.document is None:
        return
    expanded = expand(loaded.document, root=Path.cwd())
    expansion_inputs(loaded.document)
    resources = expanded.tree.get("Resources", {})
    assert all(isinstance(resource, dict) for resource in resources.values())
    for logical_id in resources:
        assert expanded.locate(("Resources", logical_id)).line >= 1
        expanded.origin(("Resources", logical_id, "Properties"))


@settings(max_examples=25, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=4))
def test_discovery_takes_any_file(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            (Path(folder) / f"{number}.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        assert discover(Path(folder), [Path(folder)], Config()).considered == len(texts)
