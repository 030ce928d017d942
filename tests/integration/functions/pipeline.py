"""A topic, a queue, a function, a table and an API in one world; prints the digest of its journal."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from typing import Any

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runs-functions"
COUNTER = """
import json, os, random, time, uuid
import boto3

table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        words = json.loads(record["body"])["Message"].split()
        time.sleep(random.random())
        for word in {*words}:
            table.update_item(
                TableName=os.environ["TABLE"], Key={"word": {"S": word}},
                UpdateExpression="ADD seen :one SET mark = :mark",
                ExpressionAttributeValues={":one": {"N": "1"}, ":mark": {"S": str(uuid.uuid4())}},
            )
"""
FRONT = """
import os
import boto3

def handler(event, context):
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message=event["body"])
    return {"statusCode": 202}
"""


def archive(code: str) -> bytes:
    """A zip whose bytes do not hang on the time of day: they are in the journal."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(zipfile.ZipInfo("app.py"), code)
    return buffer.getvalue()


def build(backend: Any) -> str:
    """Make everything; answers the URL of the API."""
    sqs, sns, aws = backend.client("sqs"), backend.client("sns"), backend.client("lambda")
    backend.client("dynamodb").create_table(
        TableName="words", KeySchema=[{"AttributeName": "word", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "word", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    url = sqs.create_queue(QueueName="texts", Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:texts"
    topic = sns.create_topic(Name="texts")["TopicArn"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    for name, code, variables in (
        ("counter", COUNTER, {"TABLE": "words"}),
        ("front", FRONT, {"TOPIC": topic}),
    ):
        aws.create_function(
            FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=ROLE, Timeout=30,
            Code={"ZipFile": archive(code)}, Environment={"Variables": variables},
        )  # fmt: skip
    aws.create_event_source_mapping(EventSourceArn=queue, FunctionName="counter", BatchSize=5)
    return front(backend, aws)


def front(backend: Any, aws: Any) -> str:
    apis = backend.client("apigatewayv2")
    api = apis.create_api(Name="front", ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0",
        IntegrationUri=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:front",
    )["IntegrationId"]  # fmt: skip
    apis.create_route(ApiId=api, RouteKey="POST /texts", Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    aws.add_permission(
        FunctionName="front", StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/*/*/texts",
    )  # fmt: skip
    return f"https://{api}.execute-api.us-east-1.amazonaws.com/texts"


def main(seed: int) -> None:
    from stackproof.backends.embedded import EmbeddedBackend
    from stackproof.fabric.choice import Seeded

    with EmbeddedBackend(seed=seed, chooser=Seeded(seed)) as backend:
        url = build(backend)
        for number in range(12):
            backend.world.http.request("POST", url, body=f"word{number % 3} common")
        backend.world.run_until_idle()
        items = backend.client("dynamodb").scan(TableName="words")["Items"]
        counts = {item["word"]["S"]: int(item["seen"]["N"]) for item in items}
        print(json.dumps(dict(sorted(counts.items()))))
        print(hashlib.sha256(backend.world.journal.timeline().encode()).hexdigest())


if __name__ == "__main__":
    main(int(sys.argv[1]))
