"""A deployed REST API as the target of a rule: the request that EventBridge makes of an event.

Source: EventBridge user guide, "Amazon API Gateway targets": the ARN is
``arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}``, each ``*`` of its path is filled
from the target's HttpParameters, and the body is the event. An answer from 500 on, or 429, is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from stackproof.fabric import arns
from stackproof.fabric.http import Request, Response
from stackproof.fabric.service import Caller, Undeliverable
from stackproof.fabric.tasks import Task

if TYPE_CHECKING:
    from stackproof.fabric.world import World

Done = Callable[[Exception | None], None]


def send(
    world: World, target: str, body: str, parameters: Mapping[str, Any], caller: Caller, done: Done
) -> None:
    """Make the request in a task of its own; ``done`` gets None or an ``Undeliverable``."""
    parsed = arns.parse(target)
    api, stage, method, path = (*(parsed.resource if parsed else "").split("/", 3), "", "", "")[:4]
    for value in parameters.get("PathParameterValues") or ():
        path = path.replace("*", quote(str(value), safe=""), 1)
    query = urlencode(parameters.get("QueryStringParameters") or {})
    host = f"{api}.execute-api.{parsed.region if parsed else world.region}.amazonaws.com"
    given = {
        str(name).lower(): str(value) for name, value in (parameters.get("HeaderParameters") or {}).items()
    }
    headers = {"content-type": "application/json", "user-agent": "Amazon/EventBridge/ApiGateway", **given}
    url = f"https://{host}/{stage}/{path}" + (f"?{query}" if query else "")
    request = Request(
        "POST" if method == "*" else method, url, tuple(headers.items()), body.encode(), caller.actor
    )
    task = Task(
        world.scheduler, f"{caller.actor} to {api}", partial(_answer, world, request), kind="process",
        identity=caller, on_done=partial(_over, target, done),
    )  # fmt: skip
    world.scheduler.spawn(task)


def _answer(world: World, request: Request) -> Response:
    answer: Response = world.service("apigateway").handle(request)
    world.journal.record(request.actor, f"http.{request.method}", request.url, result=str(answer.status))
    return answer


def _over(target: str, done: Done, task: Task) -> None:
    if task.error is not None:
        if not isinstance(task.error, ConnectionError):
            raise task.error
        done(Undeliverable(str(task.error), code="NO_RESOURCE"))
    elif task.result.status >= 400:
        status = task.result.status
        refused = "NO_PERMISSIONS" if status in (401, 403) else "ERROR_FROM_TARGET"
        done(Undeliverable(f"{target} answered {status}", retry=status >= 500 or status == 429, code=refused))
    else:
        done(None)
