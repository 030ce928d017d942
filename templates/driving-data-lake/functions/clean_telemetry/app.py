"""Clean the telemetry of vehicles on its way into the lake: Firehose calls this with each batch."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import os
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

logger = Logger()
metrics = Metrics()
dynamodb = boto3.resource("dynamodb")
secrets = boto3.client("secretsmanager")

HIGH_VELOCITY_KMH = 130
LEFT_TURN_DEGREES_PER_SECOND = 12
SEEN_DAYS = 2


@cache
def pseudonym_key() -> bytes:
    """The key of the pseudonyms; whoever has it can tell vehicles apart by their VIN, nobody else can."""
    return secrets.get_secret_value(SecretId=os.environ["PSEUDONYM_SECRET"])["SecretString"].encode()


def pseudonym(vin: str) -> str:
    """The same for the same VIN, and no way back."""
    return hmac.new(pseudonym_key(), vin.encode(), hashlib.sha256).hexdigest()[:24]


def number(frame: dict[str, Any], name: str) -> float:
    """A finite number; raises ValueError."""
    value = frame.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"'{name}' is no number")
    return value


def cleaned(data: bytes) -> dict[str, Any]:
    """A frame with its pseudonym and the time of the fleet's clock; raises ValueError for a corrupt one.

    ``vehicleTime`` is in milliseconds by the vehicle's clock, ``clockOffset`` by how much that runs ahead.
    """
    frame = json.loads(data)
    if not isinstance(frame, dict):
        raise ValueError("a frame is an object")
    vin = frame.get("vin")
    if not isinstance(vin, str) or len(vin) != 17 or not vin.isalnum():
        raise ValueError("'vin' has 17 letters and digits")
    milliseconds = number(frame, "vehicleTime") - number(frame, "clockOffset")
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError("'vehicleTime' is beyond all time") from None
    return {
        "vehicle": pseudonym(vin),
        "sequence": int(number(frame, "sequence")),
        "at": at.isoformat(timespec="milliseconds"),
        "speedKmh": number(frame, "speedKmh"),
        "yawRate": number(frame, "yawRate"),
    }


def scenes(frame: dict[str, Any]) -> list[str]:
    """What somebody who looks for scenes would call this moment."""
    found = []
    if frame["speedKmh"] > HIGH_VELOCITY_KMH:
        found.append("high velocity")
    if frame["yawRate"] > LEFT_TURN_DEGREES_PER_SECOND:
        found.append("left turn")
    return found


def first_time(frame: dict[str, Any], record_id: str) -> bool:
    """Whether this record is the first with this frame. A batch that is called again stays the first."""
    try:
        dynamodb.Table(os.environ["SEEN_TABLE"]).put_item(
            Item={
                "frame": f"{frame['vehicle']}#{frame['sequence']}",
                "record": record_id,
                "expires": int(time.time()) + SEEN_DAYS * 86400,
            },
            ConditionExpression="attribute_not_exists(#frame) OR #record = :record",
            ExpressionAttributeNames={"#frame": "frame", "#record": "record"},
            ExpressionAttributeValues={":record": record_id},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def tag(frame: dict[str, Any]) -> None:
    """Put each scene into the catalogue, under the vehicle and the moment."""
    for name in scenes(frame):
        item = {
            "vehicle": frame["vehicle"],
            "moment": f"{frame['at']}#{name}",
            "tag": name,
            "at": frame["at"],
            "speedKmh": Decimal(str(frame["speedKmh"])),
        }
        dynamodb.Table(os.environ["SCENES_TABLE"]).put_item(Item=item)


def transformed(record: dict[str, Any]) -> dict[str, str]:
    """What becomes of one record."""
    record_id = record["recordId"]
    try:
        frame = cleaned(base64.b64decode(record["data"]))
    except ValueError as error:
        logger.warning("corrupt frame", extra={"record_id": record_id, "reason": str(error)})
        metrics.add_metric(name="CorruptFrames", unit=MetricUnit.Count, value=1)
        return {"recordId": record_id, "result": "Dropped", "data": record["data"]}
    if not first_time(frame, record_id):
        metrics.add_metric(name="DuplicateFrames", unit=MetricUnit.Count, value=1)
        return {"recordId": record_id, "result": "Dropped", "data": record["data"]}
    tag(frame)
    line = json.dumps(frame, separators=(",", ":")) + "\n"
    return {"recordId": record_id, "result": "Ok", "data": base64.b64encode(line.encode()).decode()}


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer every record of the batch, in its order."""
    return {"records": [transformed(record) for record in event["records"]]}
