"""Process orders, those of the priority queue before those of the standard one."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

BATCH = 10
WAIT_SECONDS = 5
# Not 0: a short poll asks only some of the servers, and may miss an order that waits.
PRIORITY_WAIT_SECONDS = 1

logger = Logger(service="order-worker")


class Worker:
    """Takes orders from two queues and records each one once. ``stop()`` ends it after the current batch."""

    def __init__(self) -> None:
        self.priority = os.environ["PRIORITY_QUEUE_URL"]
        self.standard = os.environ["STANDARD_QUEUE_URL"]
        self.sqs = boto3.client("sqs")
        self.table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
        self._stopped = threading.Event()

    def stop(self, *_: Any) -> None:
        """Also a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Poll until stopped."""
        while not self._stopped.is_set():
            self.poll()

    def poll(self) -> int:
        """Take one batch, from the standard queue only when the priority queue is empty; how many it held."""
        for queue, seconds in ((self.priority, PRIORITY_WAIT_SECONDS), (self.standard, WAIT_SECONDS)):
            messages = self.receive(queue, seconds)
            for message in messages:
                self.handle(queue, message)
            if messages:
                return len(messages)
        return 0

    def receive(self, queue: str, seconds: int) -> list[dict[str, Any]]:
        """Up to ten messages; waits for the first one."""
        answer = self.sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return list(answer.get("Messages", []))

    def handle(self, queue: str, message: dict[str, Any]) -> None:
        """Process and delete. A message that fails is left: it shows again when its visibility timeout is
        over, and moves to the dead-letter queue when it has failed too often."""
        try:
            self.process(json.loads(message["Body"], parse_float=Decimal))
        except Exception:
            logger.exception("not processed", message_id=message["MessageId"])
            return
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    def process(self, order: dict[str, Any]) -> None:
        """Record the order under its id; one that is recorded already stays as it is."""
        try:
            self.table.put_item(
                Item={
                    "order_id": str(order["order_id"]),
                    "customer": str(order["customer"]),
                    "total": order["total"],
                    "processed_at": datetime.now(UTC).isoformat(),
                },
                ConditionExpression="attribute_not_exists(order_id)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            logger.info("delivered again", order_id=order["order_id"])


def main() -> None:
    """The container's process: SIGTERM lets it finish its batch."""
    worker = Worker()
    signal.signal(signal.SIGTERM, worker.stop)
    worker.run()


if __name__ == "__main__":
    main()
