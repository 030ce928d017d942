"""What topic rules do with a message. Source: developer guide, "AWS IoT rule actions"."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.iot import errors
from stackproof.fabric.iot.evaluate import UNDEFINED, Message, decoded, filled, text
from stackproof.fabric.service import Caller, Delivery, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.iot.service import IotService
    from stackproof.fabric.world import World

Action = Mapping[str, Any]
Perform = Callable[[Action, bytes, Message, Caller], None]


class Actions:
    """``perform`` runs one action of a rule; raises ``ServiceError`` when it fails."""

    def __init__(self, service: IotService, world: World) -> None:
        self._service = service
        self._world = world
        self._kinds: dict[str, Perform] = {
            "lambda": self._lambda, "sqs": self._sqs, "sns": self._sns, "dynamoDB": self._dynamodb,
            "dynamoDBv2": self._item, "kinesis": self._kinesis, "s3": self._s3, "firehose": self._firehose,
            "republish": self._republish, "cloudwatchMetric": self._metric, "cloudwatchAlarm": self._alarm,
            "cloudwatchLogs": self._logs,
        }  # fmt: skip

    def check(self, action: Action) -> None:
        """Raise for a kind of action that is not emulated."""
        for kind in action:
            if kind not in self._kinds:
                raise errors.not_emulated(f"rule action {kind}")

    def perform(self, action: Action, payload: bytes, message: Message, rule: str, place: Caller) -> str:
        """Run an action for a message; answers its kind."""
        ((kind, settings),) = action.items()
        caller = self._world.caller(
            place.account, place.region, arn=str(settings.get("roleArn", "")), actor=arns.last(rule),
            service="iot.amazonaws.com", source_arn=rule,
        )  # fmt: skip
        self._kinds[kind](settings, payload, message, caller)
        return kind

    def _call(self, service: str, operation: str, params: Params, caller: Caller) -> Response:
        return self._world.call(service, operation, params, caller)

    # One by one.

    def _lambda(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        body = payload.decode("utf-8", "replace")
        if decoded(payload) is UNDEFINED:
            body = json.dumps(base64.b64encode(payload).decode())
        refused: list[Exception] = []

        def done(error: Exception | None) -> None:
            if error is not None:
                refused.append(error)

        delivery = Delivery(caller.source_arn, body, principal="iot.amazonaws.com")
        self._world.deliver(settings["functionArn"], delivery, done)
        if refused:
            raise ServiceError("AccessDeniedException", str(refused[0]), status=403)

    def _sqs(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        body = payload.decode("utf-8", "replace")
        if settings.get("useBase64"):
            body = base64.b64encode(payload).decode()
        self._call("sqs", "SendMessage", {"QueueUrl": settings["queueUrl"], "MessageBody": body}, caller)

    def _sns(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        params = {"TopicArn": settings["targetArn"], "Message": payload.decode("utf-8", "replace")}
        if settings.get("messageFormat") == "JSON":
            params["MessageStructure"] = "json"
        self._call("sns", "Publish", params, caller)

    def _dynamodb(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        item: dict[str, Any] = {}
        for side in ("hash", "range"):
            if settings.get(f"{side}KeyField"):
                kind = "N" if settings.get(f"{side}KeyType") == "NUMBER" else "S"
                item[settings[f"{side}KeyField"]] = {kind: filled(settings[f"{side}KeyValue"], message)}
        operation = filled(settings.get("operation") or "INSERT", message).upper()
        table = settings["tableName"]
        if operation == "DELETE":
            self._call("dynamodb", "DeleteItem", {"TableName": table, "Key": item}, caller)
            return
        item[settings.get("payloadField") or "payload"] = {"S": payload.decode("utf-8", "replace")}
        self._call("dynamodb", "PutItem", {"TableName": table, "Item": item}, caller)

    def _item(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        document = decoded(payload)
        if not isinstance(document, dict):
            raise ServiceError("ValidationException", "the result of the statement must be a JSON object")
        item = {name: attribute(one) for name, one in document.items()}
        self._call(
            "dynamodb", "PutItem", {"TableName": settings["putItem"]["tableName"], "Item": item}, caller
        )

    def _kinesis(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        key = filled(settings.get("partitionKey") or "${newuuid()}", message)
        params = {"StreamName": settings["streamName"], "Data": payload, "PartitionKey": key}
        self._call("kinesis", "PutRecord", params, caller)

    def _s3(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        params = {"Bucket": settings["bucketName"], "Key": filled(settings["key"], message), "Body": payload}
        if settings.get("cannedAcl"):
            params["ACL"] = settings["cannedAcl"]
        self._call("s3", "PutObject", params, caller)

    def _firehose(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        end = str(settings.get("separator") or "").encode()
        document = decoded(payload)
        parts = [payload]
        if settings.get("batchMode") and isinstance(document, list):
            parts = [text(one).encode() for one in document]
        records = [{"Data": part + end} for part in parts]
        params = {"DeliveryStreamName": settings["deliveryStreamName"], "Records": records}
        answer = self._call("firehose", "PutRecordBatch", params, caller)
        if answer.get("FailedPutCount"):
            raise ServiceError("ServiceUnavailableException", "records were refused by the delivery stream")

    def _republish(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        topic = filled(settings["topic"], message).replace("$$", "$", 1)
        self._service.broker.publish(caller, topic, payload, client=message.client, actor=caller.actor)

    def _metric(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        datum: dict[str, Any] = {
            "MetricName": filled(settings["metricName"], message),
            "Value": float(filled(settings["metricValue"], message)),
            "Unit": filled(settings["metricUnit"], message),
        }
        if settings.get("metricTimestamp"):
            datum["Timestamp"] = float(filled(settings["metricTimestamp"], message))
        namespace = filled(settings["metricNamespace"], message)
        params = {"Namespace": namespace, "MetricData": [datum]}
        self._call("cloudwatch", "PutMetricData", params, caller)

    def _alarm(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        params = {
            "AlarmName": settings["alarmName"], "StateReason": settings["stateReason"],
            "StateValue": filled(settings["stateValue"], message),
        }  # fmt: skip
        self._call("cloudwatch", "SetAlarmState", params, caller)

    def _logs(self, settings: Action, payload: bytes, message: Message, caller: Caller) -> None:
        place = {"logGroupName": settings["logGroupName"], "logStreamName": message.uuid}
        self._call("logs", "CreateLogStream", place, caller)
        event = {"timestamp": message.ms, "message": payload.decode("utf-8", "replace")}
        self._call("logs", "PutLogEvents", {**place, "logEvents": [event]}, caller)


def attribute(value: Any) -> dict[str, Any]:
    """A JSON value as DynamoDB stores it."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [attribute(one) for one in value]}
    return {"M": {name: attribute(one) for name, one in value.items()}}
