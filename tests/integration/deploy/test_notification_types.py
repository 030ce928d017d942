"""Buckets that tell of their objects: deployed in the order that AWS needs, changed, and refused."""

from __future__ import annotations

import pytest

from stackproof.errors import DeploymentFailed

NAME = "inbox-of-the-test"
CODE = "def handler(event, context):\n    print(event['Records'][0]['s3']['object']['key'])\n"


def notified(function, *, permission=None, depends=True, **configuration):
    """A bucket that tells a function, which it may call."""
    permission = permission or {"SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{NAME}"}}
    function["Function"]["Properties"]["Code"]["ZipFile"] = CODE
    bucket = {
        "Type": "AWS::S3::Bucket",
        "DependsOn": ["Permission"] if depends else [],
        "Properties": {
            "BucketName": NAME,
            "NotificationConfiguration": configuration or {"LambdaConfigurations": [target()]},
        },
    }
    allowed = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
            **permission,
        },
    }
    return {"Resources": {"Bucket": bucket, "Permission": allowed, **function}}


def target(event="s3:ObjectCreated:*", **rules):
    found = {"Event": event, "Function": {"Fn::GetAtt": ["Function", "Arn"]}}
    if rules:
        pairs = [{"Name": name, "Value": value} for name, value in rules.items()]
        found["Filter"] = {"S3Key": {"Rules": pairs}}
    return found


def keys(fabric, made, aws):
    fabric.run_until_idle()
    group = f"/aws/lambda/{made.function('Function')}"
    events = aws.logs.filter_log_events(logGroupName=group)["events"]
    return [
        one["message"].strip() for one in events if not one["message"].startswith(("START", "END", "REPORT"))
    ]


def test_an_object_reaches_the_function(stack, aws, fabric, function):
    made = stack(notified(function, LambdaConfigurations=[target(prefix="in/", suffix=".txt")]))
    for key in ("in/a.txt", "in/a.log", "a.txt"):
        aws.s3.put_object(Bucket=made.bucket("Bucket"), Key=key, Body=b"x")
    assert keys(fabric, made, aws) == ["in/a.txt"]
    made.require("emulated")


def test_a_permission_of_the_account_lets_every_bucket_of_it_in(stack, aws, fabric, function):
    made = stack(notified(function, permission={"SourceAccount": {"Ref": "AWS::AccountId"}}))
    aws.s3.put_object(Bucket=made.bucket("Bucket"), Key="a", Body=b"x")
    assert keys(fabric, made, aws) == ["a"]


@pytest.mark.parametrize(
    ("permission", "depends"),
    [
        ({"SourceArn": "arn:aws:s3:::another"}, True),
        ({"SourceAccount": "210987654321"}, True),
        ({"Principal": "sns.amazonaws.com"}, True),
        (None, False),
    ],
    ids=["another bucket", "another account", "another service", "too late"],
)
def test_a_bucket_that_may_not_call_the_function_is_not_made(stack, function, permission, depends):
    with pytest.raises(DeploymentFailed, match="Unable to validate the following destination"):
        stack(notified(function, permission=permission, depends=depends))


def test_notifications_that_are_taken_out_of_the_template_end(stack, aws, fabric, function):
    template = notified(function)
    made = stack(template)
    without = {**template["Resources"]["Bucket"], "Properties": {"BucketName": NAME}}
    made.update({"Resources": {**template["Resources"], "Bucket": without}})
    aws.s3.put_object(Bucket=made.bucket("Bucket"), Key="a", Body=b"x")
    fabric.run_until_idle()
    assert not fabric.journal.entries(verb="lambda.Run")
