"""The service DynamoDB, as far as the fabric owns it: streams on and off, Kinesis streams, time to live.

Items are kept by the state behind; so is everything that is not in ``operations``. An item whose time is
over is deleted within a minute of virtual time (AWS: within a few days), by the principal
``dynamodb.amazonaws.com``, and that record is in the table's stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.dynamodb.destinations import Destinations
from stackproof.fabric.dynamodb.streams import TTL
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.dynamodb.streams import DynamoDbStreamsService
    from stackproof.fabric.scheduler import Timer
    from stackproof.fabric.world import World

SWEEP = 60
"""Seconds between two looks for items whose time is over."""
OLDEST = 5 * 365 * 86_400
"""Seconds: what expired longer ago than this stays (developer guide, "Using time to live")."""
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", "ExecuteStatement",
           "BatchExecuteStatement", "ExecuteTransaction")  # fmt: skip


class DynamoDbService:
    """``expiring`` is the time-to-live attribute of each table that has one, by the table's ARN."""

    name = "dynamodb"

    def __init__(self, world: World) -> None:
        self.world = self._world = world
        self.destinations = Destinations(self)
        self.expiring: dict[str, str] = {}
        self._looked: dict[str, tuple[int, int | None]] = {}
        self._timer: Timer | None = None
        self._ids: dict[str, str] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateTable": self.create_table,
            "DescribeTable": self.describe_table,
            "UpdateTable": self.update_table,
            "DeleteTable": self.delete_table,
            "UpdateTimeToLive": self.update_time_to_live,
            **self.destinations.operations,
        }

    def _behind(self, operation: str, params: Params, caller: Caller) -> Response:
        state = self._world.state
        if state is None:
            raise ServiceError("NotImplemented", f"dynamodb.{operation} is not emulated", status=501)
        return state.call("dynamodb", operation, params, caller)

    @property
    def _streams(self) -> DynamoDbStreamsService:
        found: DynamoDbStreamsService = self._world.service("dynamodbstreams")
        return found

    # Tables and their streams.

    def create_table(self, params: Params, caller: Caller) -> Response:
        """As the state behind does it; a stream opens."""
        answer = self._behind("CreateTable", params, caller)
        table = answer["TableDescription"]
        self._follow(table)
        self._ids[table["TableArn"]] = self._world.ids.uuid()
        table.pop("WarmThroughput", None)
        return {"TableDescription": self._described(table, "CREATING")}

    def describe_table(self, params: Params, caller: Caller) -> Response:
        """As the state behind does it, with the table's id."""
        answer = self._behind("DescribeTable", params, caller)
        return {"Table": self._described(answer["Table"], answer["Table"]["TableStatus"])}

    def update_table(self, params: Params, caller: Caller) -> Response:
        """As the state behind does it; a stream opens or closes."""
        answer = self._behind("UpdateTable", params, caller)
        table = answer["TableDescription"]
        if "StreamSpecification" in params:
            self._follow(table)
        billing = table.get("BillingModeSummary")
        if billing and billing.get("BillingMode") == "PAY_PER_REQUEST":
            table["BillingModeSummary"] = {
                "LastUpdateToPayPerRequestDateTime": table["CreationDateTime"],
                **billing,
            }
        return {"TableDescription": self._described(table, "UPDATING")}

    def _described(self, table: Mapping[str, Any], status: str) -> dict[str, Any]:
        """A table as AWS tells of it: no empty lists; a change is over when somebody asks again."""
        shown = {name: value for name, value in table.items() if value != []}
        found = self._ids.get(table["TableArn"])
        return {**shown, "TableStatus": status} | ({"TableId": found} if found else {})

    def delete_table(self, params: Params, caller: Caller) -> Response:
        """As the state behind does it; the stream closes, and is there for another day."""
        answer = self._behind("DeleteTable", params, caller)
        arn = str(answer["TableDescription"]["TableArn"])
        self._streams.closed(arn)
        self.expiring.pop(arn, None)
        self._ids.pop(arn, None)
        self.destinations.forget(arn)
        return answer

    def arn_of(self, name: str, caller: Caller) -> str:
        """The ARN of a table; raises what DescribeTable is refused with."""
        return str(self._behind("DescribeTable", {"TableName": name}, caller)["Table"]["TableArn"])

    def id_of(self, arn: str) -> str:
        """The id of a table."""
        return self._ids.get(arn, "")

    def _follow(self, table: Mapping[str, Any]) -> None:
        specification = table.get("StreamSpecification") or {}
        if specification.get("StreamEnabled"):
            schema = sorted(table["KeySchema"], key=lambda key: str(key["KeyType"]))
            keys = [key["AttributeName"] for key in schema]
            self._streams.opened(table["LatestStreamArn"], specification["StreamViewType"], keys)
        else:
            self._streams.closed(table["TableArn"])

    # Time to live.

    def update_time_to_live(self, params: Params, caller: Caller) -> Response:
        """As the state behind does it; items begin to expire."""
        answer = self._behind("UpdateTimeToLive", params, caller)
        name = params["TableName"]
        arn = name if name.startswith("arn:") else arns.arn("dynamodb", caller.region, caller.account,
                                                             f"table/{name}")  # fmt: skip
        wanted = params["TimeToLiveSpecification"]
        self._looked.pop(arn, None)
        if wanted["Enabled"]:
            self.expiring[arn] = wanted["AttributeName"]
            self._arm()
        else:
            self.expiring.pop(arn, None)
        return answer

    def _arm(self) -> None:
        if self._timer is None and self.expiring:
            self._timer = self._world.scheduler.after(SWEEP, "items expire", self._sweep, drives=False)

    def _sweep(self) -> None:
        self._timer = None
        for arn, attribute in [*self.expiring.items()]:
            self._expire(arn, attribute)
        self._arm()

    def _version(self, table: str) -> int:
        """How many calls may have written to a table so far."""
        counts = self._world.journal.counts
        return sum(counts[f"dynamodb.{verb}", target] for verb in _WRITES for target in (table, ""))

    def _expire(self, arn: str, attribute: str) -> None:
        """Delete what is due. A table is looked through only when something was written or falls due."""
        table, now = arns.last(arn), int(self._world.clock.now)
        seen, due = self._looked.get(arn, (-1, None))
        version = self._version(table)
        if version == seen and (due is None or due > now):
            return
        parsed = arns.parse(arn)
        assert parsed is not None  # it was made from a table's name
        caller = self._world.caller(
            parsed.account, parsed.region, arn="", actor="time to live", service=TTL, source_arn=arn
        )
        try:
            soonest = self._look_through(table, attribute, now, caller)
        except ServiceError:  # the table is gone
            self.expiring.pop(arn, None)
            return
        self._looked[arn] = (self._version(table), soonest)

    def _look_through(self, table: str, attribute: str, now: int, caller: Caller) -> int | None:
        """Delete what is due; answers the next time at which something is, in seconds."""
        schema = self._behind("DescribeTable", {"TableName": table}, caller)["Table"]["KeySchema"]
        keys = [key["AttributeName"] for key in schema]
        params: Params = {"TableName": table}
        soonest: int | None = None
        while True:
            page = self._behind("Scan", params, caller)
            for item in page["Items"]:
                value = item.get(attribute, {}).get("N")
                if value is None:
                    continue
                when = int(float(value))
                if when > now:
                    soonest = when if soonest is None else min(soonest, when)
                elif when > now - OLDEST:
                    key = {name: item[name] for name in keys}
                    self._world.call("dynamodb", "DeleteItem", {"TableName": table, "Key": key}, caller)
            if not page.get("LastEvaluatedKey"):
                return soonest
            params = {**params, "ExclusiveStartKey": page["LastEvaluatedKey"]}

    # Snapshots.

    def snapshot(self) -> Any:
        """Which items expire, and when they were looked for; which streams take changes."""
        return (
            dict(self.expiring), dict(self._looked), self._timer, dict(self._ids),
            self.destinations.snapshot(),
        )  # fmt: skip

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        expiring, looked, self._timer, ids, destinations = state
        self.destinations.restore(destinations)
        self.expiring, self._looked, self._ids = dict(expiring), dict(looked), dict(ids)
