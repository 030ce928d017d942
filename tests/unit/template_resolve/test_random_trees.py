"""Whatever stands in a template: no exception, and nothing unknown when everything is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.model import Location
from stackproof.template.model import Configuration, Document, Expanded, ParameterValue
from stackproof.template.resolve import resolve
from stackproof.template.unknowns import contains_unknown

NAMES = ["P", "L", "N", "Nothing", "R", "S", "AWS::Region", "AWS::NoValue", "M", "C", "D", ""]
INTRINSICS = """
    Ref Fn::Sub Fn::Join Fn::Select Fn::Split Fn::If Fn::FindInMap Fn::GetAtt Fn::GetAZs Fn::Cidr Fn::Base64
    Fn::ImportValue Fn::Equals Fn::And Fn::Or Fn::Not Condition Fn::Transform Fn::Length Fn::ToJsonString
    Fn::Contains Fn::EachMemberIn Fn::RefAll Fn::Bad
"""
FUNCTIONS = INTRINSICS.split()

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(allow_nan=False),
    st.sampled_from(NAMES),
    st.sampled_from(["${P}", "${!x}", "${R.Arn}", "R.Arn", "10.0.0.0/16", "{{resolve:ssm:/a}}", "a,b", "${"]),
    st.text(max_size=5),
)


def nodes(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(children, max_size=4),
        st.dictionaries(st.sampled_from([*FUNCTIONS, "Key", "Type"]), children, max_size=2),
        st.builds(lambda name, arguments: {name: arguments}, st.sampled_from(FUNCTIONS), children),
        st.builds(lambda a, b: {"Fn::If": ["C", a, b]}, children, children),
    )


trees = st.recursive(leaves, nodes, max_leaves=12)


def expanded(tree: dict[str, Any]) -> Expanded:
    def locate(path: Any) -> Location:
        return Location("template.yaml")

    document = Document("template.yaml", Path("template.yaml"), "", tree, locate)
    return Expanded(document, tree, locate, lambda path: path)


@settings(max_examples=400, deadline=None)
@given(trees, trees, trees, trees, st.booleans())
def test_no_tree_raises(one: Any, two: Any, three: Any, four: Any, known: bool) -> None:
    tree = {
        "Parameters": {"P": {"Type": "String"}, "L": {"Type": "CommaDelimitedList"}, "N": one},
        "Mappings": {"M": two},
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}, "D": three, "E": one},
        "Rules": {"R": {"RuleCondition": three, "Assertions": [{"Assert": one}, two]}},
        "Resources": {
            "R": {"Type": "AWS::SQS::Queue", "Condition": "D", "Properties": {"QueueName": one, "Tags": two}},
            "S": {"Type": "AWS::CloudFormation::Stack", "Properties": four, "DependsOn": two},
            "T": three,
        },
        "Outputs": {"O": {"Value": four, "Export": {"Name": one}, "Condition": "C"}, "U": two},
    }
    values = {"P": ParameterValue("x", Location("c"))} if known else {}
    result = resolve(expanded(tree), Configuration("t", parameters=values, region="eu-west-1"))
    result.locate(("Resources", "R", "Properties", "Tags", 0))
    result.provenance(("Resources", "R", "Properties"))


text = st.sampled_from(["a", "b/c", "x-1", ""])
strings: st.SearchStrategy[Any] = st.recursive(
    st.one_of(text, st.sampled_from([{"Ref": "P"}, {"Ref": "AWS::Region"}, {"Fn::Sub": "${P}-"}])),
    lambda inner: st.one_of(
        st.builds(lambda a, b: {"Fn::Join": ["-", [a, b]]}, inner, inner),
        st.builds(lambda a, b: {"Fn::If": ["C", a, b]}, inner, inner),
        st.builds(lambda a: {"Fn::Select": [0, {"Fn::Split": ["/", a]}]}, inner),
        st.builds(lambda a: {"Fn::Base64": a}, inner),
        st.builds(lambda a: {"Fn::Sub": ["${V}.${P}", {"V": a}]}, inner),
        st.builds(lambda a: {"Fn::FindInMap": ["M", "k", "v", {"DefaultValue": a}]}, inner),
        st.builds(lambda a: {"Fn::ToJsonString": {"k": a}}, inner),
    ),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(strings)
def test_with_everything_known_nothing_is_unknown(tree: Any) -> None:
    template = {
        "Parameters": {"P": {"Type": "String"}},
        "Mappings": {"M": {"k": {"v": "mapped"}}},
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}},
        "Resources": {"R": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": tree}}},
    }
    values = {"P": ParameterValue("x", Location("c"))}
    configuration = Configuration("t", parameters=values, region="eu-west-1", account="111122223333")
    result = resolve(expanded(template), configuration)
    assert not contains_unknown(result.tree)
    assert isinstance(result.tree["Resources"]["R"]["Properties"]["DisplayName"], str)
    assert result.findings == ()
