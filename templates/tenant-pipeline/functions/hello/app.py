"""The application of every tenant: it says hello."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="hello")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer every call with status 200 and a greeting."""
    return {"statusCode": 200, "body": "Hello!\n"}
