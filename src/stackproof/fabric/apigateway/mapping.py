"""What mapping templates and parameter mappings see of a request: ``$input``, ``$context``, ``$util``.

Sources: developer guide of API Gateway, "Variables for data transformations", "Parameter mapping examples for
REST APIs" and "Transform API requests and responses for HTTP APIs".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlsplit

from stackproof.fabric.apigateway import events, nodes, velocity
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.methods import Methods
from stackproof.fabric.events import paths


class Input(Methods):
    """``$input``: the body of a request or of an integration's answer, and the request's parameters."""

    def __init__(self, body: str, visit: Visit) -> None:
        self.body = body
        self._visit = visit
        try:
            self._document = json.loads(body) if body else {}
        except ValueError:
            self._document = body

    def path(self, path: str) -> Any:
        """What stands at a JSON path."""
        found = _at(path, self._document)
        return json.loads(json.dumps(found)) if isinstance(found, (dict, list)) else found

    def json(self, path: str) -> str:
        """The same as JSON text."""
        if not isinstance(self._document, (dict, list)) and path == "$":
            return json.dumps(self._document)
        found = _at(path, self._document)
        return '""' if found is None else json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def params(self, name: str | None = None) -> Any:
        """One parameter (of the path, the query, a header, in this order), or all of them."""
        found = {place: parameters(self._visit, place) for place in ("path", "querystring", "header")}
        if name is None:
            return found
        for values in found.values():
            if name in values:
                return values[name]
        return found.get(name, "")


class Util(Methods):
    """``$util``."""

    def escapeJavaScript(self, value: Any) -> str:  # noqa: N802 - the name that templates use
        """Text for a JavaScript (and JSON) string."""
        text = json.dumps(nodes.shown(value), ensure_ascii=False)[1:-1]
        return text.replace("'", r"\'").replace("/", r"\/")

    def parseJson(self, text: Any) -> Any:  # noqa: N802 - the name that templates use
        """JSON text as an object."""
        return json.loads(text)

    def urlEncode(self, text: Any) -> str:  # noqa: N802 - the name that templates use
        """Text for a form or a URL."""
        return quote_plus(nodes.shown(text), safe="*-._")

    def urlDecode(self, text: Any) -> str:  # noqa: N802 - the name that templates use
        """The other way."""
        return unquote_plus(nodes.shown(text))

    def base64Encode(self, text: Any) -> str:  # noqa: N802 - the name that templates use
        """Text in base64."""
        return base64.b64encode(nodes.shown(text).encode()).decode()

    def base64Decode(self, text: Any) -> str:  # noqa: N802 - the name that templates use
        """The other way."""
        return base64.b64decode(nodes.shown(text)).decode("utf-8", "replace")


def parameters(visit: Visit, place: str) -> dict[str, str]:
    """The parameters of a request in its path, querystring or header; of several values the last."""
    if place == "path":
        return dict(visit.parameters)
    if place == "querystring":
        return dict(parse_qsl(urlsplit(visit.request.url).query, keep_blank_values=True))
    proxied = events.version_1(visit, rest=True)
    return dict(proxied["headers"])


def variables(visit: Visit, body: str) -> dict[str, Any]:
    """The variables of a template; ``context`` may be written to (``responseOverride``)."""
    context = dict(events.version_1(visit, rest=True)["requestContext"])
    return {
        "input": Input(body, visit), "util": Util(), "context": context,
        "stageVariables": dict(visit.variables),
    }  # fmt: skip


def value(expression: str, visit: Visit, *, body: str | None = None) -> Any:
    """What a parameter mapping of a REST API says: ``'static'``, ``method.request.…``, ``context.…``.

    None where the request has nothing of that name.
    """
    if len(expression) > 1 and expression[0] == expression[-1] == "'":
        return expression[1:-1]
    if expression.startswith("stageVariables."):
        return visit.variables.get(expression.partition(".")[2])
    if expression.startswith("context."):
        context = events.version_1(visit, rest=True)["requestContext"]
        return _dotted(context, expression.removeprefix("context."))
    found = re.fullmatch(r"(?:method|integration)\.(?:request|response)\.(\w+)(?:\.(.+))?", expression)
    if found is None:
        return None
    place, name = found[1], found[2] or ""
    if place == "body":
        text = visit.request.body.decode("utf-8", "replace") if body is None else body
        return text if not name else _at(f"$.{name}", _loaded(text))
    given = parameters(visit, place.removeprefix("multivalue"))
    if place == "header":
        return next((one for key, one in given.items() if key.lower() == name.lower()), None)
    return given.get(name)


_HTTP = re.compile(r"\$\{([^}]+)\}|\$((?:request|context|stageVariables)\.[\w.$\[\]'-]+)")


def selected(expression: Any, visit: Visit) -> Any:
    """What a parameter of an HTTP API says: text in which ``$request.body.name`` and its like stand."""
    if not isinstance(expression, str):
        return expression
    whole = _HTTP.fullmatch(expression)
    if whole is not None:
        return _selection(whole[1] or whole[2], visit)
    return _HTTP.sub(lambda found: nodes.shown(_selection(found[1] or found[2], visit)), expression)


def _selection(name: str, visit: Visit) -> Any:
    kind, _, rest = name.partition(".")
    if kind == "stageVariables":
        return visit.variables.get(rest)
    if kind == "context":
        return _dotted(events.version_2(visit)["requestContext"], rest)
    place, _, rest = rest.partition(".")
    if place == "body":
        text = visit.request.body.decode("utf-8", "replace")
        return text if not rest else _at(f"$.{rest}", _loaded(text))
    if place == "path" and not rest:
        return visit.path
    given = parameters(visit, place)
    return next((one for key, one in given.items() if key.lower() == rest.lower()), None)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _dotted(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _at(path: str, document: Any) -> Any:
    """What stands at a JSON path, None for nothing. Raises ``BadTemplate`` for one that cannot be read."""
    try:
        found = paths.find(path, document)
    except paths.InvalidPath as error:
        raise velocity.BadTemplate(f"JSON path: {error}") from error
    return None if found is paths.MISSING else found
