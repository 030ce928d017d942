"""Deployment configurations: the files, their forms, what wins, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackproof.config import Config, Environment
from stackproof.template.environments import ConfigurationSet, configurations
from stackproof.template.model import Document, Unknown

TEMPLATE = """
Parameters:
  Name: {Type: String, Default: none}
  Size: {Type: String, Default: small}
Resources:
  T: {Type: AWS::SNS::Topic}
"""


@pytest.fixture
def read(parse: Callable[..., Document], tmp_path: Path) -> Callable[..., ConfigurationSet]:
    def make(files: dict[str, str], template: str = TEMPLATE, **config: Any) -> ConfigurationSet:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return configurations(parse(template), Config(root=str(tmp_path), **config), tmp_path)

    return make


def values(found: ConfigurationSet, index: int = 0) -> dict[str, Any]:
    return {name: item.value for name, item in found.configurations[index].parameters.items()}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("prod.json", '[{"ParameterKey": "Name", "ParameterValue": "x=1"}]'),
        ("prod.json", '["Name=x=1"]'),
        ("prod.json", '{"Parameters": {"Name": "x=1"}, "Tags": {"a": "b"}}'),
        ("prod.json", '{\n\t"Name": "x=1"\n}'),
        ("prod.yaml", "Parameters:\n  Name: x=1\n"),
        ("prod.yml", "- ParameterKey: Name\n  ParameterValue: x=1\n"),
        ("template.prod.json", '["Name=x=1"]'),
    ],
)
def test_every_form_of_a_file_is_read(read: Any, file: str, text: str) -> None:
    found = read({f"config/{file}": text})
    assert found.findings == ()
    assert [item.name for item in found.configurations] == ["prod"]
    assert values(found) == {"Name": "x=1"}


def test_pipeline_form_carries_tags_and_stack_policy(read: Any) -> None:
    text = json.dumps({"Parameters": {}, "Tags": {"Team": "a"}, "StackPolicy": {"Statement": []}})
    (found,) = read({"config/prod.json": text}).configurations
    assert found.tags == {"Team": "a"}
    assert found.stack_policy == {"Statement": []}


def test_the_templates_own_file_wins_key_by_key(read: Any) -> None:
    found = read(
        {"config/prod.json": '["Name=general", "Size=big"]', "config/template.prod.json": '["Name=own"]'}
    )
    assert values(found) == {"Name": "own", "Size": "big"}


def test_a_file_of_another_template_is_not_ours(read: Any) -> None:
    files = {
        "other.yaml": "Resources: {}",
        "config/other.prod.json": '["Nothing=1"]',
        "config/test.json": "[]",
    }
    found = read(files)
    assert [item.name for item in found.configurations] == ["test"]
    assert found.findings == ()


def test_a_general_value_may_be_another_templates(read: Any) -> None:
    other = "Parameters:\n  Theirs: {Type: String}\nResources: {}\n"
    found = read({"other.yaml": other, "config/prod.json": '["Theirs=1"]'})
    assert found.findings == ()
    assert values(found) == {}


@pytest.mark.parametrize(
    ("text", "rule", "place"),
    [
        ('{\n  "Parameters": {\n    "Name": "a",\n  }\n}', "SP-CONFIG-SYNTAX", (4, 3)),
        ("", "SP-CONFIG-SYNTAX", (1, 1)),
        ('"text"', "SP-CONFIG-SHAPE", (1, 1)),
        ("[1]", "SP-CONFIG-SHAPE", (1, 2)),
        ('["Name"]', "SP-CONFIG-SHAPE", (1, 2)),
        ('[{"ParameterValue": "x"}]', "SP-CONFIG-SHAPE", (1, 2)),
        ('{"Parameters": {}, "Tag": {}}', "SP-CONFIG-SHAPE", (1, 20)),
        ('{"Name": {"a": "b"}}', "SP-CONFIG-SHAPE", (1, 10)),
        ('{"Name": 80}', "SP-CONFIG-VALUE", (1, 10)),
        ('{"Name": null}', "SP-CONFIG-VALUE", (1, 10)),
        ('{"Parameters": {"Name": ["a"]}}', "SP-CONFIG-VALUE", (1, 25)),
        ('{"Name": 1e3}', "SP-CONFIG-VALUE", (1, 10)),
        ('{"Other": "NaN",\n "Name": NaN}', "SP-CONFIG-SYNTAX", (2, 10)),
        ('{"Name": -Infinity}', "SP-CONFIG-SYNTAX", (1, 10)),
        ('{"Parameters": {"Name": "a"}, "StackPolicy": "x"}', "SP-CONFIG-SHAPE", (1, 46)),
        ('{"Parameters": {"Name": "a"}, "Tags": []}', "SP-CONFIG-SHAPE", (1, 39)),
        ('{"Parameters": []}', "SP-CONFIG-SHAPE", (1, 16)),
        ('["Name=a",\n "Name=b"]', "SP-CONFIG-DUPLICATE", (2, 2)),
        ('{"Name": "a",\n "Name": "b"}', "SP-CONFIG-DUPLICATE", (2, 2)),
        ('{"Nmae": "a"}', "SP-CONFIG-UNKNOWN-PARAMETER", (1, 2)),
    ],
)
def test_a_bad_file_is_a_finding_in_it_and_the_others_count(
    read: Any, text: str, rule: str, place: tuple[int, int]
) -> None:
    found = read({"config/bad.json": text, "config/good.json": '["Name=x"]'})
    assert [finding.rule for finding in found.findings] == [rule]
    location = found.findings[0].location
    assert (location.file, location.line, location.column) == ("config/bad.json", *place)
    assert "good" in [item.name for item in found.configurations]


def test_a_wrong_section_leaves_what_the_others_say(read: Any) -> None:
    found = read({"config/prod.json": '{"Parameters": {"Name": "a"}, "Tags": [], "StackPolicy": 1}'})
    assert values(found)["Name"] == "a"
    assert [finding.message for finding in found.findings] == [
        "Tags is a list, expected an object",
        "StackPolicy is a number, expected an object",
    ]


def test_a_file_that_cannot_be_decoded_makes_no_configuration(read: Any) -> None:
    found = read({"config/bad.json": "{", "config/binary.json": "[]"})
    assert [item.name for item in found.configurations] == ["binary"]


def test_a_broken_file_leaves_what_the_other_file_of_the_environment_says(read: Any) -> None:
    template = TEMPLATE.replace(
        "Size: {Type: String, Default: small}", "Size: {Type: String}\n  Kind: {Type: String}"
    )
    found = read({"config/prod.json": '["Size=large"]', "config/template.prod.json": "{"}, template)
    assert [item.rule for item in found.findings] == ["SP-CONFIG-SYNTAX"]
    assert [item.name for item in found.configurations] == ["prod"]
    known = values(found)
    assert known["Size"] == "large"
    assert "template.prod.json" in known["Kind"].reason
    assert set(known) == {"Size", "Kind"}


def test_a_parameter_that_a_broken_file_may_give_is_not_missing(estate: Any) -> None:
    text = """
    Parameters: {Size: {Type: String}, Kind: {Type: String, AllowedValues: [a, b]}}
    Resources:
      T: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Kind, DisplayName: !Ref Size}}
    """
    files = {"config/prod.json": '["Size=large"]', "config/t.prod.json": "{", "t.yaml": text}
    (resolved,) = estate(files).instances("t.yaml")
    assert resolved.findings == ()
    properties = resolved.tree["Resources"]["T"]["Properties"]
    assert properties["DisplayName"] == "large"
    assert isinstance(properties["TopicName"], Unknown)


def test_a_number_counts_with_its_text(read: Any) -> None:
    assert values(read({"config/prod.json": '{"Name": 80}'})) == {"Name": "80"}


def test_what_the_project_knows_of_an_environment_is_taken(read: Any) -> None:
    known = Environment(region="eu-west-1", account="111122223333", parameters={"Size": "big", "Else": 1})
    (found,) = read({"config/prod.json": '["Name=a"]'}, environments={"prod": known}).configurations
    assert (found.region, found.account, found.stack_name) == ("eu-west-1", "111122223333", "")
    assert {name: item.value for name, item in found.parameters.items()} == {"Size": "big", "Name": "a"}


def test_an_environment_with_parameters_needs_no_file(read: Any) -> None:
    known = {"prod": Environment(parameters={"Size": "big"}), "test": Environment(region="eu-west-1")}
    assert [item.name for item in read({}, environments=known).configurations] == ["prod"]


def test_without_a_configuration_the_defaults_decide(read: Any) -> None:
    (found,) = read({}).configurations
    assert (found.name, dict(found.parameters)) == ("", {})


CHOICES = """
Parameters:
  Env: {Type: String, AllowedValues: [dev, prod]}
  Size: {Type: String, AllowedValues: [s, m, l]}
Resources:
  T: {Type: AWS::SNS::Topic}
"""


def test_every_allowed_value_is_judged_without_a_configuration(read: Any) -> None:
    found = read({}, CHOICES)
    assert len({item.name for item in found.configurations}) == 6
    assert "Env=prod, Size=l" in [item.name for item in found.configurations]
    assert found.findings == ()


def test_the_bound_is_said_and_every_value_still_occurs(read: Any) -> None:
    found = read({}, CHOICES, allowed_values_limit=3)
    assert len(found.configurations) == 3
    assert {item.parameters["Size"].value for item in found.configurations} == {"s", "m", "l"}
    assert [finding.rule for finding in found.findings] == ["SP-CONFIG-BOUND"]


SAM = """
version = 0.1
[default.deploy.parameters]
stack_name = "orders-dev"
region = "eu-west-1"
parameter_overrides = "Name=a Size=\\"very big\\""
[prod.global.parameters]
region = "eu-central-1"
[prod.deploy.parameters]
parameter_overrides = [
  "Name=b",
  "Nmae=c",
]
tags = "Team=x Cost=y"
[other.deploy.parameters]
template_file = "elsewhere.yaml"
parameter_overrides = "Foreign=1"
"""


def test_samconfig_names_environments(read: Any) -> None:
    found = read({"samconfig.toml": SAM})
    default, prod = found.configurations
    assert (default.name, default.region, default.stack_name) == ("default", "eu-west-1", "orders-dev")
    assert values(found, 0) == {"Name": "a", "Size": "very big"}
    assert (prod.region, prod.tags) == ("eu-central-1", {"Team": "x", "Cost": "y"})
    assert values(found, 1) == {"Name": "b"}
    assert [(f.rule, f.location.line) for f in found.findings] == [("SP-CONFIG-UNKNOWN-PARAMETER", 12)]


def test_a_broken_samconfig_is_a_finding_with_its_place(read: Any) -> None:
    found = read({"samconfig.toml": "version = 0.1\n[default\n"})
    assert [(f.rule, f.location.line) for f in found.findings] == [("SP-CONFIG-SYNTAX", 2)]


def test_a_template_in_a_folder_called_config_is_no_configuration(read: Any) -> None:
    found = read({"config/rule.yaml": "Resources:\n  T: {Type: 'AWS::SNS::Topic'}\n"})
    assert [item.name for item in found.configurations] == [""]
    assert found.findings == ()
