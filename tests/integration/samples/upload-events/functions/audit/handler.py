import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def main(event, context):
    detail = event["detail"]
    table.put_item(
        Item={"key": detail["key"], "size": detail["size"], "at": event["time"], "stage": os.environ["STAGE"]}
    )
    return {"stored": detail["key"]}
