import json
import logging
import os
from urllib.parse import unquote_plus

import boto3
from kinds import kind_of

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")
sns = boto3.client("sns")
events = boto3.client("events")


def main(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        head = s3.head_object(Bucket=bucket, Key=key)
        detail = {"bucket": bucket, "key": key, "size": head["ContentLength"], "kind": kind_of(key)}
        logger.info("inspected %s", key)
        sns.publish(
            TopicArn=os.environ["TOPIC_ARN"],
            Subject="upload",
            Message=json.dumps(detail),
            MessageAttributes={"kind": {"DataType": "String", "StringValue": detail["kind"]}},
        )
        events.put_events(
            Entries=[
                {
                    "Source": "uploads",
                    "DetailType": "UploadInspected",
                    "Detail": json.dumps(detail),
                    "EventBusName": os.environ["BUS_NAME"],
                }
            ]
        )
