"""stack:// hosts: an instance, the members of a group, an output, a tag; each asked of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from stackproof.errors import BackendError, ConfigError, UsageError
from stackproof.hosts.model import HostEntry, Ssh
from stackproof.hosts.stacks import ApiStacks, resolve

TEMPLATE = """
Resources:
  Server:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: %s
      Tags: [{Key: Role, Value: web}]
  Bucket: {Type: AWS::S3::Bucket}
  Launch:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateData: {ImageId: %s, InstanceType: t3.micro}}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: "2"
      MaxSize: "3"
      AvailabilityZones: [eu-west-1a]
      LaunchTemplate: {LaunchTemplateId: !Ref Launch, Version: "1"}
Outputs:
  ServerId: {Value: !Ref Server}
  Url: {Value: "https://web.example.com/x"}
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    with mock_aws():
        made: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in made:
                keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
                made[service] = boto3.client(service, region_name="eu-west-1", **keys)
            return made[service]

        image = client("ec2").describe_images()["Images"][0]["ImageId"]
        client("cloudformation").create_stack(StackName="web", TemplateBody=TEMPLATE % (image, image))
        yield client


def entry(url: str, **given: Any) -> HostEntry:
    return HostEntry("web", "existing", ("stack",), url=url, **given)


def server(aws: Any) -> str:
    return ApiStacks(aws).resource("web", "Server")[1]


def test_an_instance_is_reached_by_systems_manager(aws: Any) -> None:
    (found,) = resolve(entry("stack://web/Server"), ApiStacks(aws), aws)
    assert (found.name, found.url) == (f"web-{server(aws)}", f"aws-ssm://{server(aws)}")


def test_with_ssh_settings_it_is_reached_at_its_private_address(aws: Any) -> None:
    (found,) = resolve(entry("stack://web/Server", ssh=Ssh(user="ec2-user")), ApiStacks(aws), aws)
    instance = aws("ec2").describe_instances(InstanceIds=[server(aws)])["Reservations"][0]["Instances"][0]
    assert found.url == f"ssh://{instance['PrivateIpAddress']}"


def test_the_members_of_a_group_follow_its_size(aws: Any) -> None:
    stacks = ApiStacks(aws)
    assert len(resolve(entry("stack://web/Group"), stacks, aws)) == 2
    group = stacks.resource("web", "Group")[1]
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=3)
    assert len(resolve(entry("stack://web/Group"), stacks, aws)) == 3


def test_a_group_without_members_is_an_error(aws: Any) -> None:
    stacks = ApiStacks(aws)
    group = stacks.resource("web", "Group")[1]
    aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0)
    with pytest.raises(BackendError, match="no instance that runs"):
        resolve(entry("stack://web/Group"), stacks, aws)


def test_an_output_may_be_an_instance_or_an_address(aws: Any) -> None:
    (one,) = resolve(entry("stack://web?output=ServerId"), ApiStacks(aws), aws)
    (other,) = resolve(entry("stack://web?output=Url"), ApiStacks(aws), aws)
    assert (one.url, other.url) == (f"aws-ssm://{server(aws)}", "ssh://web.example.com")


def test_a_tag_finds_the_stack_s_running_instances(aws: Any) -> None:
    (found,) = resolve(entry("stack://web?tag=Role=web"), ApiStacks(aws), aws)
    assert found.url == f"aws-ssm://{server(aws)}"


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("stack://web/Bucket", UsageError, "is AWS::S3::Bucket"),
        ("stack://web/Nobody", BackendError, "Nobody"),
        ("stack://other/Server", BackendError, "other"),
        ("stack://web?output=None", BackendError, "there are: ServerId, Url"),
        ("stack://web", ConfigError, "names no host"),
        ("stack://web/Server?tag=a=b", ConfigError, "names no host"),
        ("stack://web?tag=Role=db", BackendError, "no instance that runs"),
    ],
)
def test_what_means_no_host_is_an_error(aws: Any, url: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        resolve(entry(url), ApiStacks(aws), aws)
