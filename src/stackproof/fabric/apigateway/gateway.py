"""Gateway responses of REST APIs: what the gateway itself answers, as the API wants it.

Source: developer guide of API Gateway, "Gateway responses for REST APIs in API Gateway" and "Gateway response
types": a type that is not customised takes the customisation of DEFAULT_4XX or DEFAULT_5XX; templates know
simple variables only, no Velocity. They count from when they stand, without another deployment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stackproof.fabric.apigateway import events, mapping, nodes
from stackproof.fabric.apigateway.answers import Own
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.http import Response

_JSON = "application/json"
_USUAL = '{"message":$context.error.messageString}'
_HEADER = "gatewayresponse.header."
_VARIABLE = re.compile(
    r"\$(\{)?((?:context|stageVariables|method\.request\.(?:header|querystring|path))(?:\.[\w-]+)+)(?(1)\})"
)


def shaped(responses: Mapping[str, Mapping[str, Any]], visit: Visit, answer: Response) -> Response:
    """An answer with the status, headers and body that the API's gateway responses give it; what is none of
    the gateway's own is left alone."""
    if not isinstance(answer, Own) or not answer.kind:
        return answer
    wanted = responses.get(answer.kind) or responses.get(f"DEFAULT_{answer.status // 100}XX")
    if wanted is None:
        return answer
    templates = wanted.get("responseTemplates") or {_JSON: _USUAL}
    asked = visit.request.header("Accept").split(",")[0].split(";")[0].strip()
    kind = next(one for one in (asked, _JSON, *templates) if one in templates)
    headers = {"Content-Type": kind}
    for name, expression in (wanted.get("responseParameters") or {}).items():
        found = mapping.value(str(expression), visit)
        if found is not None:
            headers[str(name).removeprefix(_HEADER)] = nodes.shown(found)
    body = _VARIABLE.sub(lambda found: _value(found[2], visit, answer), str(templates[kind] or ""))
    status = int(wanted.get("statusCode") or answer.status)
    return events.stamped(visit, Response(status, body.encode(), tuple(headers.items())))


def _value(name: str, visit: Visit, answer: Own) -> str:
    error = {
        "context.error.message": answer.said or "",
        "context.error.messageString": json.dumps(answer.said),
        "context.error.responseType": answer.kind,
    }
    if name in error:
        return error[name]
    found = mapping.value(name, visit)
    return "" if found is None else nodes.shown(found)
