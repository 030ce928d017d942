"""Function URLs: a function's own address. Source: Lambda developer guide, "Lambda function URLs".

A URL of type NONE needs a statement in the function's policy that lets everybody in; one of type AWS_IAM
lets in whom an identity policy or the function's policy allows ``lambda:InvokeFunctionUrl``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stackproof.errors import CapabilityMissing
from stackproof.fabric import arns
from stackproof.fabric.access import like
from stackproof.fabric.apigateway import answers, cors, events
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.functions.invocation import Outcome
from stackproof.fabric.functions.model import Function
from stackproof.fabric.http import Request, Response
from stackproof.fabric.service import ServiceError
from stackproof.fabric.tasks import current

if TYPE_CHECKING:
    from stackproof.fabric.apigateway.service import ApiGatewayService
    from stackproof.fabric.world import World

_ACTION = "lambda:InvokeFunctionUrl"
_SIGNED = re.compile(r"AWS4-(?:HMAC|ECDSA)\S* Credential=(?P<key>[^/,]+)/")
_FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see the documentation."


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a request: the key, and the principal's ARN and account."""

    key: str
    arn: str
    account: str
    user_id: str


class FunctionUrls:
    """Requests to ``…lambda-url.…on.aws``."""

    def __init__(self, service: ApiGatewayService, world: World) -> None:
        self._service = service
        self._world = world

    def handle(self, request: Request, host: str) -> Response:
        """The answer of the function behind a host, 403 for an address that nobody has."""
        for function in self._world.service("lambda").functions.values():
            for qualifier, config in function.urls.items():
                if urlsplit(str(config["FunctionUrl"])).hostname == host:
                    return self._answer(request, host, function, qualifier, config)
        return _message(403, "Forbidden")

    def _answer(
        self, request: Request, host: str, function: Function, qualifier: str, config: Mapping[str, Any]
    ) -> Response:
        settings = config.get("Cors")
        preflight = cors.preflight(settings, request)
        if preflight is not None:
            return Response(200, headers=preflight.headers)
        signer = self._signer(request)
        if not self._lets_in(function, qualifier, str(config["AuthType"]), signer):
            return _message(403, _FORBIDDEN)
        if config.get("InvokeMode") == "RESPONSE_STREAM":
            raise CapabilityMissing(
                f"not emulated: streamed answers (InvokeMode RESPONSE_STREAM) of {function.name}"
            )
        visit = self._visit(request, host, config, signer)
        event = events.version_2(visit)
        if config["AuthType"] == "AWS_IAM" and signer is not None:
            event["requestContext"]["authorizer"] = {"iam": _authorizer(signer)}
        outcome = self._service.invoke(function, qualifier, event, visit, "url")
        answer = outcome if isinstance(outcome, Response) else _shown(outcome)
        return cors.added(settings, request, answer)

    def _visit(self, request: Request, host: str, config: Mapping[str, Any], signer: Signer | None) -> Visit:
        raw = urlsplit(request.url).path or "/"
        known = signer is not None and config["AuthType"] == "AWS_IAM"
        account = signer.account if signer is not None and known else "anonymous"
        return Visit(
            request, host.split(".")[0], account, host, "$default", raw, raw, "$default", {}, {},
            self._world.ids.uuid(), self._world.clock.ms, route_key="$default",
            binary=answers.looks_binary(request),
        )  # fmt: skip

    # Who may.

    def _signer(self, request: Request) -> Signer | None:
        """The principal of a signed request: who runs, else whom the test named, else the key's account."""
        match = _SIGNED.match(request.header("Authorization"))
        if match is None:
            return None
        task, key = current(), match["key"]
        if task is not None:
            caller = task.identity
            return Signer(key, caller.arn, caller.account, caller.user_id)
        if key.startswith("arn:"):
            parsed = arns.parse(key.replace("|", "/"))
            account = parsed.account if parsed else self._world.account
            return Signer(key, key.replace("|", "/"), account, "AIDASTACKPROOF")
        account = key if re.fullmatch(r"\d{12}", key) else self._world.account
        return Signer(key, f"arn:aws:iam::{account}:root", account, account)

    def _lets_in(self, function: Function, qualifier: str, kind: str, signer: Signer | None) -> bool:
        arn = f"{function.arn}:{qualifier}" if qualifier else function.arn
        statements = [one for one in function.policies.get(qualifier, ()) if _about(one, kind, arn)]
        if kind == "NONE":
            return any(_everybody(one["Principal"]) for one in statements)
        if signer is None:
            return False
        named = any(_names(one["Principal"], signer) for one in statements)
        same = signer.account == function.account
        if not same:
            return named and self._allowed(signer, arn, kind)
        return named or self._allowed(signer, arn, kind)

    def _allowed(self, signer: Signer, arn: str, kind: str) -> bool:
        """Whether the principal's own policies allow it: those of a role; an account's root may all."""
        if signer.arn.endswith(":root"):
            return True
        statements = [one for document in self._documents(signer) for one in _many(document.get("Statement"))]
        effects = {one.get("Effect") for one in statements if _about(one, kind, arn)}
        return "Allow" in effects and "Deny" not in effects

    def _documents(self, signer: Signer) -> list[Mapping[str, Any]]:
        state, match = self._world.state, re.search(r":(?:assumed-)?role/(?:.*/)?([^/]+)", signer.arn)
        if state is None or match is None:
            return []
        name = match[1]
        if ":assumed-role/" in signer.arn:
            name = signer.arn.split(":assumed-role/")[1].split("/")[0]
        caller = self._world.caller(signer.account, actor="lambda")

        def ask(operation: str, **params: str) -> dict[str, Any]:
            return state.call("iam", operation, params, caller)

        found: list[Mapping[str, Any]] = []
        try:
            inline = ask("ListRolePolicies", RoleName=name)["PolicyNames"]
            found += [ask("GetRolePolicy", RoleName=name, PolicyName=one)["PolicyDocument"] for one in inline]
            for attached in ask("ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]:
                arn = attached["PolicyArn"]
                version = ask("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
                answer = ask("GetPolicyVersion", PolicyArn=arn, VersionId=version)
                found.append(answer["PolicyVersion"]["Document"])
        except ServiceError:
            return found
        return found


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _about(statement: Mapping[str, Any], kind: str, arn: str) -> bool:
    """Whether a statement is about invoking this function by its URL of this type."""
    actions = _many(statement.get("Action", []))
    resources = _many(statement.get("Resource", "*"))
    if not any(like(_ACTION, action, fold=True) for action in actions):
        return False
    if not any(like(arn, resource) for resource in resources):
        return False
    wanted = statement.get("Condition", {}).get("StringEquals", {}).get("lambda:FunctionUrlAuthType")
    return wanted is None or kind in _many(wanted)


def _everybody(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, Mapping) and "*" in _many(principal.get("AWS")))


def _names(principal: Any, signer: Signer) -> bool:
    if _everybody(principal):
        return True
    named = _many(principal.get("AWS", [])) if isinstance(principal, Mapping) else [principal]
    root = f":iam::{signer.account}:root"
    return any(one in (signer.arn, signer.account) or str(one).endswith(root) for one in named)


def _authorizer(signer: Signer) -> dict[str, Any]:
    return {
        "accessKey": signer.key, "accountId": signer.account, "callerId": signer.user_id,
        "cognitoIdentity": None, "principalOrgId": None, "userArn": signer.arn, "userId": signer.user_id,
    }  # fmt: skip


def _message(status: int, text: str) -> Response:
    return Response.of_json({"Message": text}, status)


def _shown(outcome: Outcome) -> Response:
    try:
        if outcome.error:
            raise answers.Malformed
        return answers.version_2(outcome.payload)
    except answers.Malformed:
        return Response(502, b"Internal Server Error", (("Content-Type", "text/plain"),))
