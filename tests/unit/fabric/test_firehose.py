"""Delivery streams: buffers, names of objects, transforms, partitions, and what is refused."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zipfile
from typing import Any

import pytest

from stackproof.fabric.service import ServiceError

ROLE = "arn:aws:iam::123456789012:role/delivers"
MIB = 1_048_576
NAME = re.compile(r"d-\d+-2026-01-01-00-\d\d-\d\d-[0-9a-f-]{36}")


class Bench:
    """A bucket ``lake`` and streams that end there."""

    def __init__(self, backend: Any) -> None:
        self.backend, self.world = backend, backend.world
        self.s3, self.aws = backend.client("s3"), backend.client("firehose")
        self.service = self.world.service("firehose")
        self.s3.create_bucket(Bucket="lake")

    def stream(self, name: str = "d", source: str = "", **settings: Any) -> str:
        kind: dict[str, Any] = {}
        if source:
            place = {"KinesisStreamARN": source, "RoleARN": ROLE}
            kind = {"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": place}
        wanted = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", **settings}
        answer = self.aws.create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=wanted, **kind
        )
        return str(answer["DeliveryStreamARN"])

    def put(self, *data: Any, name: str = "d") -> Any:
        records = [{"Data": one if isinstance(one, bytes) else str(one).encode()} for one in data]
        return self.aws.put_record_batch(DeliveryStreamName=name, Records=records)

    def objects(self, bucket: str = "lake") -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {
            one["Key"]: self.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed
        }

    def delivered(self) -> dict[str, bytes]:
        """Objects by their keys without what is random, after everything is delivered."""
        self.world.run_until_idle()
        return {NAME.sub("*", key): data for key, data in self.objects().items()}

    def function(self, body: str, handler: str = "") -> str:
        code = f"import base64, json\n\ndef transform(data):\n{body}\n{HANDLER}{handler}"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            packed.writestr("app.py", code)
        settings = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE}
        code_of = {"ZipFile": buffer.getvalue()}
        answer = self.backend.client("lambda").create_function(FunctionName="t", Code=code_of, **settings)
        return str(answer["FunctionArn"])


HANDLER = """
def handler(event, context):
    records = []
    for record in event["records"]:
        found = transform(base64.b64decode(record["data"]).decode())
        result, data, keys = (found + (None, None))[:3] if isinstance(found, tuple) else ("Ok", found, None)
        answer = {"recordId": record["recordId"], "result": result}
        if data is not None:
            answer["data"] = base64.b64encode(data.encode()).decode()
        if keys:
            answer["metadata"] = {"partitionKeys": keys}
        records.append(answer)
    return {"records": records}
"""


def processor(kind: str, **parameters: Any) -> dict[str, Any]:
    found = [{"ParameterName": name, "ParameterValue": str(value)} for name, value in parameters.items()]
    return {"Enabled": True, "Processors": [{"Type": kind, "Parameters": found}]}


@pytest.fixture
def bench(backend: Any) -> Bench:
    return Bench(backend)


def refused(bench: Bench, call: Any, **params: Any) -> str:
    with pytest.raises(bench.aws.exceptions.ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


# Buffers.


def test_records_wait_for_the_interval_and_are_one_object(bench: Bench) -> None:
    bench.stream(BufferingHints={"IntervalInSeconds": 90, "SizeInMBs": 1})
    bench.put("a", "b")
    bench.world.advance(60)
    bench.aws.put_record(DeliveryStreamName="d", Record={"Data": b"c"})
    bench.world.advance(29.9)
    assert bench.objects() == {}
    bench.world.advance(0.1)
    assert bench.delivered() == {"2026/01/01/00/*": b"abc"}
    bench.put("d")
    bench.world.advance(90)
    assert sorted(bench.objects().values()) == [b"abc", b"d"]


def test_a_full_buffer_waits_no_longer(bench: Bench) -> None:
    bench.stream(BufferingHints={"IntervalInSeconds": 900, "SizeInMBs": 1})
    bench.put(b"x" * (MIB // 2))
    bench.world.advance(1)
    assert bench.objects() == {}
    bench.put(b"y" * (MIB // 2))
    bench.world.advance(0)
    (data,) = bench.objects().values()
    assert len(data) == MIB
    bench.put("z")
    bench.world.advance(899)
    assert len(bench.objects()) == 1
    bench.world.advance(1)
    assert len(bench.objects()) == 2


def test_what_s3_refuses_is_written_later_and_once(bench: Bench) -> None:
    refusals = []

    def refuse(service: str, operation: str, params: Any, caller: Any) -> None:
        if operation == "PutObject" and len(refusals) < 5:
            refusals.append(bench.world.clock.elapsed)
            raise ServiceError("SlowDown", "later", status=503)

    bench.stream()
    bench.world.guards.append(refuse)
    bench.put("a")
    assert bench.delivered() == {"2026/01/01/00/*": b"a"}
    assert refusals == [300, 301, 303, 307, 315]
    assert bench.world.clock.elapsed == 331


def test_what_cannot_be_written_for_a_day_is_lost_and_told(bench: Bench) -> None:
    bench.stream(BucketARN="arn:aws:s3:::none")
    bench.put("a")
    bench.world.advance(86_400 + 600)
    (entry,) = bench.world.journal.entries(verb="firehose.DataLost")
    assert "bucket does not exist" in entry.result


def test_a_world_taken_back_delivers_what_waited(bench: Bench) -> None:
    bench.stream()
    bench.put("a")
    start = bench.world.snapshot()
    bench.put("b")
    bench.world.restore(start)
    assert list(bench.delivered().values()) == [b"a"]


# Names and compression.

PREFIXES = {
    "": "2026/01/01/00/*",
    "raw/": "raw/2026/01/01/00/*",
    "raw": "raw2026/01/01/00/*",
    "y=!{timestamp:yyyy}/m=!{timestamp:MM}/": "y=2026/m=01/*",
    "!{timestamp:yyyy/MM/dd'T'HH-mm-ss}": "2026/01/01T00-00-00*",
    "!{timestamp:yy-M-d-DDD-EEE}/": "26-1-1-001-Thu/*",
}


@pytest.mark.parametrize(("prefix", "expected"), PREFIXES.items())
def test_prefixes_are_evaluated(prefix: str, expected: str, bench: Bench) -> None:
    error_prefix = "bad/!{firehose:error-output-type}/" if "!{" in prefix else ""
    bench.stream(Prefix=prefix, **({"ErrorOutputPrefix": error_prefix} if error_prefix else {}))
    bench.put("a")
    assert list(bench.delivered()) == [expected]


def test_random_strings_have_eleven_characters(bench: Bench) -> None:
    bench.stream(Prefix="!{firehose:random-string}/", ErrorOutputPrefix="!{firehose:error-output-type}/")
    bench.put("a")
    bench.world.run_until_idle()
    (key,) = bench.objects()
    assert re.fullmatch(r"[A-Za-z0-9]{11}/2026/01/01/00/d-1-.*", key)


def test_times_are_those_of_the_oldest_record_in_the_zone(bench: Bench) -> None:
    bench.stream(CustomTimeZone="Asia/Tokyo")
    bench.world.advance(16 * 3600 - 1)
    bench.put("a")
    bench.world.advance(299)
    bench.put("b")
    bench.world.run_until_idle()
    (key,) = bench.objects()
    assert key.startswith("2026/01/02/00/d-1-2026-01-02-00-59-59-")


def test_a_changed_stream_has_the_next_version(bench: Bench) -> None:
    bench.stream()
    params = {"DeliveryStreamName": "d", "DestinationId": "destinationId-000000000001"}
    update = {"Prefix": "new/"}
    bench.aws.update_destination(
        **params, CurrentDeliveryStreamVersionId="1", ExtendedS3DestinationUpdate=update
    )
    stale = {**params, "CurrentDeliveryStreamVersionId": "1", "ExtendedS3DestinationUpdate": update}
    assert refused(bench, bench.aws.update_destination, **stale) == "ConcurrentModificationException"
    bench.put("a")
    bench.world.run_until_idle()
    (key,) = bench.objects()
    assert key.startswith("new/2026/01/01/00/d-2-")


@pytest.mark.parametrize(
    ("compression", "extension", "unpack"),
    [
        ("GZIP", ".gz", gzip.decompress),
        ("ZIP", ".zip", lambda data: (z := zipfile.ZipFile(io.BytesIO(data))).read(z.namelist()[0])),
    ],
)
def test_objects_are_compressed(compression: str, extension: str, unpack: Any, bench: Bench) -> None:
    bench.stream(CompressionFormat=compression)
    bench.put("a", "b")
    ((key, data),) = bench.delivered().items()
    assert key == f"2026/01/01/00/*{extension}"
    assert unpack(data) == b"ab"


def test_an_extension_can_be_given_and_lines_ended(bench: Bench) -> None:
    bench.stream(
        FileExtension=".json", ProcessingConfiguration=processor("AppendDelimiterToRecord", Delimiter="\\n")
    )
    bench.put("a", "b")
    assert bench.delivered() == {"2026/01/01/00/*.json": b"a\nb\n"}


# Transforms.


def transformed(bench: Bench, body: str, handler: str = "", **parameters: Any) -> str:
    arn = bench.function(body, handler)
    bench.stream(ProcessingConfiguration=processor("Lambda", LambdaArn=arn, RoleArn=ROLE, **parameters))
    return arn


def failures(bench: Bench) -> list[dict[str, Any]]:
    found = bench.delivered()
    lines = [data for key, data in found.items() if key.startswith("processing-failed/2026/01/01/00/")]
    return [json.loads(line) for data in lines for line in data.splitlines()]


def test_records_come_back_changed_dropped_or_failed(bench: Bench) -> None:
    body = "    if data == 'drop': return ('Dropped',)\n"
    body += "    if data == 'fail': return ('ProcessingFailed', data)\n"
    arn = transformed(bench, body + "    return data.upper()")
    bench.put("a", "drop", "fail", "b")
    (failure,) = failures(bench)
    assert bench.delivered()["2026/01/01/00/*"] == b"AB"
    assert (failure["errorCode"], failure["lambdaArn"]) == ("Lambda.ProcessingFailedStatus", arn)
    assert base64.b64decode(failure["rawData"]) == b"fail"
    (call,) = bench.world.journal.entries(verb="lambda.Run")
    assert '"deliveryStreamArn"' in call.detail


def test_records_wait_for_their_call(bench: Bench) -> None:
    transformed(bench, "    return data", BufferIntervalInSeconds=30, BufferSizeInMBs=1)
    bench.put("a")
    bench.world.advance(29)
    assert not bench.world.journal.entries(verb="lambda.Run")
    bench.put(b"x" * 999_000, b"y" * 99_000)
    bench.world.advance(0)
    assert len(bench.world.journal.entries(verb="lambda.Run")) == 1


@pytest.mark.parametrize(("retries", "calls"), [(None, 4), (0, 1), (2, 3)])
def test_a_call_that_fails_is_made_again_and_then_the_batch_has_failed(
    retries: int | None, calls: int, bench: Bench
) -> None:
    transformed(bench, "    raise ValueError", **({} if retries is None else {"NumberOfRetries": retries}))
    bench.put("a", "b")
    found = failures(bench)
    assert [one["attemptsMade"] for one in found] == [calls, calls]
    assert {one["errorCode"] for one in found} == {"Lambda.FunctionError"}
    assert len(bench.world.journal.entries(verb="lambda.Run")) == calls


ANSWERS = {
    "no records": ("answer = 1", "Lambda.JsonProcessingException"),
    "one is missing": ("answer['records'].pop()", "Lambda.MissingRecordId"),
    "one comes twice": ("answer['records'] *= 2", "Lambda.DuplicatedRecordId"),
    "an odd result": ("answer['records'][0]['result'] = 'Maybe'", "Lambda.InvalidResult"),
    "no base64": ("answer['records'][0]['data'] = '!'", "Lambda.JsonProcessingException"),
}
SPOILT = """
original = handler

def handler(event, context):
    answer = original(event, context)
    {}
    return answer
"""


@pytest.mark.parametrize(("line", "code"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none_fails_the_whole_batch(line: str, code: str, bench: Bench) -> None:
    transformed(bench, "    return data", SPOILT.format(line))
    bench.put("a", "b")
    assert [one["errorCode"] for one in failures(bench)] == [code, code]


def test_the_source_is_kept_beside_what_became_of_it(bench: Bench) -> None:
    bench.s3.create_bucket(Bucket="originals")
    arn = bench.function("    return data.upper()")
    backup = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::originals", "Prefix": "raw/"}
    bench.stream(
        ProcessingConfiguration=processor("Lambda", LambdaArn=arn),
        S3BackupMode="Enabled",
        S3BackupConfiguration=backup,
    )
    bench.put("a")
    assert list(bench.delivered().values()) == [b"A"]
    assert list(bench.objects("originals").values()) == [b"a"]


# Partitions.


PARTITIONED = {"Enabled": True}
WIDE = {"SizeInMBs": 64, "IntervalInSeconds": 60}
ERRORS = "bad/!{firehose:error-output-type}/!{timestamp:yyyy}/"


def test_keys_of_a_query_sort_records_into_objects(bench: Bench) -> None:
    query = processor("MetadataExtraction", MetadataExtractionQuery="{who: .user.id, day: .day}",
                      JsonParsingEngine="JQ-1.6")  # fmt: skip
    bench.stream(
        Prefix="who=!{partitionKeyFromQuery:who}/day=!{partitionKeyFromQuery:day}/",
        ErrorOutputPrefix=ERRORS,
        DynamicPartitioningConfiguration=PARTITIONED,
        BufferingHints=WIDE,
        ProcessingConfiguration=query,
    )
    records = [
        {"user": {"id": "a"}, "day": 1},
        {"user": {"id": "b"}, "day": 1},
        {"user": {"id": "a"}, "day": 1},
    ]
    bench.put(*map(json.dumps, records), "no JSON", json.dumps({"day": 1}))
    found = bench.delivered()
    assert found.pop("who=a/day=1/*").count(b'"a"') == 2
    assert found.pop("who=b/day=1/*").count(b'"b"') == 1
    ((key, data),) = found.items()
    assert key == "bad/processing-failed/2026/*"
    assert len(data.splitlines()) == 2


def test_keys_of_a_function_sort_records_into_objects(bench: Bench) -> None:
    arn = bench.function("    return ('Ok', data, {'first': data[0]})")
    bench.stream(
        Prefix="!{partitionKeyFromLambda:first}/",
        ErrorOutputPrefix=ERRORS,
        BufferingHints=WIDE,
        DynamicPartitioningConfiguration=PARTITIONED,
        ProcessingConfiguration=processor("Lambda", LambdaArn=arn),
    )
    bench.put("apple", "banana", "apricot")
    assert bench.delivered() == {"a/*": b"appleapricot", "b/*": b"banana"}


# A Kinesis stream as source.


def test_a_stream_is_read_from_now_on(bench: Bench) -> None:
    kinesis = bench.backend.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=2)
    bench.world.run_until_idle()
    kinesis.put_record(StreamName="s", Data=b"early", PartitionKey="k")
    source = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    bench.stream(source=source)
    for number in range(4):
        kinesis.put_record(StreamName="s", Data=str(number).encode(), PartitionKey=f"k{number}")
    (data,) = bench.delivered().values()
    assert sorted(data.decode()) == ["0", "1", "2", "3"]
    assert refused(bench, lambda: bench.put("x")) == "InvalidArgumentException"
    bench.aws.delete_delivery_stream(DeliveryStreamName="d")
    kinesis.put_record(StreamName="s", Data=b"late", PartitionKey="k")
    assert len(bench.delivered()) == 1


# Calls.


def test_part_of_a_batch_may_be_throttled(bench: Bench) -> None:
    bench.stream()
    bench.service.refusals.append(lambda name, data: data == b"b")
    answer = bench.put("a", "b", "c")
    assert answer["FailedPutCount"] == 1
    assert [one.get("ErrorCode") for one in answer["RequestResponses"]] == [
        None, "ServiceUnavailableException", None,
    ]  # fmt: skip
    record = {"DeliveryStreamName": "d", "Record": {"Data": b"b"}}
    assert refused(bench, bench.aws.put_record, **record) == "ServiceUnavailableException"
    assert list(bench.delivered().values()) == [b"ac"]


def test_calls_keep_to_their_limits(bench: Bench) -> None:
    bench.stream()
    assert refused(bench, lambda: bench.put(*["x"] * 501)) == "InvalidArgumentException"
    assert refused(bench, lambda: bench.put(b"x" * 1_024_001)) == "ValidationException"
    assert refused(bench, lambda: bench.put(*[b"x" * 1_024_000] * 5)) == "InvalidArgumentException"
    assert refused(bench, lambda: bench.put("x", name="none")) == "ResourceNotFoundException"
    assert bench.put(*["x"] * 500)["FailedPutCount"] == 0


LENGTH = processor("MetadataExtraction", MetadataExtractionQuery="{a: .b|length}")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a buffer too large": ({"BufferingHints": {"SizeInMBs": 129}}, "InvalidArgumentException"),
    "too long a wait": ({"BufferingHints": {"IntervalInSeconds": 901}}, "InvalidArgumentException"),
    "no error prefix": ({"Prefix": "!{timestamp:yyyy}/"}, "InvalidArgumentException"),
    "an error prefix without its type": (
        {"Prefix": "a/", "ErrorOutputPrefix": "!{timestamp:yyyy}/"}, "InvalidArgumentException",
    ),
    "an error type in the prefix": (
        {"Prefix": "!{firehose:error-output-type}/", "ErrorOutputPrefix": ERRORS}, "InvalidArgumentException",
    ),
    "an unknown expression": (
        {"Prefix": "!{moon:phase}/", "ErrorOutputPrefix": ERRORS}, "InvalidArgumentException",
    ),
    "an open expression": (
        {"Prefix": "!{timestamp:yyyy", "ErrorOutputPrefix": ERRORS}, "InvalidArgumentException",
    ),
    "keys without partitions": (
        {"Prefix": "!{partitionKeyFromLambda:a}/", "ErrorOutputPrefix": ERRORS}, "InvalidArgumentException",
    ),
    "partitions without keys": (
        {"Prefix": "a/", "BufferingHints": WIDE, "DynamicPartitioningConfiguration": PARTITIONED},
        "InvalidArgumentException",
    ),
    "a small buffer before partitions": (
        {"Prefix": "!{partitionKeyFromLambda:a}/", "ErrorOutputPrefix": ERRORS,
         "DynamicPartitioningConfiguration": PARTITIONED}, "InvalidArgumentException",
    ),
    "a zone on the moon": ({"CustomTimeZone": "Moon/Tycho"}, "InvalidArgumentException"),
    "week years": ({"Prefix": "!{timestamp:YYYY}/", "ErrorOutputPrefix": ERRORS}, "NotImplemented"),
    "snappy": ({"CompressionFormat": "Snappy"}, "NotImplemented"),
    "a conversion": ({"DataFormatConversionConfiguration": {"Enabled": True}}, "NotImplemented"),
    "another processor": ({"ProcessingConfiguration": processor("RecordDeAggregation")}, "NotImplemented"),
    "a whole query": (
        {"Prefix": "!{partitionKeyFromQuery:a}/", "ErrorOutputPrefix": ERRORS, "BufferingHints": WIDE,
         "DynamicPartitioningConfiguration": PARTITIONED,
         "ProcessingConfiguration": LENGTH},
        "NotImplemented",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "code"), REFUSED.values(), ids=REFUSED)
def test_a_stream_is_refused_with(settings: dict[str, Any], code: str, bench: Bench) -> None:
    assert refused(bench, lambda: bench.stream(**settings)) == code
    assert bench.aws.list_delivery_streams()["DeliveryStreamNames"] == []


def test_other_destinations_are_not_emulated(bench: Bench) -> None:
    place = {"Url": "https://example.com", "Name": "x"}
    backup = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}
    wanted = {"EndpointConfiguration": place, "S3Configuration": backup}
    params = {"DeliveryStreamName": "d", "HttpEndpointDestinationConfiguration": wanted}
    assert refused(bench, bench.aws.create_delivery_stream, **params) == "NotImplemented"


def test_a_stream_is_described_tagged_listed_and_deleted(bench: Bench) -> None:
    arn = bench.stream()
    bench.aws.tag_delivery_stream(DeliveryStreamName="d", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    bench.aws.untag_delivery_stream(DeliveryStreamName="d", TagKeys=["b"])
    assert bench.aws.list_tags_for_delivery_stream(DeliveryStreamName="d")["Tags"] == [
        {"Key": "a", "Value": "1"}
    ]
    key = {"KeyARN": "arn:aws:kms:us-east-1:123456789012:key/k", "KeyType": "CUSTOMER_MANAGED_CMK"}
    bench.aws.start_delivery_stream_encryption(
        DeliveryStreamName="d", DeliveryStreamEncryptionConfigurationInput=key
    )
    found = bench.aws.describe_delivery_stream(DeliveryStreamName="d")["DeliveryStreamDescription"]
    assert (found["DeliveryStreamARN"], found["DeliveryStreamStatus"]) == (arn, "ACTIVE")
    assert found["DeliveryStreamEncryptionConfiguration"]["KeyARN"] == key["KeyARN"]
    hints = found["Destinations"][0]["ExtendedS3DestinationDescription"]["BufferingHints"]
    assert hints == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert refused(bench, bench.stream) == "ResourceInUseException"
    bench.put("lost")
    bench.aws.delete_delivery_stream(DeliveryStreamName="d")
    assert bench.delivered() == {}
    assert bench.aws.list_delivery_streams()["DeliveryStreamNames"] == []


# Who else sends records.


def test_a_log_group_sends_its_events_after_a_control_message(bench: Bench) -> None:
    arn = bench.stream()
    logs = bench.backend.client("logs")
    logs.create_log_group(logGroupName="/app")
    logs.create_log_stream(logGroupName="/app", logStreamName="s")
    logs.put_subscription_filter(
        logGroupName="/app", filterName="f", filterPattern="x", destinationArn=arn, roleArn=ROLE
    )
    events = [{"timestamp": bench.world.clock.ms, "message": message} for message in ("x", "y")]
    logs.put_log_events(logGroupName="/app", logStreamName="s", logEvents=events)
    (data,) = bench.delivered().values()
    found, decoder = [], json.JSONDecoder()
    text = gzip.decompress(data).decode()
    while text:
        body, end = decoder.raw_decode(text)
        found.append([event["message"] for event in body["logEvents"]])
        text = text[end:]
    assert len(found) == 2
    assert found[1] == ["x"]


def test_throttled_log_events_come_later(bench: Bench) -> None:
    arn = bench.stream()
    logs = bench.backend.client("logs")
    logs.create_log_group(logGroupName="/app")
    logs.create_log_stream(logGroupName="/app", logStreamName="s")
    logs.put_subscription_filter(
        logGroupName="/app", filterName="f", filterPattern="", destinationArn=arn, roleArn=ROLE
    )
    refused: list[float] = []

    def refuse(name: str, data: bytes) -> bool:
        if len(refused) < 3:
            refused.append(bench.world.clock.elapsed)
            return True
        return False

    bench.service.refusals.append(refuse)
    event = {"timestamp": bench.world.clock.ms, "message": "late"}
    logs.put_log_events(logGroupName="/app", logStreamName="s", logEvents=[event])
    (data,) = bench.delivered().values()
    assert b"late" in gzip.decompress(data)
    assert refused == [0, 1, 3]


def test_a_topic_sends_its_messages(bench: Bench) -> None:
    arn = bench.stream()
    sns = bench.backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    attributes = {"SubscriptionRoleArn": ROLE, "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=arn, Attributes=attributes)
    sns.publish(TopicArn=topic, Message="hello")
    assert list(bench.delivered().values()) == [b"hello"]


def test_a_bucket_tells_of_delivered_objects(bench: Bench) -> None:
    bench.stream()
    policy = {
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]
    }
    sqs = bench.backend.client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    target = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q", "Events": ["s3:ObjectCreated:*"]}
    bench.s3.put_bucket_notification_configuration(
        Bucket="lake", NotificationConfiguration={"QueueConfigurations": [target]}
    )
    bench.put("a")
    bench.world.run_until_idle()
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    records = [record for one in messages for record in json.loads(one["Body"]).get("Records", [])]
    (key,) = bench.objects()
    assert [record["s3"]["object"]["key"] for record in records] == [key]
