"""Asynchronous invocation: retries, age, throttles, destinations, dead-letter queues."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

FAIL = "def handler(event, context):\n    raise RuntimeError('no')\n"
OK = "def handler(event, context):\n    return {'seen': event}\n"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(10)\n"


def configure(lab, name, target=None, **settings):
    if target:
        place = {"Destination": target}
        settings["DestinationConfig"] = {"OnSuccess": place, "OnFailure": place}
    lab.aws.put_function_event_invoke_config(FunctionName=name, **settings)


def starts(lab, name="f"):
    return [
        entry.ms / 1000 - 1_767_225_600 for entry in lab.world.journal.entries(verb="lambda.Run", target=name)
    ]


def test_an_event_is_accepted_before_it_runs(lab):
    lab.function("f", OK)
    answer = lab.aws.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    assert (answer["StatusCode"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (202, 202)
    assert lab.events("f") == []
    lab.run()
    assert lab.events("f") == [{"n": 1}]


def test_a_failure_is_tried_again_after_one_and_two_minutes_under_one_request_id(lab):
    lab.function("f", FAIL)
    lab.send_event("f")
    lab.run()
    assert starts(lab) == [0, 60, 180]
    assert len({invocation.request_id for invocation in lab.invocations}) == 1


@pytest.mark.parametrize(("settings", "expected"), [
    ({"MaximumRetryAttempts": 0}, [0]),
    ({"MaximumRetryAttempts": 1}, [0, 60]),
    ({"MaximumEventAgeInSeconds": 60}, [0]),
    ({"MaximumEventAgeInSeconds": 100}, [0, 60]),
])  # fmt: skip
def test_retries_and_age_are_configured(lab, settings, expected):
    lab.function("f", FAIL)
    configure(lab, "f", **settings)
    lab.send_event("f")
    lab.run()
    assert starts(lab) == expected


def test_throttled_events_wait_and_do_not_count_as_tries(lab):
    lab.function("f", SLOW, Timeout=30)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    for _ in range(3):
        lab.send_event("f")
    lab.run()
    assert starts(lab) == [0, 15, 31]
    assert [invocation.outcome.error for invocation in lab.invocations] == ["", "", ""]


def test_a_destination_hears_of_success(lab):
    from aws_lambda_powertools.utilities.parser.models import SqsModel  # noqa: F401 - parser must be there

    url = lab.queue("q")
    lab.function("f", OK)
    configure(lab, "f", lab.arn(url))
    lab.send_event("f", {"a": 1})
    lab.run()
    (body,) = lab.bodies(url)
    record = json.loads(body)
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"].endswith(":function:f:$LATEST")
    assert record["requestPayload"] == {"a": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"seen": {"a": 1}}


def test_a_destination_function_gets_the_record(lab):
    lab.function("f", FAIL)
    lab.function("g", OK)
    configure(lab, "f", "arn:aws:lambda:us-east-1:123456789012:function:g", MaximumRetryAttempts=0)
    lab.send_event("f")
    lab.run()
    assert lab.events("g")[0]["responsePayload"]["errorMessage"] == "no"


def test_a_destination_that_is_not_there_is_in_the_journal(lab):
    lab.function("f", OK)
    configure(lab, "f", "arn:aws:sqs:us-east-1:123456789012:nowhere")
    lab.send_event("f")
    lab.run()
    assert lab.world.journal.counts["lambda.DestinationFailed", "nowhere"] == 1


def test_no_reserved_concurrency_gives_events_to_the_dead_letter_queue(lab):
    url = lab.queue("dead")
    lab.function("f", OK, DeadLetterConfig={"TargetArn": lab.arn(url)})
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    lab.send_event("f", {"n": 1})
    lab.run()
    assert lab.bodies(url) == ['{"n": 1}']


def test_a_topic_delivers_to_a_function_that_lets_it_in(lab):
    from aws_lambda_powertools.utilities.parser.models import SnsModel

    sns = lab.backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    lab.function("f", OK)
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="refused")
    lab.run()
    assert lab.events("f") == []
    lab.aws.add_permission(
        FunctionName="f", StatementId="t", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com",
        SourceArn=topic,
    )  # fmt: skip
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    lab.run()
    event = SnsModel.model_validate(lab.events("f")[0])
    assert event.Records[0].Sns.Message == "hello"


def test_a_function_invokes_another_and_waits(lab):
    lab.function(
        "inner", "import time\ndef handler(event, context):\n    time.sleep(2)\n    return event['n'] + 1\n"
    )
    lab.function(
        "outer",
        """
        import boto3, json
        def handler(event, context):
            answer = boto3.client("lambda").invoke(FunctionName="inner", Payload=json.dumps(event))
            return json.loads(answer["Payload"].read())
        """,
    )
    assert lab.invoke("outer", {"n": 1}).value == 2
    assert lab.world.clock.elapsed == 2


def test_a_busy_function_refuses_a_synchronous_call(lab):
    lab.function("f", SLOW, Timeout=30)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    lab.send_event("f")
    lab.world.step()
    lab.world.step()
    with pytest.raises(ClientError) as refused:
        lab.invoke("f")
    response = refused.value.response
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_the_account_has_a_limit_too(lab):
    lab.function("f", SLOW, Timeout=30)
    lab.service.runner.account_concurrency = 2
    for _ in range(3):
        lab.send_event("f")
    lab.run()
    running = lab.world.journal.entries(verb="lambda.Throttle")
    assert running
    assert len(starts(lab)) == 3


def test_concurrent_invocations_have_environments_of_their_own(lab):
    lab.function(
        "f",
        """
        import time
        calls = []
        def handler(event, context):
            calls.append(1)
            time.sleep(1)
            return len(calls)
        """,
    )
    for _ in range(3):
        lab.send_event("f")
    lab.run()
    assert [invocation.outcome.payload for invocation in lab.invocations] == [b"1", b"1", b"1"]
    lab.send_event("f")
    lab.run()
    assert lab.invocations[-1].outcome.payload == b"2"


@pytest.mark.parametrize(("kind", "size", "code"), [
    ("RequestResponse", 6 * 1024 * 1024, "RequestTooLargeException"),
    ("Event", 1024 * 1024, "RequestTooLargeException"),
])  # fmt: skip
def test_payloads_have_limits(lab, kind, size, code):
    lab.function("f", OK)
    with pytest.raises(ClientError, match=code):
        lab.aws.invoke(FunctionName="f", InvocationType=kind, Payload=json.dumps("x" * size))


def test_a_payload_is_json(lab):
    lab.function("f", OK)
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        lab.aws.invoke(FunctionName="f", Payload=b"{not json")


def test_a_dry_run_runs_nothing(lab):
    lab.function("f", OK)
    assert lab.aws.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    lab.run()
    assert lab.invocations == []
