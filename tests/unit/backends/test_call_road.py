"""The quick road of an API call does what botocore's own does: events, validation, tokens, metadata."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3.session
import pytest
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator

from stackproof.backends.compat import boto, shapes
from stackproof.backends.compat.moments import moments
from stackproof.backends.embedded import EmbeddedBackend
from stackproof.fabric.ids import Ids

_KEYS: dict[str, str] = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "stackproof"}


@pytest.fixture
def backend() -> Iterator[EmbeddedBackend]:
    with EmbeddedBackend() as backend:
        backend.client("dynamodb").create_table(
            TableName="things",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield backend


def _client(service: str) -> Any:
    session: Any = boto3.session.Session(region_name="us-east-1", **_KEYS)
    return session.client(service)


def _put(client: Any, identifier: str) -> Any:
    return client.put_item(TableName="things", Item={"id": {"S": identifier}})


def _stored(backend: EmbeddedBackend) -> list[str]:
    items = backend.client("dynamodb").scan(TableName="things")["Items"]
    return sorted(item["id"]["S"] for item in items)


def test_once_known_nobody_is_asked_before_a_put(
    backend: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _client("dynamodb")
    _put(client, "first")  # every event is emitted once: botocore looks up its handlers then
    asked: list[str] = []
    emit = client.meta.events.emit
    monkeypatch.setattr(client.meta.events, "emit", lambda name, **kw: asked.append(name) or emit(name, **kw))
    _put(client, "second")
    assert [name for name in asked if not name.startswith("after-call")] == []
    assert _stored(backend) == ["first", "second"]


@pytest.mark.parametrize("event", ["provide-client-params", "before-parameter-build"])
def test_who_registers_later_is_heard_and_may_change_params(backend: EmbeddedBackend, event: str) -> None:
    client = _client("dynamodb")
    _put(client, "quiet")

    def change(params: dict[str, Any], **_: Any) -> None:
        params["Item"]["id"]["S"] += "-heard"

    client.meta.events.register(f"{event}.dynamodb.PutItem", change)
    _put(client, "a")
    _put(client, "b")
    client.meta.events.unregister(f"{event}.dynamodb.PutItem", change)
    _put(client, "c")
    assert _stored(backend) == ["a-heard", "b-heard", "c", "quiet"]


def test_handlers_after_a_call_see_every_answer(backend: EmbeddedBackend) -> None:
    client = _client("dynamodb")
    _put(client, "a")
    seen: list[int] = []
    client.meta.events.register(
        "after-call.dynamodb.PutItem",
        lambda parsed, **_: seen.append(parsed["ResponseMetadata"]["HTTPStatusCode"]),
    )
    _put(client, "b")
    assert seen == [200]


def test_a_bad_call_is_refused_as_botocore_words_it(backend: EmbeddedBackend) -> None:
    client = _client("dynamodb")
    _put(client, "a")
    for _ in range(2):
        with pytest.raises(ParamValidationError, match=r"Invalid type for parameter Item\.id\.S, value: 1"):
            client.put_item(TableName="things", Item={"id": {"S": 1}})
    assert _stored(backend) == ["a"]


def test_operations_with_work_of_their_own_keep_their_handlers() -> None:
    """Nothing that does something for its operation passes for idle."""
    from botocore import discovery, handlers

    dynamodb = _client("dynamodb").meta.service_model
    put = boto._idlers(dynamodb.operation_model("PutItem"))
    assert handlers.generate_idempotent_uuid in put
    assert discovery.block_endpoint_discovery_required_operations in put
    transact = boto._idlers(dynamodb.operation_model("TransactWriteItems"))
    assert handlers.generate_idempotent_uuid not in transact
    got = boto._idlers(_client("s3").meta.service_model.operation_model("GetObject"))
    assert handlers._handle_request_validation_mode_member not in got
    timestream = _client("timestream-query").meta.service_model.operation_model("Query")
    assert discovery.block_endpoint_discovery_required_operations not in boto._idlers(timestream)


def test_a_token_that_is_not_given_comes_from_the_seed(backend: EmbeddedBackend) -> None:
    client = _client("dynamodb")
    write = [{"Put": {"TableName": "things", "Item": {"id": {"S": "a"}}}}]
    client.transact_write_items(TransactItems=write)
    entry = backend.world.journal.entries(verb="dynamodb.TransactWriteItems")[0]
    assert '"ClientRequestToken"' in entry.detail


@pytest.mark.parametrize(
    ("service", "call", "kind"),
    [("sqs", "list_queues", "application/x-amz-json-1.0"), ("sns", "list_topics", "text/xml")],
)
def test_the_content_type_is_that_of_the_protocol(
    backend: EmbeddedBackend, service: str, call: str, kind: str
) -> None:
    told = getattr(_client(service), call)()["ResponseMetadata"]
    assert (told["HTTPStatusCode"], told["HTTPHeaders"]["content-type"]) == (200, kind)


_PARAMS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "a"}, "on": {"BOOL": True}}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": 1}}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {1: {"S": "a"}}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"X": "a"}}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"BOOL": 1}}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": []}),
    ("dynamodb", "PutItem", {"TableName": "", "Item": {}}),
    ("dynamodb", "PutItem", {"Item": {}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {}, "Other": 1}),
    ("dynamodb", "PutItem", {"TableName": None, "Item": {}}),
    ("dynamodb", "Query", {"TableName": "t", "Limit": 0}),
    ("dynamodb", "Query", {"TableName": "t", "Limit": True}),
    ("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": [{"Id": "1", "MessageBody": "a"}]}),
    ("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": [{"Id": "1"}]}),
    ("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": [{"Id": "1", "MessageBody": "a", "Delay": 1}]}),
    ("sqs", "SendMessage", {"QueueUrl": "u", "MessageBody": "a", "DelaySeconds": 1}),
    ("sqs", "SendMessage", {"QueueUrl": "u", "MessageBody": "a", "DelaySeconds": "1"}),
    ("sqs", "SendMessage", {"QueueUrl": "u", "MessageBody": "a", "MessageAttributes": {"n": {}}}),
]


@pytest.mark.parametrize(("service", "operation", "params"), _PARAMS)
def test_the_quick_check_never_passes_what_botocore_refuses(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    shape = _client(service).meta.service_model.operation_model(operation).input_shape
    good = not ParamValidator().validate(params, shape).has_errors()
    if shapes.certainly_valid(service, operation, shape)(params):
        assert good
    else:  # it may be unsure
        assert not good or params.get("Limit") is True


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["2026-01-01T12:00:00Z", "2026-01-01 12:00", "2026-01-01T13:00:00+01:00", 1767268800, NOON]
)
def test_times_are_taken_in_every_form_that_boto3_takes(given: Any) -> None:
    with EmbeddedBackend() as backend:
        model = backend.client("cloudwatch").meta.service_model.operation_model("PutMetricData").input_shape
        params = {"Namespace": "n", "MetricData": [{"MetricName": "m"}, {"Timestamp": given}]}
        assert moments(params, model)["MetricData"] == [{"MetricName": "m"}, {"Timestamp": NOON}]
        scheduler = backend.client("scheduler")
        target = {
            "Arn": "arn:aws:sqs:us-east-1:123456789012:q",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
        }
        scheduler.create_schedule(
            Name="s", ScheduleExpression="rate(1 hour)", StartDate=given, Target=target,
            FlexibleTimeWindow={"Mode": "OFF"},
        )  # fmt: skip
        assert scheduler.get_schedule(Name="s")["StartDate"] == NOON


def test_params_without_times_stay_the_same_object() -> None:
    with EmbeddedBackend() as backend:
        model = backend.client("cloudwatch").meta.service_model.operation_model("PutMetricData").input_shape
        params = {"Namespace": "n", "MetricData": [{"MetricName": "m", "Dimensions": [{"Name": "a"}]}]}
        assert moments(params, model) is params


def test_ids_are_random_uuids_and_the_seed_gives_the_same() -> None:
    ids, again = Ids(5), Ids(5)
    for _ in range(200):
        text = ids.uuid()
        assert text == again.uuid()
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)
    # Journals that were kept name ids: a seed gives the same ones in later versions too.
    assert [Ids(0).uuid(), Ids(7).uuid()] == IDS


IDS = ["e3e70682-c209-4cac-a29f-6fbed82c07cd", "6513270e-269e-4d37-b2a7-4de452e6b438"]
