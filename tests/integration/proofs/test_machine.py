"""The state machine base class: it finds what breaks a rule, and starts every run from the same world."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from stackproof.errors import UsageError
from stackproof.proofs.machine import PipelineMachine

few = settings(
    max_examples=12,
    stateful_step_count=8,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def template(update):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    code = (
        "import os, boto3\n"
        "table = boto3.client('dynamodb')\n"
        "def handler(event, context):\n"
        "    for record in event['Records']:\n"
        f"        {update}\n"
    )
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                },
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}
                },
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": code},
                    "Environment": {"Variables": {"TABLE": {"Ref": "Table"}}},
                },
            },
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                },
            },
        }
    }


COUNTS = (
    "table.update_item(TableName=os.environ['TABLE'], Key={'id': {'S': 'all'}}, "
    "UpdateExpression='ADD seen :one', ExpressionAttributeValues={':one': {'N': '1'}})"
)
FORGETS = "table.put_item(TableName=os.environ['TABLE'], Item={'id': {'S': 'all'}, 'seen': {'N': '1'}})"


class Counter(PipelineMachine):
    template = template(COUNTS)
    sources = ("Queue",)

    def messages(self, source):
        return self.strategies.messages(source, body=st.just({"id": 1}))

    def seen(self):
        key = {"id": {"S": "all"}}
        item = self.client("dynamodb").get_item(TableName=self.stack.table("Table"), Key=key).get("Item")
        return int(item["seen"]["N"]) if item else 0

    def check(self):
        assert self.seen() <= len(self.sent)

    def check_idle(self):
        assert self.seen() == len(self.sent)


class Forgetful(Counter):
    template = template(FORGETS)


def test_a_pipeline_that_keeps_its_rule_passes():
    run_state_machine_as_test(Counter, settings=few)


def test_one_that_breaks_it_is_found():
    with pytest.raises(AssertionError, match=r"assert \d+ == \d+"):
        run_state_machine_as_test(Forgetful, settings=settings(few, max_examples=60, phases=[Phase.generate]))


def test_a_machine_without_a_template_or_with_a_wrong_source_is_told():
    class Nothing(PipelineMachine):
        pass

    class Wrong(Counter):
        sources = ("Role",)

    once = settings(
        few, phases=[Phase.generate]
    )  # shrinking what every run says takes minutes when it is slow
    with pytest.raises(UsageError, match="Nothing needs a 'template' and 'sources'"):
        run_state_machine_as_test(Nothing, settings=once)
    with pytest.raises(UsageError, match="'Role' is AWS::IAM::Role: nothing can be sent to it"):
        run_state_machine_as_test(Wrong, settings=once)


SOURCES = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, "Table": template(COUNTS)["Resources"]["Table"]}
}


def test_a_topic_and_a_table_are_sources_too():
    class Sources(PipelineMachine):
        template = SOURCES
        sources = ("Topic", "Table")

        def check_idle(self):
            assert all(json.dumps(message, default=str) for _, message in self.sent)

    run_state_machine_as_test(Sources, settings=few)
