"""API keys and usage plans of REST APIs.

Source: developer guide, "Usage plans and API keys for REST APIs": a method that wants a key takes an enabled
one that belongs to a usage plan of the API's stage, else the answer is 403; what is over the plan's rate or
burst, or its quota, is 429. AWS calls both targets, not limits; here they hold exactly. A quota begins with
the day, the week (Sunday) or the month, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.apigateway import answers
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.apigateway.tables import Api, Tables
from stackproof.fabric.http import Response
from stackproof.fabric.service import Caller, Params

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_FORBIDDEN = answers.message(403, "Forbidden", "INVALID_API_KEY")
_THROTTLED = answers.message(429, "Too Many Requests", "THROTTLED")
_EXCEEDED = answers.message(429, "Limit Exceeded", "QUOTA_EXCEEDED")


@dataclass(frozen=True, slots=True)
class _Used:
    """What a key used of a plan: requests since ``began`` (ms), and ``tokens`` left at ``ms``."""

    began: int
    count: int
    tokens: float
    ms: int


class Keys:
    """``passes`` judges a request; what was used is kept by plan and key."""

    def __init__(self, world: World, tables: Tables) -> None:
        self._world = world
        self._tables = tables
        self._used: dict[tuple[str, str], _Used] = {}

    def passes(self, visit: Visit, api: Api, route: Route) -> Visit | Response:
        """The visit with its key, or the refusal. Raises CapabilityMissing for keys of authorizers."""
        if not route.facts.get("apiKeyRequired"):
            return visit
        caller = self._world.caller(api.account, api.region, actor="apigateway")
        if self._call("GetRestApi", {"restApiId": api.id}, caller).get("apiKeySource") == "AUTHORIZER":
            raise CapabilityMissing(f"not emulated: API keys that an authorizer names (API {api.id})")
        sent = visit.request.header("x-api-key")
        keys = self._call("GetApiKeys", {"includeValues": True, "limit": 500}, caller).get("items", [])
        key = next((one for one in keys if sent and one.get("value") == sent and one.get("enabled")), None)
        if key is None:
            return _FORBIDDEN
        plans = self._call("GetUsagePlans", {"keyId": key["id"], "limit": 500}, caller).get("items", [])
        stage = (api.id, visit.stage)
        plan = next((one for one in plans if stage in _stages(one)), None)
        if plan is None:
            return _FORBIDDEN
        refused = self._over(plan, str(key["id"]))
        return refused or replace(visit, key=(sent, str(key["id"])))

    def _call(self, operation: str, params: Params, caller: Caller) -> dict[str, Any]:
        return self._tables.call("apigateway", operation, params, caller)

    def _over(self, plan: Mapping[str, Any], key: str) -> Response | None:
        """The refusal of what is too much; what is not counts as made."""
        now = self._world.clock.ms
        rate, burst = _limits(plan)
        place = (str(plan["id"]), key)
        used = self._used.get(place) or _Used(now, 0, burst, now)
        tokens = min(burst, used.tokens + (now - used.ms) / 1000 * rate) if rate else 1.0
        quota = plan.get("quota") or {}
        began = _period(str(quota.get("period") or "MONTH"), now)
        count = used.count if used.began >= began else 0
        if tokens < 1:
            self._used[place] = replace(used, tokens=tokens, ms=now)
            return _THROTTLED
        if quota.get("limit") and count >= int(quota["limit"]):
            return _EXCEEDED
        self._used[place] = _Used(now if count == 0 else used.began, count + 1, tokens - 1, now)
        return None

    def snapshot(self) -> Any:
        """What was used."""
        return dict(self._used)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._used = dict(state)


def _stages(plan: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(str(one.get("apiId")), str(one.get("stage"))) for one in plan.get("apiStages") or ()}


def _limits(plan: Mapping[str, Any]) -> tuple[float, float]:
    """Requests a second, 0 for no limit, and how many may come at once."""
    given = plan.get("throttle") or {}
    rate = float(given.get("rateLimit") or 0)
    return rate, float(given.get("burstLimit") or max(rate, 1.0))


def _period(kind: str, ms: int) -> int:
    """The start of the day, week or month that a moment lies in, in ms."""
    day = datetime.fromtimestamp(ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "WEEK":
        day -= timedelta(days=(day.weekday() + 1) % 7)
    elif kind == "MONTH":
        day = day.replace(day=1)
    return int(day.timestamp() * 1000)
