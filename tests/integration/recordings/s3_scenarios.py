"""What was asked of a bucket's notifications: to functions, topics and EventBridge."""

from __future__ import annotations

import io
import json
from typing import Any

import functions
from stage import ACCOUNT, Stage, scenario

STORE = """
import boto3
from boto3.dynamodb.types import TypeSerializer

def handler(event, context):
    (record,) = event["Records"]
    item = {"uuid": context.aws_request_id, "data": record}
    typed = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    table = record["s3"]["object"]["key"]
    boto3.client("dynamodb").put_item(TableName=table, Item=typed)
"""


class Bench:
    """A new bucket, and a queue that hears what becomes of it."""

    def __init__(self, s: Stage) -> None:
        self.stage = s
        self.s3 = s.backend.client("s3")
        self.name = s.fresh("bucket")
        self.s3.create_bucket(Bucket=self.name)
        self.queue = ""

    def notify(self, **configuration: Any) -> None:
        self.s3.put_bucket_notification_configuration(
            Bucket=self.name, NotificationConfiguration=configuration
        )

    def put(self, key: str, body: bytes, **more: Any) -> Any:
        return self.s3.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def allow(self, service: str, action: str, resource: str, source: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": action,
            "Resource": resource,
            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def by_topic(self) -> str:
        """The ARN of a topic that the bucket may publish to and the queue hears."""
        s = self.stage
        topic, self.queue = s.topic(), s.queue()
        s.subscribe(topic, self.queue)
        policy = self.allow("s3.amazonaws.com", "sns:Publish", topic, f"arn:aws:s3:::{self.name}")
        s.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        return topic

    def by_bridge(self) -> None:
        """Every event of the bucket goes over the default bus to the queue."""
        s = self.stage
        self.notify(EventBridgeConfiguration={})
        events = s.backend.client("events")
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [self.name]}}}
        rule = events.put_rule(Name="rule", EventPattern=json.dumps(pattern))["RuleArn"]
        self.queue = s.queue()
        policy = self.allow("events.amazonaws.com", "sqs:SendMessage", s.arn(self.queue), rule)
        s.json.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        events.put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": s.arn(self.queue)}])

    def heard(self) -> list[Any]:
        """Every message so far, taken off the queue, without the test message."""
        s, found = self.stage, []
        while True:
            answer = s.receive(self.queue, MaxNumberOfMessages=10)
            found += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            if "Messages" not in answer:
                return [one for one in found if "s3:TestEvent" not in json.dumps(one)]
            s.delete(self.queue, answer)


# Functions.


@scenario("s3-lambda", "test_create_object_put_via_dynamodb")
def an_object_reaches_a_function(s: Stage) -> None:
    bench, table = Bench(s), s.fresh("table")
    function = functions.create(s, STORE)
    s.backend.client("lambda").add_permission(
        FunctionName=function["FunctionName"], StatementId="1", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )  # fmt: skip
    dynamodb = s.backend.client("dynamodb")
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "uuid", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "uuid", "AttributeType": "S"}],
    )  # fmt: skip
    target = {"LambdaFunctionArn": function["FunctionArn"], "Events": ["s3:ObjectCreated:*"]}
    bench.notify(LambdaFunctionConfigurations=[target])
    bench.put(table, b"something..")
    s.settle()
    (item,) = dynamodb.scan(TableName=table)["Items"]
    s.match("table_content", item["data"])


def _invalid(s: Stage, member: str, arn: str, wrong: str, right: str, missing: str) -> None:
    """A target that is no ARN, one that is not there, and one that nobody looks at."""
    bench = Bench(s)
    entry = {"Id": "id123", "Events": ["s3:ObjectCreated:*"]}

    def put(named: str, **more: Any) -> dict[str, Any]:
        configuration = {member: [{**entry, arn: named}]}
        return {"Bucket": bench.name, "NotificationConfiguration": configuration, **more}

    call = bench.s3.put_bucket_notification_configuration
    s.match("invalid_not_skip", s.error(call, **put(wrong, SkipDestinationValidation=False)))
    s.match("invalid_skip", s.error(call, **put(wrong, SkipDestinationValidation=True)))
    refused = s.error(call, **put(right))
    assert refused["Error"]["Code"] == "InvalidArgument"
    if missing:
        s.match(missing, refused)
    call(**put(right, SkipDestinationValidation=True))
    s.match("skip_destination_validation", bench.s3.get_bucket_notification_configuration(Bucket=bench.name))


@scenario("s3-lambda", "test_invalid_lambda_arn")
def a_function_that_cannot_be_told(s: Stage) -> None:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:my-lambda"
    _invalid(
        s, "LambdaFunctionConfigurations", "LambdaFunctionArn", "invalid-queue", arn, "lambda-does-not-exist"
    )


# Topics.


@scenario("s3-sns", "test_invalid_topic_arn")
def a_topic_that_cannot_be_told(s: Stage) -> None:
    arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:my-topic"
    _invalid(s, "TopicConfigurations", "TopicArn", "invalid-topic", arn, "")


@scenario("s3-sns", "test_object_created_put")
def two_objects_by_a_topic(s: Stage) -> None:
    bench = Bench(s)
    bench.notify(TopicConfigurations=[{"TopicArn": bench.by_topic(), "Events": ["s3:ObjectCreated:*"]}])
    bench.put("bucket-key", b"first event")
    bench.put("bucket-key", b"second event")
    messages = bench.heard()
    messages.sort(key=lambda one: json.loads(one["Message"])["Records"][0]["s3"]["object"]["size"])
    s.match("receive_messages", {"messages": messages})


@scenario("s3-sns", "test_bucket_notifications_with_filter")
def only_keys_with_a_prefix(s: Stage) -> None:
    bench = Bench(s)
    rules = {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "testupload/"}]}}
    target = {"Id": "id123", "TopicArn": bench.by_topic(), "Events": ["s3:ObjectCreated:*"], "Filter": rules}
    bench.notify(TopicConfigurations=[target])
    for key in ("test/dir1/myfile.txt", "testupload/dir1/testfile.txt"):
        bench.s3.upload_fileobj(io.BytesIO(b'{"test": "bucket_notification one"}'), bench.name, key)
    (message,) = bench.heard()
    s.match("message", message)


# EventBridge.


@scenario("s3-eventbridge", "test_object_created_put")
def an_object_comes_and_goes(s: Stage) -> None:
    bench = Bench(s)
    bench.by_bridge()
    bench.put("test-key", b"data")
    bench.s3.delete_object(Bucket=bench.name, Key="test-key")
    found = {one["detail-type"]: one for one in bench.heard()}
    s.match("object_deleted", found["Object Deleted"])
    s.match("object_created", found["Object Created"])


@scenario("s3-eventbridge", "test_object_put_acl")
def an_access_list_changes_three_times(s: Stage) -> None:
    bench = Bench(s)
    bench.by_bridge()
    bench.put("my_key_acl", b"something")
    owner = bench.s3.list_buckets()["Owner"]
    group = "http://acs.amazonaws.com/groups/s3/LogDelivery"
    grants = [
        {"Grantee": {"ID": owner["ID"], "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"},
        {"Grantee": {"URI": group, "Type": "Group"}, "Permission": "WRITE"},
    ]
    for change in (
        {"ACL": "private"},
        {"ACL": "public-read"},
        {"GrantRead": f'uri="{group}"'},
        {"AccessControlPolicy": {"Owner": owner, "Grants": grants}},
    ):
        bench.s3.put_object_acl(Bucket=bench.name, Key="my_key_acl", **change)
    found = sorted(bench.heard(), key=lambda one: (one["detail-type"], one["time"]))
    s.match("messages", {"messages": found})


@scenario("s3-eventbridge", "test_restore_object")
def an_archived_object_is_restored(s: Stage) -> None:
    bench = Bench(s)
    bench.by_bridge()
    bench.put("my_key_restore", b"something", StorageClass="GLACIER")
    request = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    bench.s3.restore_object(Bucket=bench.name, Key="my_key_restore", RestoreRequest=request)
    found = [one for one in bench.heard() if one["detail-type"] != "Object Created"]
    s.match("messages", {"messages": sorted(found, key=lambda one: one["time"])})
