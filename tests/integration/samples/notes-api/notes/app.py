import json
import os
import time
import uuid

import boto3
from notes_common import respond

table = boto3.resource("dynamodb").Table(os.environ["NOTES_TABLE"])


def handler(event, context):
    method = event["httpMethod"]
    note_id = (event.get("pathParameters") or {}).get("id")
    if note_id is None:
        if method == "GET":
            return respond(200, table.scan().get("Items", []))
        note = json.loads(event["body"])
        note.update(id=str(uuid.uuid4()), created=int(time.time()))
        table.put_item(Item=note)
        return respond(201, note)
    if method == "GET":
        item = table.get_item(Key={"id": note_id}).get("Item")
        return respond(200, item) if item else respond(404, {"message": "not found"})
    if method == "PUT":
        text = json.loads(event["body"])["text"]
        updated = table.update_item(
            Key={"id": note_id},
            UpdateExpression="SET #t = :t",
            ExpressionAttributeNames={"#t": "text"},
            ExpressionAttributeValues={":t": text},
            ReturnValues="ALL_NEW",
        )
        return respond(200, updated["Attributes"])
    table.delete_item(Key={"id": note_id})
    return respond(204)
