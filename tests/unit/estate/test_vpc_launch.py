"""vpc-launch: one template in three forms, and an instance in a network of its own."""

from __future__ import annotations

import json

import pytest

from stackproof.template.assemble import assemble
from stackproof.template.convert import convert
from stackproof.template.load import decode_text
from stackproof.template.marks import plain


def tree(text: str) -> object:
    decoded, findings = decode_text("template", text)
    assert not findings
    return plain(decoded)


@pytest.fixture
def text(system) -> str:
    return (system("vpc-launch").folder / "template.yaml").read_text(encoding="utf-8")


def test_the_json_form_says_the_same_and_converts_back(text):
    as_json = convert(text, "json")
    assert tree(as_json) == tree(text)
    assert json.loads(as_json) == tree(text)
    assert tree(convert(as_json, "yaml")) == tree(text)


def test_the_order_survives_the_way_there_and_back(text):
    def order(value: object) -> object:
        if isinstance(value, dict):
            return [(key, order(item)) for key, item in value.items()]
        return [order(item) for item in value] if isinstance(value, list) else value

    assert order(tree(convert(convert(text, "json"), "yaml"))) == order(tree(text))


def test_comments_survive_where_the_format_can_carry_them(text):
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert comments
    kept = convert(text, "yaml")
    assert all(comment in kept for comment in comments)


def test_the_snippets_make_the_template(system, text):
    assembled = assemble(system("vpc-launch").folder / "snippets")
    assert len(assembled.files) > 5
    assert tree(assembled.text) == tree(text)


def test_a_changed_snippet_makes_another_template(system, text):
    changed = system(
        "vpc-launch", ("snippets/resources/60-instance.yaml", "VolumeSize: 50", "VolumeSize: 60")
    )
    assert tree(assemble(changed.folder / "snippets").text) != tree(text)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_instance_stands_in_the_network_that_the_template_makes(system, environment):
    launch = system("vpc-launch")
    written = launch.resolved("template.yaml", environment).expanded.tree["Resources"]
    assert written["Instance"]["Properties"]["SubnetId"] == {"Ref": "Subnet"}
    assert written["Subnet"]["Properties"]["VpcId"] == {"Ref": "Vpc"}
    groups = written["Instance"]["Properties"]["SecurityGroupIds"]
    assert [written[group["Ref"]]["Properties"]["VpcId"] for group in groups] == [{"Ref": "Vpc"}]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_nobody_but_administrators_gets_in(system, environment):
    launch = system("vpc-launch")
    administrators = launch.resolved("template.yaml", environment).parameters["AdministratorCidr"]
    for group in launch.resources("template.yaml", environment, "AWS::EC2::SecurityGroup").values():
        for rule in group["SecurityGroupIngress"]:
            assert (rule["FromPort"], rule["ToPort"], rule["CidrIp"]) == (22, 22, administrators)
    assert administrators != "0.0.0.0/0"


def test_an_open_door_is_refused(system):
    opened = system("vpc-launch", ("config/dev.json", '"198.51.100.0/24"', '"0.0.0.0/0"'))
    assert opened.rules() == {"SP-PARAM-PATTERN"}
