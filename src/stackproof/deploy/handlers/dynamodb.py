"""Amazon DynamoDB: tables, their indexes, streams and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_CREATE = {
    "KeySchema": "KeySchema",
    "AttributeDefinitions": "AttributeDefinitions",
    "BillingMode": "BillingMode",
    "ProvisionedThroughput": "ProvisionedThroughput",
    "GlobalSecondaryIndexes": "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes": "LocalSecondaryIndexes",
    "TableClass": "TableClass",
    "DeletionProtectionEnabled": "DeletionProtectionEnabled",
    "OnDemandThroughput": "OnDemandThroughput",
}
_NO_CAPACITY = "capacity does not limit anything here"


class Table(Handler):
    """``AWS::DynamoDB::Table``."""

    type = "AWS::DynamoDB::Table"
    covers = frozenset(_CREATE) | {
        "TableName",
        "StreamSpecification",
        "SSESpecification",
        "TimeToLiveSpecification",
        "PointInTimeRecoverySpecification",
        "ResourcePolicy",
        "KinesisStreamSpecification",
        "Tags",
    }

    replaces = frozenset({"KeySchema", "LocalSecondaryIndexes"})

    def create(self, job: Job) -> Made:
        """CreateTable, then the settings that have calls of their own."""
        name = job.name("TableName")
        params = {"TableName": name, "Tags": job.tag_list() or None, **job.pick(_CREATE)}
        params.setdefault("BillingMode", "PROVISIONED")
        stream = job.get("StreamSpecification")
        if stream:
            params["StreamSpecification"] = _stream(stream)
        if job.get("SSESpecification"):
            params["SSESpecification"] = _encryption(job.get("SSESpecification"))
        table = job.call("dynamodb", "create_table", params)["TableDescription"]
        self._settings(job, name)
        return _made(table)

    def _settings(self, job: Job, name: str) -> None:
        for setting, apply in _SETTINGS.items():
            if (job.before is None and setting in job.properties) or (job.before and job.changed(setting)):
                apply(job, name)

    def update(self, job: Job, made: Made) -> Made:
        """UpdateTable, one index at a time as the API wants it."""
        name = made.physical_id
        for params in self._changes(job):
            job.call("dynamodb", "update_table", {"TableName": name, **params})
        self._settings(job, name)
        arn = str(made.attributes["Arn"])
        removed = job.removed_tags()
        if removed:
            job.call("dynamodb", "untag_resource", {"ResourceArn": arn, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("dynamodb", "tag_resource", {"ResourceArn": arn, "Tags": job.tag_list()})
        return _made(job.call("dynamodb", "describe_table", {"TableName": name})["Table"])

    def _changes(self, job: Job) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = []
        if job.changed("BillingMode", "ProvisionedThroughput"):
            mode = job.get("BillingMode", "PROVISIONED")
            throughput = job.get("ProvisionedThroughput") if mode == "PROVISIONED" else None
            changes.append({"BillingMode": mode, "ProvisionedThroughput": throughput})
        if job.changed("StreamSpecification"):
            changes.append({"StreamSpecification": {"StreamEnabled": False}} if _had_stream(job) else {})
            if job.get("StreamSpecification"):
                changes.append({"StreamSpecification": _stream(job.get("StreamSpecification"))})
        if job.changed("SSESpecification"):
            wanted = job.get("SSESpecification") or {"SSEEnabled": False}
            changes.append({"SSESpecification": _encryption(wanted)})
        for name, default in (("TableClass", "STANDARD"), ("DeletionProtectionEnabled", False)):
            if job.changed(name):
                changes.append({name: job.get(name, default)})
        definitions = {"AttributeDefinitions": job.get("AttributeDefinitions")}
        changes += [{**definitions, "GlobalSecondaryIndexUpdates": [one]} for one in _index_changes(job)]
        return [change for change in changes if change]

    def delete(self, job: Job, made: Made) -> None:
        """DeleteTable."""
        job.call("dynamodb", "delete_table", {"TableName": made.physical_id})


def _had_stream(job: Job) -> bool:
    return bool((job.before or {}).get("StreamSpecification"))


def _made(table: Mapping[str, Any]) -> Made:
    attributes = {"Arn": table["TableArn"]}
    if table.get("LatestStreamArn"):
        attributes["StreamArn"] = table["LatestStreamArn"]
    return Made(table["TableName"], attributes)


def _stream(specification: Mapping[str, Any]) -> dict[str, Any]:
    return {"StreamEnabled": True, **specification}


def _encryption(specification: Mapping[str, Any]) -> dict[str, Any]:
    names = {"SSEEnabled": "Enabled", "KMSMasterKeyId": "KMSMasterKeyId", "SSEType": "SSEType"}
    found = {names.get(name, name): value for name, value in specification.items()}
    if text(found.get("Enabled")) == "true":
        found.setdefault("SSEType", "KMS")
    return found


def _index_changes(job: Job) -> list[dict[str, Any]]:
    """Deletions first: a changed key or projection is a deletion and a creation."""
    before = {one["IndexName"]: one for one in (job.before or {}).get("GlobalSecondaryIndexes") or []}
    after = {one["IndexName"]: one for one in job.get("GlobalSecondaryIndexes") or []}
    deletions, creations, updates = [], [], []
    for name, index in after.items():
        old = before.get(name)
        if old == index:
            continue
        if old is None or any(old.get(key) != index.get(key) for key in ("KeySchema", "Projection")):
            creations.append({"Create": index})
        elif index.get("ProvisionedThroughput"):
            updates.append(
                {"Update": {"IndexName": name, "ProvisionedThroughput": index["ProvisionedThroughput"]}}
            )
    made = {one["Create"]["IndexName"] for one in creations}
    deletions = [{"Delete": {"IndexName": name}} for name in before if name not in after or name in made]
    return [*deletions, *creations, *updates]


def _time_to_live(job: Job, name: str) -> None:
    before = (job.before or {}).get("TimeToLiveSpecification") or {}
    wanted = job.get("TimeToLiveSpecification") or {**before, "Enabled": False}
    if not wanted.get("AttributeName"):
        return
    params = {"TableName": name, "TimeToLiveSpecification": wanted}
    job.call(
        "dynamodb", "update_time_to_live", params, {"TimeToLiveSpecification": "TimeToLiveSpecification"}
    )


def _recovery(job: Job, name: str) -> None:
    wanted = job.get("PointInTimeRecoverySpecification") or {"PointInTimeRecoveryEnabled": False}
    params = {"TableName": name, "PointInTimeRecoverySpecification": wanted}
    job.call("dynamodb", "update_continuous_backups", params)


def _policy(job: Job, name: str) -> None:
    table = job.call("dynamodb", "describe_table", {"TableName": name})["Table"]
    policy = (job.get("ResourcePolicy") or {}).get("PolicyDocument")
    if policy:
        params = {"ResourceArn": table["TableArn"], "Policy": document(policy)}
        job.call("dynamodb", "put_resource_policy", params)
    else:
        job.call("dynamodb", "delete_resource_policy", {"ResourceArn": table["TableArn"]})


def _kinesis(job: Job, name: str) -> None:
    """Another stream: the old one is disabled first, as a table has one that is active."""
    wanted = job.get("KinesisStreamSpecification") or {}
    before = (job.before or {}).get("KinesisStreamSpecification") or {}
    stream, former = wanted.get("StreamArn"), before.get("StreamArn")
    precision = {key: value for key, value in wanted.items() if key != "StreamArn"}
    if former and former != stream:
        params = {"TableName": name, "StreamArn": former}
        job.call("dynamodb", "disable_kinesis_streaming_destination", params)
    params = {"TableName": name, "StreamArn": stream}
    if stream and stream != former:
        params["EnableKinesisStreamingConfiguration"] = precision or None
        job.call("dynamodb", "enable_kinesis_streaming_destination", params)
    elif stream:
        params["UpdateKinesisStreamingConfiguration"] = precision or _FINE
        job.call("dynamodb", "update_kinesis_streaming_destination", params)


_FINE = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
"""What a destination has when nothing is said."""


_SETTINGS: dict[str, Callable[[Job, str], None]] = {
    "TimeToLiveSpecification": _time_to_live,
    "PointInTimeRecoverySpecification": _recovery,
    "ResourcePolicy": _policy,
    "KinesisStreamSpecification": _kinesis,
}


_REPLICA = frozenset(
    {
        "Tags", "PointInTimeRecoverySpecification", "DeletionProtectionEnabled", "TableClass",
        "KinesisStreamSpecification",
    }
)  # fmt: skip
"""What a replica of the stack's own region sets for its table."""


class GlobalTable(Handler):
    """``AWS::DynamoDB::GlobalTable``: the replica of the stack's own region; the others are left out."""

    type = "AWS::DynamoDB::GlobalTable"
    covers = frozenset(
        {
            "AttributeDefinitions",
            "BillingMode",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "LocalSecondaryIndexes",
            "Replicas",
            "SSESpecification",
            "StreamSpecification",
            "TableName",
            "TimeToLiveSpecification",
            "WriteProvisionedThroughputSettings",
        }
    )
    inert: ClassVar[Mapping[str, str]] = {"WriteProvisionedThroughputSettings": _NO_CAPACITY}

    replaces = Table.replaces

    def _local(self, job: Job, properties: Mapping[str, Any]) -> dict[str, Any]:
        found = {key: value for key, value in properties.items() if key in Table.covers}
        if found.get("BillingMode") != "PAY_PER_REQUEST":
            found["ProvisionedThroughput"] = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        for replica in properties.get("Replicas") or []:
            if replica.get("Region") != job.place.region:
                continue
            found |= {key: value for key, value in replica.items() if key in _REPLICA}
        return found

    def _as_table(self, job: Job) -> None:
        for replica in job.get("Replicas") or []:
            if replica.get("Region") != job.place.region:
                job.left_out(f"Replicas.{replica.get('Region')}", "one region only")
                continue
            for key in sorted(replica.keys() - _REPLICA - {"Region"}):
                job.left_out(f"Replicas.{key}")
        before = job.before
        job.properties = self._local(job, job.properties)
        job.before = None if before is None else self._local(job, before)

    def create(self, job: Job) -> Made:
        """As a table of this region."""
        self._as_table(job)
        made = Table().create(job)
        table = job.call("dynamodb", "describe_table", {"TableName": made.physical_id})["Table"]
        return Made(made.physical_id, {**made.attributes, "TableId": table.get("TableId", "")})

    def update(self, job: Job, made: Made) -> Made:
        """As a table of this region."""
        self._as_table(job)
        changed = Table().update(job, made)
        return Made(changed.physical_id, {**made.attributes, **changed.attributes})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteTable."""
        Table().delete(job, made)
