"""``validate-env``: a stack on the embedded backend beside its description, over the services' APIs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.cli import main
from stackproof.config import Config
from stackproof.deploy.deployer import Deployer
from stackproof.deploy.source import Library
from stackproof.errors import ConfigError
from stackproof.hosts.environment import compare, read_details
from stackproof.hosts.stacks import DeployedStacks
from stackproof.model import Finding, Outcome

TEMPLATE = """
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Fleet:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: '1'
      MaxSize: '3'
      AvailabilityZones: [us-east-1a]
      LaunchTemplate: {LaunchTemplateId: !Ref Launch, Version: !GetAtt Launch.LatestVersionNumber}
  Launch:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateData: {ImageId: ami-12c6146b, InstanceType: t3.micro}}
  Log: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 30}}
Outputs:
  Url: {Value: !Ref Queue}
"""
DETAILS = """outputs:
  Url: "https?://.+"
resources:
  Table:
    type: AWS::DynamoDB::Table
    properties:
      BillingMode: PAY_PER_REQUEST
      StreamViewType: NEW_IMAGE
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Queue:
    type: AWS::SQS::Queue
    properties: {VisibilityTimeout: 60}
  Fleet:
    type: AWS::AutoScaling::AutoScalingGroup
    properties: {MinSize: 1, MaxSize: 3}
"""

Differences = Callable[[str], list[Finding]]


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[tuple[EmbeddedBackend, Any]]:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    with EmbeddedBackend() as backend:
        yield backend, Deployer(backend, Library(tmp_path, Config())).deploy(path, name="shop")


@pytest.fixture
def differences(deployed: tuple[EmbeddedBackend, Any], tmp_path: Path) -> Differences:
    backend, stack = deployed

    def found(text: str) -> list[Finding]:
        file = tmp_path / "env-details.yml"
        file.write_text(text, encoding="utf-8")
        details = read_details(file, tmp_path)
        return list(compare(details, "shop", DeployedStacks({"shop": stack}), backend.client))

    return found


def test_as_described_nothing_is_said(differences: Differences) -> None:
    assert differences(DETAILS) == []


@pytest.mark.parametrize(
    ("written", "instead", "rule", "says", "line"),
    [
        ("MaxSize: 3", "MaxSize: 4", "SP-ENV-PROPERTY", "shop/Fleet: MaxSize is 3, expected 4", 15),
        (
            "Timeout: 60",
            "Timeout: 61",
            "SP-ENV-PROPERTY",
            'shop/Queue: VisibilityTimeout is "60", expected 61',
            12,
        ),
        (
            "NEW_IMAGE",
            "OLD_IMAGE",
            "SP-ENV-PROPERTY",
            'StreamViewType is "NEW_IMAGE", expected "OLD_IMAGE"',
            8,
        ),
        ("KeyType: HASH}]", "KeyType: RANGE}]", "SP-ENV-PROPERTY", "shop/Table: KeySchema is [", 9),
        ("MinSize: 1", "Nothing: 1", "SP-ENV-PROPERTY", "shop/Fleet: Nothing is not set, expected 1", 15),
        ("Url:", "Link:", "SP-ENV-OUTPUT", "shop: output Link is missing", 2),
        ('"https?://.+"', '"ftp://.+"', "SP-ENV-OUTPUT", "expected ftp://.+", 2),
        ("  Queue:", "  Line:", "SP-ENV-RESOURCE", "resource Line of type AWS::SQS::Queue is missing", 11),
        ("AWS::SQS::Queue", "AWS::SNS::Topic", "SP-ENV-RESOURCE", "is missing: it is AWS::SQS::Queue", 11),
    ],
)
def test_each_difference_is_a_finding_at_its_line(
    differences: Differences, written: str, instead: str, rule: str, says: str, line: int
) -> None:
    (finding,) = differences(DETAILS.replace(written, instead))
    assert finding.rule == rule
    assert says in finding.message
    assert (finding.location.file, finding.location.line) == ("env-details.yml", line)


def test_a_resource_that_was_deleted_by_hand_is_missed(
    deployed: tuple[EmbeddedBackend, Any], differences: Differences
) -> None:
    backend, stack = deployed
    backend.client("dynamodb").delete_table(TableName=stack.table("Table"))
    (finding,) = differences(DETAILS)
    assert finding.rule == "SP-ENV-RESOURCE"
    assert "the service knows no AWS::DynamoDB::Table" in finding.message


def test_what_was_changed_by_hand_is_seen(
    deployed: tuple[EmbeddedBackend, Any], differences: Differences
) -> None:
    backend, stack = deployed
    backend.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=stack["Fleet"].physical_id, MaxSize=9
    )
    assert [one.message for one in differences(DETAILS)] == ["shop/Fleet: MaxSize is 9, expected 3"]


def test_a_type_that_nobody_can_be_asked_about_is_undecided(differences: Differences) -> None:
    more = '  Log: {type: "AWS::Logs::LogGroup", properties: {RetentionInDays: 30}}\n'
    (finding,) = differences(DETAILS + more)
    assert (finding.rule, finding.outcome) == ("SP-ENV-UNREAD", Outcome.UNDECIDED)


def test_children_are_compared_too(root: Path) -> None:
    with EmbeddedBackend() as backend:
        ec2 = backend.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:3]
        stored = {
            "vpc-id": vpc,
            **{f"{tier}-subnet-ids": ",".join(subnets) for tier in ("public", "private", "data")},
        }
        for name, value in stored.items():
            backend.client("ssm").put_parameter(Name=f"/network/test/{name}", Value=value, Type="String")
        arn = "arn:aws:acm:us-east-1:111122223333:certificate/x"
        backend.client("ssm").put_parameter(Name="/certificates/test/web", Value=arn, Type="String")
        from stackproof import config

        deployer = Deployer(backend, Library(root, config.load(root)))
        deployer.deploy(root / "templates" / "nested-stacks" / "master.yaml", config="test", name="master")
        stacks = {**deployer.stacks, **{one.id: one for one in deployer.stacks.values()}}
        details = read_details(root / "templates" / "nested-stacks" / "env-details.yml", root)
        found = list(compare(details, "master", DeployedStacks(stacks), backend.client))
        backend.client("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=deployer.stacks["master"].nested("ServerStack")["WebServers"].physical_id,
            MaxSize=7,
        )
        changed = list(compare(details, "master", DeployedStacks(stacks), backend.client))
    assert [one.message for one in found] == []
    assert [one.message for one in changed] == ["master/ServerStack/WebServers: MaxSize is 7, expected 2"]


def test_the_command_deploys_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stackproof.toml").write_text("", encoding="utf-8")
    (tmp_path / "template.yaml").write_text(TEMPLATE, encoding="utf-8")
    details = tmp_path / "env-details.yml"
    given = ["validate-env", "shop", str(details), "--template", str(tmp_path / "template.yaml")]
    details.write_text(DETAILS, encoding="utf-8")
    assert main([*given, "--root", str(tmp_path)]) == 0
    details.write_text(DETAILS.replace("MaxSize: 3", "MaxSize: 4"), encoding="utf-8")
    assert main([*given, "--root", str(tmp_path)]) == 1
    assert "MaxSize is 3, expected 4" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("resources: {A: {kind: x}}", "type"),
        ("resources: {A: {type: x, more: 1}}", "more"),
        ("outputs: {A: '('}", "no regular expression"),
        ("{}", "nothing is described"),
    ],
)
def test_a_description_is_read_strictly(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "env-details.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        read_details(file, tmp_path)


UNKNOWN = {
    "no region": ({}, "You must specify a region"),
    "no credentials": ({"AWS_DEFAULT_REGION": "eu-west-1"}, "Unable to locate credentials"),
}


@pytest.mark.parametrize(("given", "says"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_nobody_can_be_asked_about_is_not_known(
    given: dict[str, str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    own = {
        "AWS_CONFIG_FILE": "/none",
        "AWS_SHARED_CREDENTIALS_FILE": "/none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in {**own, **given}.items():
        monkeypatch.setenv(name, value)
    assert commanded(tmp_path, DETAILS) == 2
    out = capsys.readouterr()
    assert says in out.err
    assert "is not deployed" not in out.out + out.err


def test_an_endpoint_that_is_no_url_is_an_error_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commanded(tmp_path, DETAILS, "--endpoint", "foo", "--region", "eu-west-1") == 2
    assert "Invalid endpoint: foo" in capsys.readouterr().err


def commanded(folder: Path, details: str, *options: str, template: str = "") -> int:
    """The exit code of the command in a project of its own."""
    (folder / "stackproof.toml").write_text("", encoding="utf-8")
    (folder / "env-details.yml").write_text(details, encoding="utf-8")
    (folder / "template.yaml").write_text(template, encoding="utf-8")
    more = ["--template", str(folder / "template.yaml")] if template else []
    return main(
        ["validate-env", "shop", str(folder / "env-details.yml"), "--root", str(folder), *more, *options]
    )


IMAGE = "/aws/service/canonical/ubuntu/ami-id"
PUBLISHED = f"""
Parameters: {{Image: {{Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: {IMAGE}}}}}
Resources:
  Queue: {{Type: AWS::SQS::Queue}}
  Vpc: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.0.0.0/16}}}}
Outputs: {{Image: {{Value: !Ref Image}}}}
"""


def test_a_parameter_that_aws_publishes_is_given_with_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    details = "outputs: {Image: ami-12c6146b}\nresources: {Queue: {type: AWS::SQS::Queue}}\n"
    assert commanded(tmp_path, details, template=PUBLISHED) == 2
    assert "--stored NAME=VALUE" in capsys.readouterr().err
    assert commanded(tmp_path, details, "--stored", f"{IMAGE}=ami-12c6146b", template=PUBLISHED) == 0


def test_what_systems_manager_refuses_to_store_is_an_error_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commanded(tmp_path, DETAILS, "--stored", "ssm-x=1", template=TEMPLATE) == 2
    assert "--stored ssm-x=1" in capsys.readouterr().err


def test_what_the_backend_does_not_emulate_is_undecided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    details = "resources:\n  Vpc: {type: AWS::EC2::VPC, properties: {CidrBlock: 10.0.0.0/16}}\n"
    commanded(tmp_path, details, "--stored", f"{IMAGE}=ami-12c6146b", template=PUBLISHED)
    out = " ".join(capsys.readouterr().out.split())
    assert "the backend does not emulate AWS::EC2::VPC" in out
    assert "knows no" not in out


def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "time_machine" else find(name, *more)
    )
    assert commanded(tmp_path, DETAILS, template=TEMPLATE) == 2
    assert "stackproof[prove]" in capsys.readouterr().err
