from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.template.load import Loaded
from stackproof.template.model import Expanded
from stackproof.template.transform import expand, expansion_inputs

Expand = Callable[..., Expanded]
TEXT = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Alias: {Type: String}
Globals:
  Function:
    Runtime: python3.12 # global runtime
    Timeout: 9
Resources:
  Layer: # the layer
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.12}
    Properties: {ContentUri: ./layer}
  Worker: # the worker
    Type: AWS::Serverless::Function
    Metadata: {team: a}
    Properties:
      Handler: app.handler # its handler
      CodeUri: functions/worker # its code
      AutoPublishAlias: live # its alias
      Tracing: Active # its tracing
      Layers: [!Ref Layer]
      Policies: # its policies
        - SQSPollerPolicy: {QueueName: !GetAtt Queue.QueueName}
        - AmazonS3ReadOnlyAccess
      Events:
        FromQueue: # the queue event
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 5}
        Timer: # the timer event
          Type: Schedule
          Properties: {Schedule: rate(1 minute)}
        GetItem: # the get event
          Type: Api
          Properties: {Path: /item, Method: get}
        PutItem: # the put event
          Type: Api
          Properties: {Path: /item, Method: put}
        Bus: # the bus event
          Type: EventBridgeRule
          Properties: {Pattern: {source: [a]}}
        Bucket: # the bucket event
          Type: S3
          Properties: {Bucket: !Ref Store, Events: "s3:ObjectCreated:*"}
        Topic: # the topic event
          Type: SNS
          Properties: {Topic: !Ref News}
        Http: # the http event
          Type: HttpApi
          Properties: {Path: /x, Method: post}
  Queue: # the queue
    Type: AWS::SQS::Queue
  Store:
    Type: AWS::S3::Bucket
  News:
    Type: AWS::SNS::Topic
  Table: # the table
    Type: AWS::Serverless::SimpleTable
"""


@pytest.fixture(scope="module")
def expanded(tmp_path_factory: pytest.TempPathFactory) -> Expanded:
    from stackproof.template.load import load

    path = tmp_path_factory.mktemp("sam") / "template.yaml"
    path.write_text(TEXT)
    document = load("template.yaml", path, max_size=100_000).document
    assert document is not None
    return expand(document, root=path.parent)


def test_everything_is_plain_cloudformation(expanded: Expanded) -> None:
    assert expanded.findings == ()
    types = {resource["Type"] for resource in expanded.tree["Resources"].values()}
    assert not any(kind.startswith("AWS::Serverless") for kind in types)
    assert {"AWS::Lambda::EventSourceMapping", "AWS::Events::Rule", "AWS::ApiGateway::RestApi"} <= types
    assert "Globals" not in expanded.tree
    assert "Stackproof" not in json.dumps(expanded.tree)
    assert "stackproof" not in json.dumps(expanded.tree)


PLACES = [
    (("WorkerRole",), "# the worker"),
    (("WorkerRole", "Properties", "Policies"), "# its policies"),
    (("WorkerRole", "Properties", "ManagedPolicyArns"), "# its policies"),
    (("Worker",), "# the worker"),
    (("Worker", "Properties", "Handler"), "# its handler"),
    (("Worker", "Properties", "Runtime"), "# global runtime"),
    (("Worker", "Properties", "Code", "S3Key"), "# its code"),
    (("Worker", "Properties", "TracingConfig", "Mode"), "# its tracing"),
    (("WorkerAliaslive", "Properties", "Name"), "# its alias"),
    (("WorkerFromQueue",), "# the queue event"),
    (("WorkerFromQueue", "Properties", "EventSourceArn"), "Queue: !GetAtt"),
    (("WorkerTimer",), "# the timer event"),
    (("WorkerTimerPermission", "Properties", "Action"), "# the timer event"),
    (("WorkerBus",), "# the bus event"),
    (("WorkerBucketPermission",), "# the bucket event"),
    (("WorkerTopic",), "# the topic event"),
    (("ServerlessRestApi", "Properties", "Body", "paths", "/item", "get"), "# the get event"),
    (("ServerlessRestApi", "Properties", "Body", "paths", "/item", "put", "responses"), "# the put event"),
    (("ServerlessRestApiProdStage",), "# the get event"),
    (("ServerlessHttpApi", "Properties", "Body", "paths", "/x"), "# the http event"),
    (("WorkerGetItemPermissionProd",), "# the get event"),
    (("Queue",), "# the queue\n"),
    (("Table", "Properties", "KeySchema"), "# the table"),
]


@pytest.mark.parametrize(
    ("path", "mark"), PLACES, ids=lambda value: "/".join(value) if isinstance(value, tuple) else ""
)
def test_what_was_generated_points_at_what_asked_for_it(
    expanded: Expanded, path: tuple[str, ...], mark: str
) -> None:
    assert path[0] in expanded.tree["Resources"], sorted(expanded.tree["Resources"])
    place = expanded.locate(("Resources", *path))
    assert mark in TEXT.split("\n")[place.line - 1] + "\n"


def test_every_generated_resource_has_a_line_below_resources(expanded: Expanded) -> None:
    first = TEXT.split("\n").index("Resources:") + 1
    for logical_id in expanded.tree["Resources"]:
        assert expanded.locate(("Resources", logical_id)).line > first, logical_id


def test_a_layer_with_a_hashed_id_points_at_the_layer(expanded: Expanded) -> None:
    (layer,) = [
        name
        for name, item in expanded.tree["Resources"].items()
        if item["Type"] == "AWS::Lambda::LayerVersion"
    ]
    assert layer != "Layer"
    assert expanded.origin(("Resources", layer)) == ("Resources", "Layer")
    assert expanded.tree["Resources"][layer]["Metadata"] == {"BuildMethod": "python3.12"}


def test_metadata_stays_with_the_base_resource(expanded: Expanded) -> None:
    assert expanded.tree["Resources"]["Worker"]["Metadata"] == {"team": "a"}
    assert "Metadata" not in expanded.tree["Resources"]["WorkerRole"]


def test_an_unknown_region_is_not_guessed(expanded: Expanded) -> None:
    text = json.dumps(expanded.tree)
    assert "us-east-1" not in text
    assert "arn:aws:" not in text
    role = expanded.tree["Resources"]["WorkerRole"]["Properties"]
    basic = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    assert {"Fn::Sub": basic} in role["ManagedPolicyArns"]
    assert {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonS3ReadOnlyAccess"} in role[
        "ManagedPolicyArns"
    ]


def test_a_known_region_decides_the_partition(expand_text: Expand) -> None:
    role = expand_text(TEXT, region="cn-north-1").tree["Resources"]["WorkerRole"]["Properties"]
    assert "arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" in role["ManagedPolicyArns"]


def test_the_region_of_one_run_does_not_leak_into_the_next(expand_text: Expand) -> None:
    expand_text(TEXT, region="cn-north-1")
    assert "aws-cn" not in json.dumps(expand_text(TEXT).tree)


def test_no_session_client_or_call_is_made(
    expand_text: Expand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import boto3

    def refuse(*args: object, **kwargs: object) -> object:
        raise AssertionError("boto3 was used")

    for name in ("client", "resource", "Session"):
        monkeypatch.setattr(boto3, name, refuse)
    monkeypatch.setattr(boto3.session, "Session", refuse)
    text = TEXT + "  App:\n    Type: AWS::Serverless::Application\n    Properties:\n"
    text += (
        "      Location: {ApplicationId: 'arn:aws:serverlessrepo:::applications/a', SemanticVersion: 1.0.0}\n"
    )
    expanded = expand_text(text)
    assert expanded.findings == ()
    assert expanded.tree["Resources"]["App"]["Type"] == "AWS::CloudFormation::Stack"


def test_a_local_application_keeps_its_path(expand_text: Expand) -> None:
    text = TEXT + "  App:\n    Type: AWS::Serverless::Application\n    Properties: {Location: ./child.yaml}\n"
    assert expand_text(text).tree["Resources"]["App"]["Properties"]["TemplateURL"] == "./child.yaml"


def test_an_invalid_resource_is_a_finding_and_the_others_are_translated(
    expand_text: Expand, line_of: Callable[..., int]
) -> None:
    text = TEXT + "  Bad:\n    Type: AWS::Serverless::Function\n    Properties:\n      Hanlder: a # typo\n"
    expanded = expand_text(text)
    (found,) = expanded.findings
    assert (found.rule, found.logical_id) == ("SP-TRANSFORM-SAM", "Bad")
    assert found.location.line == line_of(text, "# typo")
    assert expanded.tree["Resources"]["Bad"]["Type"] == "AWS::Serverless::Function"
    assert expanded.tree["Resources"]["Worker"]["Type"] == "AWS::Lambda::Function"


@pytest.mark.parametrize(
    "properties",
    [
        "{Events: [a]}",
        "{Events: {A: text}}",
        "{Policies: 7, CodeUri: []}",
        "{Layers: {A: {}}, Handler: 7, Runtime: []}",
        "{Events: {A: {Type: Nope}}}",
    ],
)
def test_nonsense_never_escapes_as_an_exception(expand_text: Expand, properties: str) -> None:
    text = TEXT + f"  Bad:\n    Type: AWS::Serverless::Function\n    Properties: {properties}\n"
    expanded = expand_text(text)
    assert "SP-TRANSFORM-SAM" in {found.rule for found in expanded.findings}
    assert expanded.tree["Resources"]["Queue"] == {"Type": "AWS::SQS::Queue"}
    assert expanded.tree["Resources"]["Worker"]["Type"] == "AWS::Lambda::Function"


def test_an_alias_from_a_parameter_without_a_value_is_left_a_reference(expand_text: Expand) -> None:
    text = TEXT.replace("AutoPublishAlias: live", "AutoPublishAlias: !Ref Alias")
    expanded = expand_text(text)
    assert expanded.findings == ()
    (alias,) = [r for r in expanded.tree["Resources"].values() if r["Type"] == "AWS::Lambda::Alias"]
    assert alias["Properties"]["Name"] == {"Ref": "Alias"}
    assert "stackproof" not in json.dumps(expanded.tree)
    given = expand_text(text, Alias="blue")
    assert "WorkerAliasblue" in given.tree["Resources"]


def test_a_loop_may_make_functions(expand_text: Expand, line_of: Callable[..., int]) -> None:
    text = """\
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Resources:
  Fn::ForEach::Functions:
    - Name
    - [A, B]
    - Function${Name}:
        Type: AWS::Serverless::Function
        Properties:
          Handler: a.b # handler
          Runtime: python3.12
"""
    expanded = expand_text(text)
    assert {"FunctionA", "FunctionARole", "FunctionB", "FunctionBRole"} == set(expanded.tree["Resources"])
    place = expanded.locate(("Resources", "FunctionB", "Properties", "Handler"))
    assert place.line == line_of(text, "# handler")
    assert expanded.locate(("Resources", "FunctionBRole")).line == line_of(text, "Function${Name}")


def test_region_and_parameters_are_inputs_of_the_expansion(load_text: Callable[..., Loaded]) -> None:
    document = load_text(TEXT.replace("AutoPublishAlias: live", "AutoPublishAlias: !Ref Alias")).document
    assert document is not None
    assert {"Alias", "AWS::Region", "AWS::Partition"} <= expansion_inputs(document)
