"""Notifications of buckets: who is told of what, and which configurations S3 refuses."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import unquote_plus

import pytest

from stackproof.fabric.choice import Seeded

ACCOUNT = "123456789012"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
BUCKET = "arn:aws:s3:::buck"
EVERYTHING = [
    "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put",
    "s3:ObjectRestore:*",
]  # fmt: skip


def letting_in(resource: str, action: str, service: str = "s3", **condition: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": condition or {"ArnLike": {"aws:SourceArn": BUCKET}},
    }
    return json.dumps({"Statement": [statement]})


class Bucket:
    """A bucket ``buck`` and the queue ``q`` that it may send to."""

    def __init__(self, backend: Any) -> None:
        self.world = backend.world
        self.s3, self.sqs = backend.client("s3"), backend.client("sqs")
        self.s3.create_bucket(Bucket="buck")
        policy = letting_in(QUEUE, "sqs:SendMessage")
        self.url = self.sqs.create_queue(QueueName="q", Attributes={"Policy": policy})["QueueUrl"]

    def notify(self, *entries: dict[str, Any], **more: Any) -> None:
        wanted = {"QueueConfigurations": list(entries), **more}
        self.s3.put_bucket_notification_configuration(
            Bucket="buck", NotificationConfiguration={key: value for key, value in wanted.items() if value}
        )

    def put(self, key: str, body: bytes = b"x", **more: Any) -> Any:
        return self.s3.put_object(Bucket="buck", Key=key, Body=body, **more)

    def bodies(self) -> list[Any]:
        """What came to the queue, without test messages."""
        self.world.run_until_idle()
        found: list[Any] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            if "Messages" not in answer:
                return found
            for message in answer["Messages"]:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))

    def records(self) -> list[Any]:
        return [record for body in self.bodies() for record in body.get("Records", [])]

    def told(self) -> list[tuple[str, str]]:
        return [(one["eventName"], unquote_plus(one["s3"]["object"]["key"])) for one in self.records()]


@pytest.fixture
def bucket(backend: Any) -> Bucket:
    return Bucket(backend)


def entry(*events: str, arn: str = QUEUE, **rules: str) -> dict[str, Any]:
    found: dict[str, Any] = {"QueueArn": arn, "Events": list(events or EVERYTHING)}
    if rules:
        pairs = [{"Name": name, "Value": value} for name, value in rules.items()]
        found["Filter"] = {"Key": {"FilterRules": pairs}}
    return found


def refused(bucket: Bucket, *entries: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(bucket.s3.exceptions.ClientError) as caught:
        bucket.notify(*entries, **more)
    return dict(caught.value.response["Error"])


def test_a_destination_gets_a_test_message(bucket: Bucket) -> None:
    bucket.notify(entry())
    (message,) = bucket.bodies()
    assert (message["Event"], message["Bucket"]) == ("s3:TestEvent", "buck")


def test_a_creation_tells_size_and_digest_and_a_deletion_does_not(bucket: Bucket) -> None:
    bucket.notify(entry())
    etag = bucket.put("a", b"hello")["ETag"].strip('"')
    bucket.s3.delete_object(Bucket="buck", Key="a")
    created, deleted = (record["s3"]["object"] for record in bucket.records())
    assert (created["size"], created["eTag"]) == (5, etag)
    assert deleted.keys() == {"key", "sequencer"}
    assert created["sequencer"] < deleted["sequencer"]


def test_each_way_to_make_an_object_has_its_name(bucket: Bucket) -> None:
    bucket.notify(entry())
    bucket.put("a")
    bucket.s3.copy_object(Bucket="buck", Key="b", CopySource={"Bucket": "buck", "Key": "a"})
    upload = bucket.s3.create_multipart_upload(Bucket="buck", Key="c")["UploadId"]
    part = bucket.s3.upload_part(Bucket="buck", Key="c", UploadId=upload, PartNumber=1, Body=b"12345")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    bucket.s3.complete_multipart_upload(Bucket="buck", Key="c", UploadId=upload, MultipartUpload=parts)
    bucket.s3.upload_fileobj(io.BytesIO(b"y"), "buck", "d")
    records = bucket.records()
    assert [one["eventName"] for one in records] == [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectCreated:Put",
    ]
    assert records[2]["s3"]["object"]["size"] == 5


@pytest.mark.parametrize("key", ["a b", "a+b", "ä/ö", "a@b&c=d", "100%", "x/y.txt", "line\nfeed"])
def test_keys_are_quoted_as_in_a_form(key: str, bucket: Bucket) -> None:
    bucket.notify(entry())
    bucket.put(key)
    (record,) = bucket.records()
    written = record["s3"]["object"]["key"]
    assert unquote_plus(written) == key
    assert set(written).isdisjoint(" @&=\n")
    assert written.count("/") == key.count("/")


def test_prefix_and_suffix_and_event_must_fit(bucket: Bucket) -> None:
    bucket.notify(
        entry("s3:ObjectCreated:Put", prefix="in/", suffix=".txt"),
        entry("s3:ObjectRemoved:*", SUFFIX=".log"),
    )
    for key in ("in/a.txt", "in/a.log", "out/a.txt", "in/.txt"):
        bucket.put(key)
        bucket.s3.delete_object(Bucket="buck", Key=key)
    bucket.put("x")
    bucket.s3.copy_object(Bucket="buck", Key="in/c.txt", CopySource={"Bucket": "buck", "Key": "x"})
    assert bucket.told() == [
        ("ObjectCreated:Put", "in/a.txt"),
        ("ObjectRemoved:Delete", "in/a.log"),
        ("ObjectCreated:Put", "in/.txt"),
    ]


def test_a_batch_of_deletions_tells_of_each_object_that_is_gone(bucket: Bucket) -> None:
    bucket.notify(entry("s3:ObjectRemoved:*"))
    bucket.put("a")
    wanted = {"Objects": [{"Key": "a"}, {"Key": "never"}], "Quiet": True}
    bucket.s3.delete_objects(Bucket="buck", Delete=wanted)
    assert bucket.told() == [("ObjectRemoved:Delete", "a"), ("ObjectRemoved:Delete", "never")]


def test_versions_and_markers_are_named(bucket: Bucket) -> None:
    versioned = {"Bucket": "buck", "VersioningConfiguration": {"Status": "Enabled"}}
    bucket.s3.put_bucket_versioning(**versioned)
    bucket.notify(entry())
    first = bucket.put("a")["VersionId"]
    marker = bucket.s3.delete_object(Bucket="buck", Key="a")["VersionId"]
    bucket.s3.delete_object(Bucket="buck", Key="a", VersionId=first)
    bucket.s3.delete_object(Bucket="buck", Key="a", VersionId=marker)
    bucket.put("b")
    bucket.s3.delete_objects(Bucket="buck", Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    found = [(one["eventName"], one["s3"]["object"]["versionId"]) for one in bucket.records()]
    versions = bucket.s3.list_object_versions(Bucket="buck", Prefix="b")
    assert found == [
        ("ObjectCreated:Put", first),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", first),
        ("ObjectRemoved:Delete", marker),
        ("ObjectCreated:Put", versions["Versions"][0]["VersionId"]),
        ("ObjectRemoved:DeleteMarkerCreated", versions["DeleteMarkers"][0]["VersionId"]),
    ]


def test_tags_and_access_lists_are_told_when_they_change(bucket: Bucket) -> None:
    bucket.notify(entry("s3:ObjectTagging:*", "s3:ObjectAcl:Put"))
    bucket.put("a")
    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    bucket.s3.put_object_tagging(Bucket="buck", Key="a", Tagging=tags)
    bucket.s3.delete_object_tagging(Bucket="buck", Key="a")
    for acl in ("private", "public-read", "public-read", "private"):
        bucket.s3.put_object_acl(Bucket="buck", Key="a", ACL=acl)
    records = bucket.records()
    assert [one["eventName"] for one in records] == [
        "ObjectTagging:Put", "ObjectTagging:Delete", "ObjectAcl:Put", "ObjectAcl:Put",
    ]  # fmt: skip
    assert {one["eventVersion"] for one in records} == {"2.3"}


def test_a_restore_is_done_after_the_time_of_its_tier_and_over_after_its_days(bucket: Bucket) -> None:
    bucket.notify(entry("s3:ObjectRestore:*"))
    bucket.put("a", StorageClass="GLACIER")
    request = {"Days": 2, "GlacierJobParameters": {"Tier": "Standard"}}
    bucket.s3.restore_object(Bucket="buck", Key="a", RestoreRequest=request)
    records = bucket.records()
    assert [one["eventName"] for one in records] == ["ObjectRestore:Post", "ObjectRestore:Completed"]
    assert bucket.world.clock.elapsed == 3 * 3600
    assert records[1]["glacierEventData"]["restoreEventData"]["lifecycleRestoreStorageClass"] == "GLACIER"
    bucket.world.advance(2 * 86_400)
    assert bucket.told() == [("ObjectRestore:Delete", "a")]


def test_a_refused_write_is_no_news(bucket: Bucket) -> None:
    bucket.notify(entry())
    with pytest.raises(bucket.s3.exceptions.ClientError):
        bucket.s3.copy_object(Bucket="buck", Key="b", CopySource={"Bucket": "buck", "Key": "none"})
    assert bucket.told() == []


def test_who_asks_no_more_is_told_no_more(bucket: Bucket) -> None:
    bucket.notify(entry())
    bucket.notify()
    bucket.put("a")
    assert bucket.told() == []
    bucket.notify(entry())
    bucket.s3.delete_object(Bucket="buck", Key="a")
    bucket.s3.delete_bucket(Bucket="buck")
    bucket.bodies()
    bucket.s3.create_bucket(Bucket="buck")
    bucket.put("a")
    assert bucket.told() == []


def test_no_order_is_promised(bucket: Bucket) -> None:
    seen = set()
    bucket.notify(entry())
    bucket.bodies()
    start = bucket.world.snapshot()
    for seed in range(12):
        bucket.world.restore(start)
        bucket.put("a")
        bucket.put("b")
        bucket.world.scheduler.chooser = Seeded(seed)
        seen.add(tuple(key for _, key in bucket.told()))
    assert seen == {("a", "b"), ("b", "a")}


def test_a_world_taken_back_knows_its_notifications(bucket: Bucket) -> None:
    bucket.notify(entry())
    bucket.bodies()
    start = bucket.world.snapshot()
    bucket.notify()
    bucket.world.restore(start)
    bucket.put("a")
    assert bucket.told() == [("ObjectCreated:Put", "a")]


# What S3 refuses.

OVERLAPPING = {
    "the same": ({}, {}),
    "a prefix of a prefix": ({"prefix": "a"}, {"prefix": "ab"}),
    "a prefix and none": ({"prefix": "a"}, {}),
    "a suffix of a suffix": ({"suffix": ".jpg"}, {"suffix": "g"}),
    "prefixes apart but for suffixes": ({"prefix": "a", "suffix": "x"}, {"prefix": "ab", "suffix": "yx"}),
}
APART = {
    "prefixes": ({"prefix": "a"}, {"prefix": "b"}),
    "suffixes": ({"suffix": ".jpg"}, {"suffix": ".png"}),
    "suffixes under one prefix": ({"prefix": "a", "suffix": "x"}, {"prefix": "a", "suffix": "y"}),
}


@pytest.mark.parametrize("rules", OVERLAPPING.values(), ids=OVERLAPPING)
def test_two_entries_may_not_want_one_event_of_one_key(rules: Any, bucket: Bucket) -> None:
    first, second = rules
    error = refused(bucket, entry("s3:ObjectCreated:*", **first), entry("s3:ObjectCreated:Put", **second))
    assert error["Code"] == "InvalidArgument"
    assert "overlap" in error["Message"]
    bucket.notify(entry("s3:ObjectCreated:Copy", **first), entry("s3:ObjectCreated:Put", **second))


@pytest.mark.parametrize("rules", APART.values(), ids=APART)
def test_entries_that_cannot_meet_may_be_together(rules: Any, bucket: Bucket) -> None:
    first, second = rules
    bucket.notify(entry("s3:ObjectCreated:*", **first), entry("s3:ObjectCreated:Put", **second))
    kept = bucket.s3.get_bucket_notification_configuration(Bucket="buck")["QueueConfigurations"]
    assert [one["Filter"]["Key"]["FilterRules"] for one in kept] == [
        [{"Name": name.capitalize(), "Value": value} for name, value in one.items()] for one in rules
    ]


def test_destinations_that_could_not_be_reached_are_all_named(bucket: Bucket) -> None:
    bucket.sqs.create_queue(QueueName="shut")
    gone, shut = f"{QUEUE}-gone", QUEUE[:-1] + "shut"
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:none"
    error = refused(
        bucket,
        entry("s3:ObjectCreated:Put", arn=gone),
        entry("s3:ObjectCreated:Copy", arn=shut),
        LambdaFunctionConfigurations=[{"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:Post"]}],
    )
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert (error["ArgumentName1"], error["ArgumentName2"]) == (gone, shut)
    assert "does not exist" in error["ArgumentValue1"]
    assert "Permissions on the destination queue" in error["ArgumentValue2"]
    assert function in error["ArgumentValue3"]


REFUSED = {
    "no ARN": entry(arn="q"),
    "another service": entry(arn=f"arn:aws:sns:us-east-1:{ACCOUNT}:q"),
    "a FIFO queue": entry(arn=f"{QUEUE}.fifo"),
    "another region": entry(arn=QUEUE.replace("us-east-1", "eu-west-1")),
    "an unknown event": entry("s3:ObjectCreated:Move"),
    "an unknown rule": entry(infix="a"),
    "a rule twice": entry(prefix="a", Prefix="b"),
    "a long rule": entry(prefix="ä" * 513),
}


@pytest.mark.parametrize("wrong", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_even_when_destinations_are_not_looked_at(wrong: Any, bucket: Bucket) -> None:
    with pytest.raises(bucket.s3.exceptions.ClientError) as caught:
        bucket.s3.put_bucket_notification_configuration(
            Bucket="buck",
            NotificationConfiguration={"QueueConfigurations": [wrong]},
            SkipDestinationValidation=True,
        )
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"


def test_a_bucket_that_is_not_there_has_no_notifications(bucket: Bucket) -> None:
    with pytest.raises(bucket.s3.exceptions.ClientError) as caught:
        bucket.s3.get_bucket_notification_configuration(Bucket="none")
    assert caught.value.response["Error"]["Code"] == "NoSuchBucket"


@pytest.mark.parametrize(
    ("principal", "accepted"), [("s3.amazonaws.com", True), ("sns.amazonaws.com", False), (None, False)]
)
def test_the_key_of_an_encrypted_queue_must_let_s3_in(
    principal: str | None, accepted: bool, bucket: Bucket, backend: Any
) -> None:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    used = ["kms:GenerateDataKey*", "kms:Decrypt"]
    policy = {
        "Statement": [
            {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"Service": principal}, "Action": used, "Resource": "*"},
        ]
    }
    key = "alias/aws/sqs"
    if principal:
        key = backend.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    bucket.sqs.set_queue_attributes(QueueUrl=bucket.url, Attributes={"KmsMasterKeyId": key})
    if accepted:
        bucket.notify(entry())
    else:
        assert "Permissions" in refused(bucket, entry())["ArgumentValue1"]


def test_a_topic_passes_notifications_on(bucket: Bucket, backend: Any) -> None:
    sns = backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    wanted = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    assert "topic" in refused(bucket, **wanted)["ArgumentValue1"]
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=letting_in(topic, "sns:Publish")
    )
    policy = letting_in(QUEUE, "sqs:SendMessage", "sns", ArnEquals={"aws:SourceArn": topic})
    bucket.sqs.set_queue_attributes(QueueUrl=bucket.url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    bucket.notify(**wanted)
    bucket.put("a")
    tried, told = bucket.bodies()
    assert json.loads(tried["Message"])["Event"] == "s3:TestEvent"
    assert told["Subject"] == "Amazon S3 Notification"
    assert json.loads(told["Message"])["Records"][0]["s3"]["object"]["key"] == "a"


def test_a_destination_that_is_gone_later_stands_in_the_journal(bucket: Bucket) -> None:
    bucket.notify(entry())
    bucket.sqs.delete_queue(QueueUrl=bucket.url)
    bucket.put("a")
    bucket.world.run_until_idle()
    (failure,) = bucket.world.journal.entries(verb="s3.NotificationFailed")
    assert "does not exist" in failure.result


@pytest.mark.parametrize("name", ["Buck", "bu", "bu_ck", "bu..ck", "buck-", ".buck", "10.0.0.1", "b" * 64])
def test_names_that_s3_does_not_take_make_no_bucket(bucket, name):
    with pytest.raises(bucket.s3.exceptions.ClientError, match="InvalidBucketName"):
        bucket.s3.create_bucket(Bucket=name)


@pytest.mark.parametrize("name", ["3.buck-1", "b" * 63, "a.b.c"])
def test_names_that_s3_takes_make_a_bucket(bucket, name):
    bucket.s3.create_bucket(Bucket=name)
    assert name in [one["Name"] for one in bucket.s3.list_buckets()["Buckets"]]
