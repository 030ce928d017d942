"""aws-lambda-powertools in handlers: shared between environments, but not its state."""

from __future__ import annotations

import json

LOGGER = """
from aws_lambda_powertools import Logger
logger = Logger(service="s")

@logger.inject_lambda_context
def handler(event, context):
    logger.append_keys(own=event.get("key"))
    logger.info("hello")
    return 1
"""


def lines(answer):
    return [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]


def test_the_logger_knows_a_cold_start_of_each_environment(lab):
    for name in ("a", "b"):
        lab.function(name, LOGGER)
    seen = [lines(lab.invoke(name))[0] for name in ("a", "b", "a")]
    assert [line["cold_start"] for line in seen] == [True, True, False]
    assert [line["function_name"] for line in seen] == ["a", "b", "a"]
    assert seen[0]["timestamp"].startswith("2026-01-01")


def test_the_batch_processor_reports_failures(lab):
    url = lab.queue("q", VisibilityTimeout="60")
    lab.function(
        "f",
        """
        from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
        processor = BatchProcessor(event_type=EventType.SQS)

        def one(record):
            if record.body == "bad" and record.attributes.approximate_receive_count == "1":
                raise ValueError("not yet")

        def handler(event, context):
            return process_partial_response(event, one, processor, context)
        """,
    )
    lab.connect(url, "f", FunctionResponseTypes=["ReportBatchItemFailures"])
    lab.send(url, "good", "bad")
    lab.run()
    assert [len(event["Records"]) for event in lab.events("f")] == [2, 1]
    assert lab.count(url) == (0, 0)


def test_idempotency_holds_over_environments(lab):
    dynamodb = lab.backend.client("dynamodb")
    dynamodb.create_table(
        TableName="seen", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    lab.function(
        "f",
        """
        import uuid
        from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent
        layer = DynamoDBPersistenceLayer(table_name="seen")

        @idempotent(persistence_store=layer)
        def handler(event, context):
            return str(uuid.uuid4())
        """,
    )
    first = lab.invoke("f", {"n": 1}).value
    lab.aws.update_function_configuration(FunctionName="f", Description="cold again")
    assert lab.invoke("f", {"n": 1}).value == first
    assert lab.invoke("f", {"n": 2}).value != first


def test_a_parameter_is_cached_for_each_environment_only(lab):
    ssm = lab.backend.client("ssm")
    ssm.put_parameter(Name="p", Value="one", Type="String")
    code = """
        from aws_lambda_powertools.utilities import parameters
        def handler(event, context):
            return parameters.get_parameter("p", max_age=60)
    """
    for name in ("a", "b"):
        lab.function(name, code)
    assert lab.invoke("a").value == "one"
    ssm.put_parameter(Name="p", Value="two", Type="String", Overwrite=True)
    assert [lab.invoke(name).value for name in ("a", "b")] == ["one", "two"]
    lab.world.advance(61)
    assert lab.invoke("a").value == "two"


def test_what_the_layer_of_powertools_brings_along_is_there(lab):
    lab.function(
        "f",
        """
        from aws_lambda_powertools import Tracer
        from aws_lambda_powertools.utilities.validation import validator
        tracer = Tracer(service="s")
        @validator(inbound_schema={"type": "object", "required": ["n"]})
        @tracer.capture_lambda_handler
        def handler(event, context):
            tracer.put_annotation(key="n", value=event["n"])
            return event["n"]
        """,
    )
    assert lab.invoke("f", {"n": 3}).value == 3
    assert lab.invoke("f", {}).error == "Unhandled"


def test_a_tracer_of_one_environment_is_not_around_the_calls_of_others(make_lab):
    import botocore.client

    call = "_make_api_call"
    plain = """
    import boto3
    def handler(event, context):
        boto3.client("sqs").list_queues()
        return type(vars(__import__("botocore").client.BaseClient)["_make_api_call"]).__name__
    """
    traced = "from aws_lambda_powertools import Tracer\ntracer = Tracer(service='s')\n"
    lab = make_lab()
    before = vars(botocore.client.BaseClient)[call]
    lab.function("plain", plain)
    for name in ("one", "two"):
        lab.function(name, traced + "\n".join(line[4:] for line in plain.splitlines()))
    seen = [lab.invoke(name).value for name in ("one", "plain", "two", "one", "plain")]
    assert seen == ["FunctionWrapper", "function", "FunctionWrapper", "FunctionWrapper", "function"]
    assert vars(botocore.client.BaseClient)[call] is before
