"""Queues as event sources."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

OK = "def handler(event, context):\n    return None\n"
FAIL = "def handler(event, context):\n    raise RuntimeError('no')\n"
PARTIAL = """
def handler(event, context):
    return {"batchItemFailures": [
        {"itemIdentifier": record["messageId"]} for record in event["Records"] if "bad" in record["body"]
    ]}
"""


def sizes(lab, name="f"):
    return [len(event["Records"]) for event in lab.events(name)]


def test_messages_arrive_in_batches_and_are_deleted(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    lab.connect(url, "f")
    lab.send(url, *[f"m{n}" for n in range(25)])
    lab.run()
    assert sizes(lab) == [10, 10, 5]
    assert lab.count(url) == (0, 0)


def test_a_record_is_that_of_aws(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    lab.connect(url, "f")
    attributes = {
        "kind": {"DataType": "String", "StringValue": "a"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    lab.send(url, "body", MessageAttributes=attributes)
    lab.run()
    record = lab.events("f")[0]["Records"][0]
    assert record["body"] == "body"
    assert record["md5OfBody"] == "841a2d689ad86bd1611447453c22c6fc"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:q"
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"] == "1767225600000"
    empty = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "kind": {"stringValue": "a", "dataType": "String", **empty},
        "raw": {"binaryValue": "AAE=", "dataType": "Binary", **empty},
    }


def test_powertools_reads_the_events(lab):
    from aws_lambda_powertools.utilities.parser.models import SqsModel

    url = lab.queue("q", FifoQueue="true")
    lab.function("f", OK)
    lab.connect(url, "f")
    lab.send(url, {"a": 1}, MessageGroupId="g", MessageDeduplicationId="d",
             MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})  # fmt: skip
    lab.run()
    model = SqsModel.model_validate(lab.events("f")[0])
    assert model.Records[0].attributes.MessageGroupId == "g"


def test_a_failed_batch_returns_after_its_visibility_and_goes_to_the_dead_letter_queue(lab):
    dead = lab.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": lab.arn(dead), "maxReceiveCount": 3})
    url = lab.queue("q", VisibilityTimeout="60", RedrivePolicy=redrive)
    lab.function("f", FAIL)
    lab.connect(url, "f")
    lab.send(url, "poison")
    lab.run()
    assert sizes(lab) == [1, 1, 1]
    assert lab.world.clock.elapsed == 180
    assert lab.bodies(dead) == ["poison"]


def test_named_failures_return_alone(lab):
    url = lab.queue("q", VisibilityTimeout="60")
    lab.function("f", PARTIAL)
    lab.connect(url, "f", FunctionResponseTypes=["ReportBatchItemFailures"])
    lab.send(url, "good", "bad", "good")
    lab.world.advance(1)
    assert lab.count(url) == (0, 1)
    lab.world.advance(60)
    assert sizes(lab) == [3, 1]


def test_without_the_setting_the_answer_says_nothing(lab):
    url = lab.queue("q")
    lab.function("f", PARTIAL)
    lab.connect(url, "f")
    lab.send(url, "bad")
    lab.run()
    assert sizes(lab) == [1]
    assert lab.count(url) == (0, 0)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("None", 0), ("{}", 0), ("{'batchItemFailures': None}", 0), ("{'batchItemFailures': []}", 0),
        ("{'other': 1}", 0), ("{'batchItemFailures': [{'itemIdentifier': ''}]}", 2),
        ("{'batchItemFailures': [{'itemIdentifier': None}]}", 2), ("{'batchItemFailures': [{}]}", 2),
        ("{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}", 2), ("{'batchItemFailures': 'all'}", 2),
        ("'text'", 2),
    ],
)  # fmt: skip
def test_odd_answers_of_partial_batches(lab, answer, left):
    url = lab.queue("q")
    lab.function("f", f"def handler(event, context):\n    return {answer}\n")
    lab.connect(url, "f", FunctionResponseTypes=["ReportBatchItemFailures"])
    lab.send(url, "a", "b")
    lab.world.advance(1)
    assert sum(lab.count(url)) == left


def test_a_window_gathers_until_it_is_over(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    lab.connect(url, "f", BatchSize=100, MaximumBatchingWindowInSeconds=20)
    lab.send(url, "a")
    lab.world.advance(15)
    lab.send(url, "b", "c")
    lab.world.advance(4)
    assert sizes(lab) == []
    lab.world.advance(1)
    assert sizes(lab) == [3]


def test_a_full_batch_does_not_wait_for_the_window(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    lab.connect(url, "f", BatchSize=12, MaximumBatchingWindowInSeconds=20)
    lab.send(url, *[str(n) for n in range(13)])
    lab.world.advance(1)
    assert sizes(lab) == [12]
    lab.world.advance(20)
    assert sizes(lab) == [12, 1]


def test_a_payload_stays_within_six_megabytes(lab):
    url = lab.queue("q", MaximumMessageSize="1048576")
    lab.function("f", OK)
    lab.connect(url, "f", BatchSize=100, MaximumBatchingWindowInSeconds=5)
    lab.send(url, *["x" * 1_000_000 for _ in range(8)])
    lab.run()
    assert sum(sizes(lab)) == 8
    assert max(sizes(lab)) == 6


def test_what_a_filter_refuses_is_deleted_unseen(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    pattern = {"body": {"kind": ["order"], "amount": [{"numeric": [">", 10]}]}}
    lab.connect(url, "f", FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    lab.send(url, {"kind": "order", "amount": 11}, {"kind": "order", "amount": 9}, "no json", {"kind": "x"})
    lab.run()
    assert sizes(lab) == [1]
    assert lab.count(url) == (0, 0)
    assert lab.world.journal.counts["lambda.Filter", "q"] == 1


def test_filters_look_at_text_bodies_and_at_attributes(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    patterns = [
        {"body": ["plain"]},
        {"messageAttributes": {"kind": {"stringValue": [{"prefix": "a"}]}}},
    ]
    lab.connect(url, "f", FilterCriteria={"Filters": [{"Pattern": json.dumps(p)} for p in patterns]})
    lab.send(url, "plain", "other")
    lab.send(url, {"x": 1}, MessageAttributes={"kind": {"DataType": "String", "StringValue": "ab"}})
    lab.run()
    assert [r["body"] for event in lab.events("f") for r in event["Records"]] == ["plain", '{"x": 1}']


SLOW = "import time\ndef handler(event, context):\n    time.sleep(10)\n"


def test_maximum_concurrency_holds(lab):
    url = lab.queue("q", VisibilityTimeout="900")
    lab.function("f", SLOW, Timeout=30)
    lab.connect(url, "f", BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    lab.send(url, *[str(n) for n in range(6)])
    lab.run()
    assert lab.world.clock.elapsed == 30
    started = [entry.ms for entry in lab.world.journal.entries(verb="lambda.Run")]
    assert [started.count(ms) for ms in sorted(set(started))] == [2, 2, 2]


def test_polling_scales_up_while_messages_wait(lab):
    url = lab.queue("q", VisibilityTimeout="900")
    lab.function("f", "import time\ndef handler(event, context):\n    time.sleep(100)\n", Timeout=120)
    lab.connect(url, "f", BatchSize=1)
    lab.send(url, *[str(n) for n in range(20)])
    lab.world.advance(59)
    assert lab.world.journal.counts["lambda.Run", "f"] == 5
    lab.world.advance(2)
    assert lab.world.journal.counts["lambda.Run", "f"] == 20


def test_reserved_concurrency_throttles_and_the_message_returns(lab):
    url = lab.queue("q", VisibilityTimeout="60")
    lab.function("f", SLOW, Timeout=30)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    lab.connect(url, "f", BatchSize=1)
    lab.send(url, "a", "b")
    lab.run()
    assert lab.count(url) == (0, 0)
    assert lab.world.journal.entries(verb="lambda.Throttle", target="f")
    counts = [e["Records"][0]["attributes"]["ApproximateReceiveCount"] for e in lab.events("f")]
    assert counts == ["1", "2"]


def test_no_concurrency_means_that_nothing_runs(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    lab.connect(url, "f")
    lab.send(url, "a")
    lab.world.advance(300)
    assert sizes(lab) == []
    assert sum(lab.count(url)) == 1


def test_a_group_keeps_its_order_through_failures(lab):
    url = lab.queue("q", FifoQueue="true", ContentBasedDeduplication="true")
    lab.function(
        "f",
        """
        def handler(event, context):
            for record in event["Records"]:
                if record["body"] == "a1" and record["attributes"]["ApproximateReceiveCount"] == "1":
                    raise RuntimeError("first try")
        """,
    )
    lab.connect(url, "f", BatchSize=1)
    for body in ("a1", "a2", "b1", "a3"):
        lab.send(url, body, MessageGroupId=body[0])
    lab.run()
    seen = [event["Records"][0]["body"] for event in lab.events("f")]
    assert [body for body in seen if body[0] == "a"] == ["a1", "a1", "a2", "a3"]
    assert seen.index("b1") < seen.index("a2")


def test_a_disabled_mapping_rests_until_it_is_enabled(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    made = lab.connect(url, "f", Enabled=False)
    assert made["State"] == "Disabled"
    lab.send(url, "a")
    lab.run()
    assert sizes(lab) == []
    lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    lab.run()
    assert sizes(lab) == [1]
    lab.aws.delete_event_source_mapping(UUID=made["UUID"])
    lab.send(url, "b")
    lab.run()
    assert sizes(lab) == [1]


def test_a_queue_that_hides_messages_too_shortly_is_refused(lab):
    url = lab.queue("q", VisibilityTimeout="30")
    lab.function("f", OK, Timeout=60)
    with pytest.raises(ClientError, match="visibility timeout: 30 seconds is less than Function timeout: 60"):
        lab.connect(url, "f")


@pytest.mark.parametrize(
    ("attributes", "settings", "message"),
    [
        ({"FifoQueue": "true"}, {"BatchSize": 11}, "FIFO"),
        ({"FifoQueue": "true"}, {"MaximumBatchingWindowInSeconds": 5}, "window is not supported for FIFO"),
        ({}, {"ScalingConfig": {"MaximumConcurrency": 1001}}, "less than or equal to 1000"),
        ({}, {"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1}, "less than or equal to 10000"),
        ({}, {"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources"),
        ({}, {"ParallelizationFactor": 2}, "Unsupported 'parallelizationFactor' parameter"),
        ({}, {"MaximumRetryAttempts": 0}, "Unsupported 'maximumRetryAttempts' parameter"),
        ({}, {"MaximumRecordAgeInSeconds": 60}, "Unsupported 'maximumRecordAgeInSeconds' parameter"),
        ({}, {"TumblingWindowInSeconds": 30}, "Unsupported 'tumblingWindowInSeconds' parameter"),
        ({}, {"BisectBatchOnFunctionError": True}, "Unsupported 'bisectBatchOnFunctionError' parameter"),
        ({}, {"DestinationConfig": {"OnFailure": {"Destination": "d"}}}, "Unsupported 'destinationConfig'"),
        ({}, {"FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 6}}, "at most 5 filters; 6 were given"),
    ],
)
def test_settings_that_aws_refuses(lab, attributes, settings, message):
    url = lab.queue("q", **attributes)
    lab.function("f", OK)
    with pytest.raises(ClientError, match=message):
        lab.connect(url, "f", **settings)


def test_what_amounts_to_no_setting_of_a_stream_is_taken(lab):
    url = lab.queue("q")
    lab.function("f", OK)
    given = {"BisectBatchOnFunctionError": False, "DestinationConfig": {"OnFailure": {}}}
    filters = {"Filters": [{"Pattern": '{"body": ["a"]}'}] * 5}
    made = lab.connect(url, "f", FilterCriteria=filters, **given)
    with pytest.raises(ClientError, match="Unsupported 'parallelizationFactor' parameter"):
        lab.aws.update_event_source_mapping(UUID=made["UUID"], ParallelizationFactor=2)


def test_a_killed_environment_gives_its_messages_back(lab):
    url = lab.queue("q", VisibilityTimeout="60")
    out = lab.queue("out")
    lab.function(
        "f",
        """
        import boto3, os
        def handler(event, context):
            for record in event["Records"]:
                boto3.client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=record["body"])
        """,
        variables={"OUT": out},
    )
    lab.connect(url, "f")
    crashes = []

    def crash(task, point):
        if point == "after sqs.SendMessage" and not crashes:
            crashes.append(task.name)
            task.kill("power cut")

    lab.world.scheduler.on_point = crash
    lab.send(url, "once")
    lab.run()
    assert crashes
    assert lab.bodies(out) == ["once", "once"]
    returned = lab.world.journal.entries(verb="lambda.Return")[0]
    assert "signal: killed" in returned.result


def test_the_same_seed_gives_the_same_journal(make_lab):
    texts = []
    for _ in range(2):
        lab = make_lab(seed=5)
        url = lab.queue("q", VisibilityTimeout="60")
        lab.function("f", FAIL)
        lab.connect(url, "f")
        lab.send(url, *[str(n) for n in range(12)])
        lab.world.advance(100)
        texts.append(lab.world.journal.timeline())
    assert texts[0] == texts[1]


def test_a_world_is_taken_back_with_its_mappings(lab):
    url = lab.queue("q")
    lab.function(
        "f", "calls = []\ndef handler(event, context):\n    calls.append(1)\n    return len(calls)\n"
    )
    lab.connect(url, "f", BatchSize=5, MaximumBatchingWindowInSeconds=10)
    lab.run()
    lab.send(url, "a", "b")
    lab.world.advance(1)
    taken = lab.world.snapshot()
    for _ in range(2):
        lab.run()
        assert [(len(json.loads(i.payload)["Records"]), i.outcome.payload) for i in lab.invocations] == [
            (2, b"1")
        ]
        assert lab.count(url) == (0, 0)
        lab.world.restore(taken)
        lab.invocations.clear()


def test_a_slow_batch_cannot_delete_what_was_received_again(lab):
    url = lab.queue("q", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="30")
    lab.function("f", "import time\ndef handler(event, context):\n    time.sleep(25)\n", Timeout=30)
    lab.connect(url, "f")
    lab.send(url, "a", MessageGroupId="g")
    lab.world.advance(1)
    receipt = (
        lab.world.journal.entries(verb="lambda.Run")[0].detail.split('"receiptHandle":"')[1].split('"')[0]
    )
    lab.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
    taken = lab.sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]
    lab.world.advance(26)
    assert lab.invocations[0].outcome.error == ""
    assert lab.count(url) == (0, 1)
    lab.sqs.delete_message(QueueUrl=url, ReceiptHandle=taken[0]["ReceiptHandle"])


def test_lost_deletions_are_a_choice_that_a_search_can_make(make_lab):
    from stackproof.fabric.choice import Listed

    lab = make_lab(chooser=Listed([1], only=lambda label: label == "deletion"))
    url = lab.queue("q", VisibilityTimeout="60")
    lab.function("f", OK)
    made = lab.connect(url, "f")
    lab.service.mappings.source(made["EventSourceArn"]).duplicates = True
    lab.send(url, "a")
    lab.run()
    assert sizes(lab) == [1, 1]
    assert lab.count(url) == (0, 0)
