"""How long a topic tries an endpoint of AWS's own, by a deployed template."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.fabric.service import Undeliverable

TEMPLATE = """
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Queue: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Letters:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue, !Ref Dead]
      PolicyDocument:
        Statement:
          - {Effect: Allow, Action: sqs:SendMessage, Resource: '*', Principal: {Service: sns.amazonaws.com}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Topic
      Protocol: sqs
      Endpoint: !GetAtt Queue.Arn
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn}
"""
DAY = 86_400


class Down:
    """SQS, but one queue cannot be reached."""

    def __init__(self, real: Any, queue: str) -> None:
        self._real, self._queue = real, queue
        self.tries = 0

    def deliver(self, arn: str, delivery: Any, done: Any) -> None:
        """As SQS, or try again later."""
        if arn.endswith(f":{self._queue}"):
            self.tries += 1
            done(Undeliverable("down", retry=True))
        else:
            self._real.deliver(arn, delivery, done)


@pytest.mark.fabric(journal="counts")
def test_a_queue_that_is_down_is_tried_for_23_days(stack: Any, fabric: Any, aws: Any) -> None:
    """100,015 times over 23 days (SNS developer guide, "Message delivery retries")."""
    made = stack(TEMPLATE, require="emulated")
    receivers = fabric.world.receivers
    down = receivers["sqs"] = Down(receivers["sqs"], made.queue("Queue").rpartition("/")[2])
    aws.sns.publish(TopicArn=made["Topic"].physical_id, Message="x")

    def dead() -> int:
        return len(aws.sqs.receive_message(QueueUrl=made.queue("Dead")).get("Messages", []))

    fabric.advance(23 * DAY)
    assert dead() == 0
    fabric.advance(DAY / 4)
    assert dead() == 1
    assert down.tries == 100_015 + 1  # the first delivery is no retry
