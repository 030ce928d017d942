"""Child stacks: judged as their parents make them, and the contract between the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stackproof.model import Outcome
from stackproof.template.model import Unknown

CHILD = """
Parameters:
  Name: {Type: String}
  Zones: {Type: CommaDelimitedList, Default: ""}
  Size: {Type: Number, Default: 1, MaxValue: 9}
Resources:
  Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: !Ref Name}}
Outputs:
  Arn: {Value: !GetAtt Queue.Arn}
"""


def parent(parameters: str = "{Name: orders}", url: str = "child.yaml", more: str = "") -> str:
    return f"""
Parameters:
  Path: {{Type: String, Default: ""}}
  Env: {{Type: String, Default: dev}}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: {url}
      Parameters: {parameters}
{more}
"""


def test_a_child_is_judged_as_each_configuration_of_its_parent_makes_it(estate: Any) -> None:
    found = estate(
        {
            "master.yaml": parent("{Name: !Sub 'orders-${Env}'}"),
            "child.yaml": CHILD,
            "config/master.dev.json": "[]",
            "config/master.prod.json": '["Env=prod"]',
        }
    )
    instances = found.instances("child.yaml")
    assert [item.configuration.name for item in instances] == [
        "dev (via master.yaml/Child)",
        "prod (via master.yaml/Child)",
    ]
    names = [item.tree["Resources"]["Queue"]["Properties"]["QueueName"] for item in instances]
    assert names == ["orders-dev", "orders-prod"]
    assert {item.parents for item in instances} == {("master.yaml/Child",)}


def test_a_template_that_nothing_reaches_is_judged_alone(estate: Any) -> None:
    found = estate({"child.yaml": CHILD, "other.yaml": parent(url="elsewhere/child.yaml")})
    assert [item.parents for item in found.instances("child.yaml")] == [()]


def test_an_output_of_one_child_is_a_parameter_of_the_next(estate: Any) -> None:
    second = """
  Second:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: second.yaml, Parameters: {Arn: !GetAtt Child.Outputs.Arn}}
"""
    other = "Parameters: {Arn: {Type: String}}\nResources: {T: {Type: 'AWS::SNS::Topic'}}\n"
    files = {"master.yaml": parent(more=second), "child.yaml": CHILD, "second.yaml": other}
    (instance,) = estate(files).instances("second.yaml")
    arn = instance.parameters["Arn"]
    assert isinstance(arn, Unknown)
    assert arn.expression == {"Ref": "Arn"}
    assert arn.pattern.endswith(":orders")
    known = estate({**files, "config/master.prod.json": "[]"}, environments=_known())
    (instance,) = known.instances("second.yaml")
    assert instance.parameters["Arn"] == "arn:aws:sqs:eu-west-1:111122223333:orders"


def test_a_condition_of_the_child_means_nothing_to_its_parent(estate: Any) -> None:
    child = """
    Parameters: {Env: {Type: String}}
    Conditions: {IsProd: !Equals [!Ref Env, prod]}
    Resources: {T: {Type: "AWS::SNS::Topic"}}
    Outputs: {Size: {Value: !If [IsProd, large, small]}}
    """
    more = "Outputs: {O: {Value: !GetAtt Child.Outputs.Size}}\n"
    text = parent("{Env: !Ref Free}", more=more).replace(
        "Parameters:\n", "Parameters:\n  Free: {Type: String}\n", 1
    )
    (master,) = estate({"master.yaml": text, "child.yaml": child}).instances("master.yaml")
    found = master.outputs["O"]
    assert isinstance(found, Unknown)
    assert found.values == ("large", "small")
    assert found.expression == {"Fn::GetAtt": ["Child", "Outputs.Size"]}


def _known() -> dict[str, Any]:
    from stackproof.config import Environment

    return {"prod": Environment(region="eu-west-1", account="111122223333")}


@pytest.mark.parametrize(
    ("url", "path", "mapping"),
    [
        ("./child.yaml", "", {}),
        ("file://child.yaml", "", {}),
        ("!Sub '${Path}/child.yaml'", "PLACEHOLDER", {"PLACEHOLDER": "."}),
        (
            "!Sub 'https://${B}.s3.amazonaws.com/v1/child.yaml'",
            "",
            {"https://${B}.s3.amazonaws.com/v1/": "."},
        ),
        (
            "https://example.com/a/b.yaml",
            "",
            {"https://example.com": "wrong", "https://example.com/a/b.yaml": "child.yaml"},
        ),
        ("!Join ['/', [!Ref B, child.yaml]]", "", {"${B}/": "."}),
    ],
)
def test_an_address_leads_to_a_local_file(estate: Any, url: str, path: str, mapping: dict[str, str]) -> None:
    text = parent(url=url).replace("Parameters:\n", "Parameters:\n  B: {Type: String}\n", 1)
    found = estate(
        {"master.yaml": text, "child.yaml": CHILD, "config/master.dev.json": f'["Path={path}"]'},
        template_urls=mapping,
    )
    assert [item.parents for item in found.instances("child.yaml")] == [("master.yaml/Child",)]


@pytest.mark.parametrize("url", ["https://example.com/child.yaml", "'{{resolve:ssm:/path/of/it:1}}'"])
def test_an_address_that_nothing_maps_is_a_note(estate: Any, url: str) -> None:
    found = estate({"master.yaml": parent(url=url)})
    (finding,) = found.instances("master.yaml")[0].findings
    assert (finding.rule, finding.outcome) == ("SP-NEST-REMOTE", Outcome.NOTE)


def test_an_address_out_of_the_project_is_not_read(estate: Any, tmp_path: Path) -> None:
    (tmp_path.parent / "outside.yaml").write_text(CHILD)
    found = estate({"master.yaml": parent(url="../outside.yaml")})
    (finding,) = found.instances("master.yaml")[0].findings
    assert (finding.rule, "out of the project" in finding.message) == ("SP-NEST-MISSING", True)


@pytest.mark.parametrize(
    ("parameters", "rule", "line"),
    [
        ("{}", "SP-NEST-PARAMETER", 6),
        ("{Name: a, Nmae: b}", "SP-NEST-PARAMETER", 10),
        ("{Name: a, Size: ten}", "SP-NEST-VALUE", 10),
        ("{Name: a, Size: 10}", "SP-NEST-VALUE", 10),
        ("{Name: [a, b]}", "SP-NEST-VALUE", 10),
        ("{Name: a, Zones: !GetAZs ''}", "SP-NEST-VALUE", 10),
    ],
)
def test_the_contract_is_checked_at_the_parents_line(
    estate: Any, parameters: str, rule: str, line: int
) -> None:
    found = estate({"master.yaml": parent(parameters), "child.yaml": CHILD})
    findings = [item for instance in found.instances("master.yaml") for item in instance.findings]
    assert [(item.rule, item.location.file, item.location.line) for item in findings] == [
        (rule, "master.yaml", line)
    ]
    assert [item.findings for item in found.instances("child.yaml")] == [()]


def test_a_missing_output_and_a_missing_file_are_findings(estate: Any) -> None:
    more = "Outputs: {O: {Value: !GetAtt Child.Outputs.Nothing}}\n"
    found = estate({"master.yaml": parent(more=more), "child.yaml": CHILD})
    assert [item.rule for item in found.instances("master.yaml")[0].findings] == ["SP-NEST-OUTPUT"]
    found = estate({"master.yaml": parent(url="nothing.yaml")})
    assert [item.rule for item in found.instances("master.yaml")[0].findings] == ["SP-NEST-MISSING"]


def test_stacks_that_contain_each_other_are_a_finding(estate: Any) -> None:
    found = estate({"a.yaml": parent(url="b.yaml"), "b.yaml": parent(url="a.yaml")})
    findings = [f for file in ("a.yaml", "b.yaml") for i in found.instances(file) for f in i.findings]
    assert "SP-NEST-CYCLE" in {finding.rule for finding in findings}
    alone = estate({"c.yaml": parent(url="c.yaml")})
    assert "SP-NEST-CYCLE" in {f.rule for i in alone.instances("c.yaml") for f in i.findings}


def test_children_that_need_each_others_outputs_are_a_finding(estate: Any) -> None:
    more = """
  Other:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: child.yaml, Parameters: {Name: !GetAtt Child.Outputs.Arn}}
"""
    text = parent("{Name: !GetAtt Other.Outputs.Arn}", more=more)
    found = estate({"master.yaml": text, "child.yaml": CHILD})
    assert "SP-RESOLVE-CYCLE" in {item.rule for item in found.instances("master.yaml")[0].findings}


def test_an_estate_says_what_a_template_depends_on(estate: Any) -> None:
    found = estate(
        {
            "master.yaml": parent(),
            "child.yaml": CHILD,
            "alone.yaml": "Resources: {T: {Type: 'AWS::SNS::Topic'}}",
            "config/master.dev.json": "[]",
        }
    )
    assert found.depends_on("child.yaml") == {"child.yaml", "master.yaml", "config/master.dev.json"}
    assert found.depends_on("master.yaml") == found.depends_on("child.yaml")
    assert found.depends_on("alone.yaml") == {"alone.yaml", "config/master.dev.json"}
