"""``stackproof deploy``: what it prints and how it exits."""

from __future__ import annotations

import json

import pytest

from stackproof.cli import main

TEMPLATE = """
Parameters:
  Delay: {Type: Number}
  Vpc: {Type: AWS::SSM::Parameter::Value<String>, Default: /network/vpc}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: !Ref Delay}
  Gateway:
    Type: AWS::EC2::InternetGateway
Outputs:
  Url: {Value: !Ref Queue}
  Vpc: {Value: !Ref Vpc}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "stackproof.toml").write_text("")
    (tmp_path / "orders" / "config").mkdir(parents=True)
    (tmp_path / "orders" / "template.yaml").write_text(TEMPLATE)
    for name, delay in (("test", 3), ("prod", 9)):
        (tmp_path / "orders" / "config" / f"{name}.json").write_text(
            json.dumps({"Parameters": {"Delay": str(delay)}})
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def deploy(*arguments):
    return main(["deploy", "orders", "--stored", "/network/vpc=vpc-1", *arguments])


def test_resources_verdicts_outputs_and_summary(project, capsys):
    assert deploy() == 0
    out = capsys.readouterr().out
    assert out.startswith("stack orders: CREATE_COMPLETE")
    assert "Queue    AWS::SQS::Queue            emulated      https://sqs.us-east-1.amazonaws.com/" in out
    assert "Gateway  AWS::EC2::InternetGateway  not emulated  igw-" in out
    assert "  Vpc = vpc-1" in out
    assert out.rstrip().endswith("2 resources: 1 emulated, 1 not emulated")


def test_json_for_another_configuration_and_a_parameter(project, capsys):
    assert deploy("--config", "prod", "--format", "json", "--name", "mine") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stack"], found["status"]) == ("mine", "CREATE_COMPLETE")
    assert [one["logical_id"] for one in found["resources"]] == ["Queue", "Gateway"]
    assert found["resources"][0]["line"] == 6
    assert found["summary"] == {"emulated": 1, "partial": 0, "not emulated": 1}
    assert deploy("--parameter", "Delay=5") == 0


def test_a_failed_deployment_exits_1_with_place_and_reason(project, capsys):
    assert deploy("--parameter", "Delay=5000", "--format", "json") == 1
    captured = capsys.readouterr()
    assert "orders/template.yaml:6:3: stack orders could not be created: Queue: Invalid value" in captured.err
    found = json.loads(captured.out)
    assert (found["status"], found["logical_id"], found["line"]) == ("FAILED", "Queue", 6)


def test_a_parameter_that_is_not_in_the_store_is_told_with_what_to_do(project, capsys):
    assert main(["deploy", "orders"]) == 1
    assert "Parameter /network/vpc not found" in capsys.readouterr().err


def test_a_demanded_level_that_is_missed_exits_1(project, capsys):
    assert deploy("--require", "partial") == 1
    assert "AWS::EC2::InternetGateway (Gateway) is not emulated, not partial" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no template at 'nowhere'"),
        (["orders", "--config", "uat"], "has no configuration 'uat'; there are: prod, test"),
        (["orders", "--parameter", "Delay"], "'--parameter Delay' has no value"),
    ],
)
def test_usage_errors_exit_2(project, capsys, arguments, message):
    assert main(["deploy", *arguments]) == 2
    assert message in capsys.readouterr().err
