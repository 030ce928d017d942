"""Which services the fabric has. A new service: a new file, and its line here or an entry point.

Third parties register a factory ``(World) -> Service`` under the entry point group
``stackproof.fabric``; the entry point's name is the boto3 client name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackproof.fabric.service import Service
    from stackproof.fabric.world import World

SERVICES: dict[str, str] = {
    "apigateway": "stackproof.fabric.apigateway.service:ApiGatewayService",
    "codebuild": "stackproof.fabric.codebuild.service:CodeBuildService",
    "codecommit": "stackproof.fabric.codecommit.service:CodeCommitService",
    "codeconnections": "stackproof.fabric.codeconnections.service:CodeConnectionsService",
    "codepipeline": "stackproof.fabric.codepipeline.service:CodePipelineService",
    "cloudwatch": "stackproof.fabric.cloudwatch.service:CloudWatchService",
    "dynamodb": "stackproof.fabric.dynamodb.service:DynamoDbService",
    "dynamodbstreams": "stackproof.fabric.dynamodb.streams:DynamoDbStreamsService",
    "kinesis": "stackproof.fabric.kinesis.service:KinesisService",
    "events": "stackproof.fabric.events.service:EventsService",
    "pipes": "stackproof.fabric.pipes.service:PipesService",
    "scheduler": "stackproof.fabric.scheduler_service.service:SchedulerService",
    "sqs": "stackproof.fabric.sqs.service:SqsService",
    "lambda": "stackproof.fabric.functions.service:LambdaService",
    "firehose": "stackproof.fabric.firehose.service:FirehoseService",
    "logs": "stackproof.fabric.logs.service:LogsService",
    "s3": "stackproof.fabric.s3.service:S3Service",
    "iot": "stackproof.fabric.iot.service:IotService",
    "iot-data": "stackproof.fabric.iot.service:IotDataService",
    "sns": "stackproof.fabric.sns.service:SnsService",
}
"""boto3 client name to ``module:factory``."""


@cache
def _foreign() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group="stackproof.fabric")}


@cache
def names() -> frozenset[str]:
    """Every service that the fabric has."""
    return frozenset(SERVICES) | frozenset(_foreign())


def factory(name: str) -> Callable[[World], Service]:
    """The factory of a service; KeyError when the fabric does not have it."""
    if name in SERVICES:
        module, _, attribute = SERVICES[name].partition(":")
        found: Callable[[World], Service] = getattr(import_module(module), attribute)
        return found
    loaded: Callable[[World], Service] = _foreign()[name].load()
    return loaded
