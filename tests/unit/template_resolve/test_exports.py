"""Exports and imports between the stacks of one environment."""

from __future__ import annotations

from typing import Any

from stackproof.model import Outcome
from stackproof.template.model import Unknown


def exporter(name: str, value: str = "10.0.0.0/16", more: str = "") -> str:
    return f"""
Parameters: {{Team: {{Type: String, Default: web}}}}
Resources: {{V: {{Type: "AWS::EC2::VPC", Properties: {{CidrBlock: 10.0.0.0/16}}}}}}
Outputs:
  Out:
    Value: {value}
    Export: {{Name: {name}}}
{more}
"""


def importer(name: str) -> str:
    return f"Resources:\n  T: {{Type: 'AWS::SNS::Topic', Properties: {{TopicName: !ImportValue {name}}}}}\n"


def topic(found: Any, index: int = 0) -> Any:
    return found.instances("app.yaml")[index].tree["Resources"]["T"]["Properties"]["TopicName"]


PROD = {"config/prod.json": "[]"}


def test_an_import_is_the_value_of_its_environment(estate: Any) -> None:
    found = estate(
        {
            "net.yaml": exporter("!Sub '${Team}-block'", "!Ref Team"),
            "app.yaml": importer("blue-block"),
            "config/app.prod.json": "[]",
            "config/app.test.json": "[]",
            "config/net.prod.json": '["Team=blue"]',
            "config/net.test.json": '["Team=green"]',
        }
    )
    assert topic(found) == "blue"
    assert isinstance(topic(found, 1), Unknown)
    test = found.instances("app.yaml")[1]
    assert [(f.rule, f.outcome) for f in test.findings] == [("SP-RESOLVE-IMPORT", Outcome.UNDECIDED)]
    prod = found.instances("app.yaml")[0]
    origins = prod.provenance(("Resources", "T", "Properties", "TopicName"))
    assert [(item.location.file, item.location.line) for item in origins] == [("net.yaml", 7)]


def test_an_imported_unknown_is_expressed_by_its_import(estate: Any) -> None:
    found = estate({"net.yaml": exporter("vpc", "!Ref V"), "app.yaml": importer("vpc"), **PROD})
    assert topic(found).expression == {"Fn::ImportValue": "vpc"}
    assert topic(found).pattern.startswith("vpc-")


def test_an_import_nobody_exports_is_said_only_for_a_named_environment(estate: Any) -> None:
    named = estate({"app.yaml": importer("nothing"), **PROD})
    assert [f.rule for f in named.instances("app.yaml")[0].findings] == ["SP-RESOLVE-IMPORT"]


def test_without_an_environment_a_missing_export_is_just_unknown(estate: Any) -> None:
    found = estate({"app.yaml": importer("nothing")})
    assert isinstance(topic(found), Unknown)
    assert found.instances("app.yaml")[0].findings == ()


def test_an_export_whose_name_is_not_known_may_be_the_one(estate: Any) -> None:
    found = estate(
        {"net.yaml": exporter("!Sub '${AWS::StackName}-x'"), "app.yaml": importer("net-x"), **PROD}
    )
    assert isinstance(topic(found), Unknown)
    assert found.instances("app.yaml")[0].findings == ()


def test_a_template_without_configuration_exports_everywhere(estate: Any) -> None:
    found = estate(
        {
            "base/net.yaml": exporter("vpc", "fixed"),
            "app/app.yaml": importer("vpc"),
            "app/config/prod.json": "[]",
        }
    )
    (instance,) = found.instances("app/app.yaml")
    assert instance.tree["Resources"]["T"]["Properties"]["TopicName"] == "fixed"


def test_two_stacks_that_export_one_name_are_told_apart(estate: Any) -> None:
    found = estate({"a.yaml": exporter("same"), "b.yaml": exporter("same"), **PROD})
    assert [(f.rule, f.location.file) for f in found.findings] == [
        ("SP-EXPORT-TWICE", "a.yaml"),
        ("SP-EXPORT-TWICE", "b.yaml"),
    ]
    assert [f.rule for f in found.findings_for("a.yaml")] == ["SP-EXPORT-TWICE"]


def test_one_name_in_two_environments_is_fine(estate: Any) -> None:
    files = {"a.yaml": exporter("same"), "config/a.prod.json": "[]", "b.yaml": exporter("same")}
    assert estate({**files, "config/b.test.json": "[]"}).findings == ()


def test_imports_round_a_circle_end_with_a_finding(estate: Any) -> None:
    found = estate(
        {
            "a.yaml": exporter("from-a", "!ImportValue from-b"),
            "b.yaml": exporter("from-b", "!ImportValue from-a"),
            **PROD,
        }
    )
    rules = {f.rule for file in ("a.yaml", "b.yaml") for i in found.instances(file) for f in i.findings}
    assert rules == {"SP-RESOLVE-IMPORT-CYCLE"}


def test_an_importer_depends_on_exporters(estate: Any) -> None:
    found = estate(
        {
            "net.yaml": exporter("vpc"),
            "app.yaml": importer("vpc"),
            "x.yaml": "Resources: {T: {Type: 'AWS::SNS::Topic'}}",
        }
    )
    assert found.depends_on("app.yaml") == {"app.yaml", "net.yaml"}
    assert found.depends_on("x.yaml") == {"x.yaml"}
