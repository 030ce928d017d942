import json
import os
import uuid

import boto3
from shop import total

sqs = boto3.client("sqs")
QUEUE_URL = os.environ["QUEUE_URL"]


def lambda_handler(event, context):
    try:
        order = json.loads(event.get("body") or "")
        amount = total(order["items"])
    except (ValueError, KeyError, TypeError) as e:
        return {"statusCode": 400, "body": json.dumps({"error": str(e)})}
    order["orderId"] = order.get("orderId") or str(uuid.uuid4())
    order["total"] = str(amount)
    response = sqs.send_message(
        QueueUrl=QUEUE_URL,
        MessageBody=json.dumps(order),
        MessageAttributes={"customer": {"DataType": "String", "StringValue": order["customer"]}},
    )
    print(f"sent {response['MessageId']} to {os.environ['QUEUE_NAME']}")
    return {
        "statusCode": 202,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"orderId": order["orderId"]}),
    }
