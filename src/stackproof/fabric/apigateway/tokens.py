"""Authorizers that read a token: Amazon Cognito user pools of REST APIs, JWT of HTTP APIs.

Whose signature it is, says ``World.signed``: the keys are those of the world's user pools, or what an HTTP
double of another issuer's ``/.well-known/openid-configuration`` and its ``jwks_uri`` answers.
Sources: developer guide of API Gateway, "Control access to REST APIs using Amazon Cognito user pools as an
authorizer" (identity tokens, or access tokens where the method has scopes; claims in the request's context),
"Gateway response types" and "Control access to HTTP APIs with JWT authorizers".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.apigateway import answers
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.http import Request, Response

if TYPE_CHECKING:
    from stackproof.fabric.world import World

KINDS = ("COGNITO_USER_POOLS", "JWT")
_UNAUTHORIZED = answers.message(401, "Unauthorized", "UNAUTHORIZED")
_EXPIRED = answers.message(401, "The incoming token has expired", "UNAUTHORIZED")
_DENIED = answers.message(403, "User is not authorized to access this resource", "ACCESS_DENIED", "Message")
_POOL = re.compile(r"arn:[a-z-]+:cognito-idp:(?P<region>[a-z0-9-]+):\d+:userpool/(?P<id>.+)")


def rest(world: World, visit: Visit, route: Route, facts: Mapping[str, Any], token: str) -> Visit | Response:
    """What a user pool's token lets through; ``facts`` are those of the authorizer."""
    expression = facts.get("identityValidationExpression")
    if not token or (expression and not re.fullmatch(str(expression), token)):
        return _UNAUTHORIZED
    claims = _claims(world, token, "")
    if claims is None or str(claims.get("iss")) not in {_issuer(arn) for arn in facts["providerARNs"]}:
        return _UNAUTHORIZED
    if int(claims.get("exp", 0)) * 1000 <= world.clock.ms:
        return _EXPIRED
    wanted = route.facts.get("authorizationScopes") or ()
    if claims.get("token_use") != ("access" if wanted else "id"):
        return _UNAUTHORIZED
    if wanted and not set(wanted) & set(str(claims.get("scope", "")).split()):
        return _DENIED
    return replace(
        visit, authorizer={"claims": {name: _rest_text(name, one) for name, one in claims.items()}}
    )


def http(world: World, visit: Visit, route: Route, facts: Mapping[str, Any], token: str) -> Visit | Response:
    """What a JSON Web Token lets through; ``facts`` are those of the authorizer."""
    config = facts["JwtConfiguration"]
    claims = _claims(world, token, str(config["Issuer"])) if token else None
    now = world.clock.ms / 1000
    if claims is None or claims.get("iss") != config["Issuer"]:
        return _UNAUTHORIZED
    if not float(claims.get("nbf", 0)) <= now < float(claims.get("exp", now + 1)):
        return _UNAUTHORIZED
    given = claims.get("aud", claims.get("client_id", ()))
    if not set(config.get("Audience") or ()) & set([given] if isinstance(given, str) else given):
        return _UNAUTHORIZED
    wanted = route.facts.get("AuthorizationScopes") or ()
    scopes = claims.get("scope", claims.get("scp", ""))
    granted = scopes.split() if isinstance(scopes, str) else list(scopes)
    if wanted and not set(wanted) & set(granted):
        return answers.message(403, "Forbidden")
    shown = {name: _http_text(one) for name, one in claims.items()}
    return replace(visit, jwt={"claims": shown, "scopes": list(wanted) or None})


def _issuer(pool: str) -> str:
    match = _POOL.fullmatch(pool)
    return f"https://cognito-idp.{match['region']}.amazonaws.com/{match['id']}" if match is not None else ""


def _claims(world: World, token: str, issuer: str) -> dict[str, Any] | None:
    """The claims of a token whose signature is right; None of any other."""
    if world.signed is None:
        raise CapabilityMissing("not emulated: tokens of authorizers")
    keys = None if not issuer or "://cognito-idp." in issuer else _published(world, issuer)
    return world.signed(token.removeprefix("Bearer "), keys)


def _published(world: World, issuer: str) -> dict[str, Any]:
    """The keys of an issuer outside; raises UsageError where nobody declared a double of it."""

    def fetched(url: str) -> dict[str, Any]:
        answer = world.http.exchange(Request("GET", url, actor="apigateway"))
        if not isinstance(answer, Response) or answer.status != 200:
            return {}
        found: dict[str, Any] = answer.json()
        return found

    told = fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    return fetched(str(told["jwks_uri"])) if "jwks_uri" in told else {}


def _rest_text(name: str, value: Any) -> str:
    """A claim as a REST API hands it on: text, and the two times as dates."""
    if name in ("exp", "iat"):
        return datetime.fromtimestamp(int(value), UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)


def _http_text(value: Any) -> str:
    """A claim as an HTTP API hands it on."""
    if isinstance(value, list):
        return f"[{' '.join(str(one) for one in value)}]"
    return value if isinstance(value, str) else json.dumps(value)
