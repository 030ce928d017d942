"""word-counter, order-processing, list-updates, job-events: faults that the gate must not let through."""

from __future__ import annotations

import pytest

RESPONSES = "            FunctionResponseTypes: [ReportBatchItemFailures]\n"


def policy_statement(queue: str, topic: str) -> str:
    return (
        f"            Resource: !GetAtt {queue}.Arn\n            Condition:\n"
        f"              ArnEquals:\n                aws:SourceArn: !Ref {topic}\n"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "rule"),
    [
        (
            "word-counter",
            policy_statement("FailedMessages", "Topic"),
            "            Resource: !GetAtt FailedMessages.Arn\n",
            "SQS_POLICY_SERVICE_SCOPED",
        ),
        (
            "order-processing",
            policy_statement("CustomerOrders", "Orders"),
            "            Resource: !GetAtt CustomerOrders.Arn\n",
            "SQS_POLICY_SERVICE_SCOPED",
        ),
        ("order-processing", RESPONSES, "", "LAMBDA_QUEUE_PARTIAL_BATCH"),
        ("list-updates", RESPONSES, "", "LAMBDA_QUEUE_PARTIAL_BATCH"),
        ("job-events", "maxReceiveCount: 3", "maxReceiveCount: 1",
         "SQS_REDRIVE_RECEIVE_COUNT"),
        ("job-events", "TopicName: !Sub JobEvents-${Environment}.fifo",
         "TopicName: !Sub JobEvents-${Environment}", "SNS_FIFO_NAME"),
    ],
)  # fmt: skip
def test_a_policy_set_refuses(system, name, old, new, rule):
    broken = system(name, ("template.yaml", old, new))
    assert rule in broken.refused("template.yaml", "messaging", "serverless")


@pytest.mark.parametrize(
    ("name", "old", "new", "rule"),
    [
        ("order-processing", "VisibilityTimeout: 180", "VisibilityTimeout: 60", "SP-RES-VISIBILITY"),
        ("list-updates", "VisibilityTimeout: 180", "VisibilityTimeout: 60", "SP-RES-VISIBILITY"),
        (
            "list-updates",
            "      ReservedConcurrentExecutions: !Ref WriterConcurrency\n",
            "",
            "SP-RES-QUEUE-CONCURRENCY",
        ),
        (
            "job-events",
            "      QueueName: !Sub AnalyticsFailedEvents-${Environment}.fifo\n      FifoQueue: true\n",
            "",
            "SP-RES-FIFO-PAIR",
        ),
    ],
)
def test_a_rule_across_resources_refuses(system, name, old, new, rule):
    broken = system(name, ("template.yaml", old, new))
    assert rule in broken.wiring("template.yaml")
