import json
import os
from datetime import UTC, datetime
from decimal import Decimal

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

logger = Logger(service="processor")
dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["TABLE_NAME"])


@logger.inject_lambda_context
def lambda_handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            process(json.loads(record["body"]))
        except Exception:
            logger.exception("could not process", extra={"messageId": record["messageId"]})
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def process(order):
    item = {
        "orderId": order["orderId"],
        "customer": order["customer"],
        "total": Decimal(order["total"]),
        "items": order["items"],
        "receivedAt": datetime.now(UTC).isoformat(),
    }
    try:
        table.put_item(
            Item=json.loads(json.dumps(item, default=str), parse_float=Decimal),
            ConditionExpression="attribute_not_exists(orderId)",
        )
    except ClientError as e:
        if e.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.info("already there", extra={"orderId": order["orderId"]})
