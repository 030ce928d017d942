"""Answer the one route of the backend."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
api = APIGatewayHttpResolver()


@api.get("/hello")
def hello() -> dict[str, str]:
    """Greet whoever asks, by the name in the query string when there is one."""
    return {"message": f"Hello, {api.current_event.get_query_string_value('name', 'world')}"}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Route a call of the HTTP API; an unknown path is answered with 404."""
    return api.resolve(event, context)
