"""What a REST API refuses before its integration: missing parameters, bodies that their model does not allow.

Source: developer guide of API Gateway, "Request validation for REST APIs". A body is checked when a model is
known for its content type (``$default`` for any); models are JSON schema, draft 4.
"""

from __future__ import annotations

import json
from typing import Any

from stackproof.fabric.apigateway import answers, mapping
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.http import Response


def refused(visit: Visit, route: Route) -> Response | None:
    """The 400 that a request gets; None when nothing is asked or everything is there."""
    validator = route.facts.get("validator") or {}
    if validator.get("validateRequestParameters"):
        missing = _missing(visit, route)
        if missing:
            text = f"Missing required request parameters: [{', '.join(missing)}]"
            return answers.message(400, text, "BAD_REQUEST_PARAMETERS")
    if validator.get("validateRequestBody") and not _sound(visit, route):
        return answers.message(400, "Invalid request body", "BAD_REQUEST_BODY")
    return None


def _missing(visit: Visit, route: Route) -> list[str]:
    found = []
    for parameter, required in (route.facts.get("requestParameters") or {}).items():
        place, _, name = str(parameter).removeprefix("method.request.").partition(".")
        given = {key.lower() if place == "header" else key for key in mapping.parameters(visit, place)}
        if required and (name.lower() if place == "header" else name) not in given:
            found.append(name)
    return found


def _sound(visit: Visit, route: Route) -> bool:
    models = route.facts.get("models") or {}
    kind = (visit.request.header("Content-Type") or "application/json").split(";")[0].strip()
    schema: Any = models.get(kind, models.get("$default"))
    if schema is None:
        return True
    from jsonschema import Draft4Validator

    try:
        document = json.loads(visit.request.body or b"{}")
    except ValueError:
        return False
    return bool(Draft4Validator(schema).is_valid(document))
