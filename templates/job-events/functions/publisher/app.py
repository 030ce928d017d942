"""Publish what happened to a job. It stands for a service that reads the change stream of a database."""

from __future__ import annotations

import json
import os
import zlib

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

JOBS = 1000
LIFE_OF_A_JOB = ("JobCreated", "JobSalaryUpdated", "JobDeleted")

logger = Logger()
sns = boto3.client("sns")


@event_source(data_class=EventBridgeEvent)
def handler(event: EventBridgeEvent, context: LambdaContext) -> None:
    """Publish the life of one job.

    Job and event ids come from the id of the run: when a run is repeated after an error the topic sees the
    same events again and drops those that it has, for five minutes.
    """
    run = event.get_id
    job = str(zlib.crc32(run.encode()) % JOBS)
    for number, what in enumerate(LIFE_OF_A_JOB):
        publish(job, what, f"{run}-{number}", event.time)


def publish(job: str, what: str, event_id: str, at: str) -> None:
    """Publish one event, in order with all others of its job."""
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=f"Job {job}: {what}",
        Message=json.dumps({"event_id": event_id, "job_id": job, "event_type": what, "at": at}),
        MessageAttributes={"eventType": {"DataType": "String", "StringValue": what}},
        MessageGroupId=job,
        MessageDeduplicationId=event_id,
    )
    logger.info("published", extra={"event_id": event_id, "job_id": job, "event_type": what})
