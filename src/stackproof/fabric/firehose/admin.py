"""Delivery streams: made, described, changed, tagged, deleted.

Source: API reference, "CreateDeliveryStream" and "UpdateDestination". Destinations other than S3, and the
conversion of data formats, are refused loudly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.firehose import errors, packing, prefixes
from stackproof.fabric.firehose.model import DeliveryStream, output
from stackproof.fabric.firehose.partitions import check_query
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.firehose.service import FirehoseService

_S3 = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
_PROCESSORS = ("Lambda", "AppendDelimiterToRecord", "MetadataExtraction")
_DESTINATION = "destinationId-000000000001"


class Admin:
    """The operations on streams themselves."""

    def __init__(self, service: FirehoseService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "CreateDeliveryStream": self.create,
            "DeleteDeliveryStream": self.delete,
            "DescribeDeliveryStream": self.describe,
            "ListDeliveryStreams": self.list,
            "UpdateDestination": self.update,
            "TagDeliveryStream": self.tag,
            "UntagDeliveryStream": self.untag,
            "ListTagsForDeliveryStream": self.tags,
            "StartDeliveryStreamEncryption": self.encrypt,
            "StopDeliveryStreamEncryption": self.decrypt,
        }

    def create(self, params: Params, caller: Caller) -> Response:
        """A stream that is active at once."""
        name = params["DeliveryStreamName"]
        arn = arns.arn("firehose", caller.region, caller.account, f"deliverystream/{name}")
        if arn in self._service.streams:
            raise ServiceError(
                "ResourceInUseException", f"Firehose {name} under accountId {caller.account} already exists"
            )
        kind = params.get("DeliveryStreamType", "DirectPut")
        if kind not in ("DirectPut", "KinesisStreamAsSource"):
            raise errors.not_emulated(f"the source {kind} is")
        source = params.get("KinesisStreamSourceConfiguration") or {}
        if bool(source) != (kind == "KinesisStreamAsSource"):
            raise errors.invalid("KinesisStreamSourceConfig is required for KinesisStreamAsSource only.")
        encryption = _encryption(params.get("DeliveryStreamEncryptionConfigurationInput"))
        stream = DeliveryStream(
            arn, name, caller.account, caller.region, kind, _destination(params), self._world.clock.ms,
            source=dict(source), encryption=encryption,
            tags={one["Key"]: one.get("Value", "") for one in params.get("Tags") or ()},
        )  # fmt: skip
        check(stream)
        self._service.streams[arn] = stream
        if source:
            self._service.sources.begin(stream)
        return {"DeliveryStreamARN": arn}

    def delete(self, params: Params, caller: Caller) -> Response:
        """The stream and what its buffers hold are gone."""
        stream = self._service.find(params, caller)
        self._service.sources.end(stream)
        self._service.buffers.forget(stream.arn)
        del self._service.streams[stream.arn]
        return {}

    def describe(self, params: Params, caller: Caller) -> Response:
        """Everything that is known of a stream."""
        return {"DeliveryStreamDescription": _shown(self._service.find(params, caller))}

    def list(self, params: Params, caller: Caller) -> Response:
        """Names in order, ten at a time."""
        start, limit = params.get("ExclusiveStartDeliveryStreamName", ""), params.get("Limit", 10)
        kind = params.get("DeliveryStreamType")
        names = sorted(
            one.name
            for one in self._service.streams.values()
            if (one.account, one.region) == (caller.account, caller.region)
            and one.name > start
            and kind in (None, one.type)
        )
        return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}

    def update(self, params: Params, caller: Caller) -> Response:
        """Change the destination; the version goes up."""
        stream = self._service.find(params, caller)
        if params["CurrentDeliveryStreamVersionId"] != str(stream.version):
            raise ServiceError(
                "ConcurrentModificationException",
                f"Cannot update firehose: {stream.name} since the current version id: {stream.version} and "
                f"specified version id: {params['CurrentDeliveryStreamVersionId']} do not match",
            )
        changes = dict(params.get("ExtendedS3DestinationUpdate") or params.get("S3DestinationUpdate") or {})
        if not changes:
            raise errors.not_emulated("changing the kind of a destination is")
        backup = changes.pop("S3BackupUpdate", None)
        if backup is not None:
            known = stream.destination.get("S3BackupDescription") or {}
            changes["S3BackupDescription"] = _defaulted({**known, **backup})
        changed = replace(
            stream, destination={**stream.destination, **changes}, version=stream.version + 1,
            updated_ms=self._world.clock.ms,
        )  # fmt: skip
        check(changed)
        self._service.streams[stream.arn] = changed
        return {}

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add tags."""
        stream = self._service.find(params, caller)
        added = {one["Key"]: one.get("Value", "") for one in params["Tags"]}
        self._service.streams[stream.arn] = replace(stream, tags={**stream.tags, **added})
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        stream = self._service.find(params, caller)
        kept = {key: value for key, value in stream.tags.items() if key not in params["TagKeys"]}
        self._service.streams[stream.arn] = replace(stream, tags=kept)
        return {}

    def tags(self, params: Params, caller: Caller) -> Response:
        """The tags."""
        stream = self._service.find(params, caller)
        return {
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(stream.tags.items())],
            "HasMoreTags": False,
        }

    def encrypt(self, params: Params, caller: Caller) -> Response:
        """Remember the key that encrypts what waits."""
        stream = self._service.find(params, caller)
        if stream.type == "KinesisStreamAsSource":
            raise errors.invalid("Encryption is that of the stream which is the source.")
        given = params.get("DeliveryStreamEncryptionConfigurationInput") or {"KeyType": "AWS_OWNED_CMK"}
        self._service.streams[stream.arn] = replace(stream, encryption=_encryption(given))
        return {}

    def decrypt(self, params: Params, caller: Caller) -> Response:
        """Forget the key."""
        stream = self._service.find(params, caller)
        self._service.streams[stream.arn] = replace(stream, encryption={"Status": "DISABLED"})
        return {}


def _encryption(given: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**given, "Status": "ENABLED"} if given else {"Status": "DISABLED"}


def _destination(params: Params) -> dict[str, Any]:
    """The description of the one destination, with its defaults."""
    given = [name for name in params if name.endswith("DestinationConfiguration")]
    if len(given) != 1:
        raise errors.invalid("Exactly one destination configuration is supported for a Firehose")
    if given[0] not in _S3:
        kind = given[0].removesuffix("DestinationConfiguration")
        raise errors.not_emulated(f"the destination {kind} is")
    found = dict(params[given[0]])
    backup = found.pop("S3BackupConfiguration", None)
    if backup is not None:
        found["S3BackupDescription"] = _defaulted(backup)
    return {"S3BackupMode": "Disabled", **_defaulted(found)}


def _defaulted(found: Mapping[str, Any]) -> dict[str, Any]:
    hints = {"SizeInMBs": 5, "IntervalInSeconds": 300, **(found.get("BufferingHints") or {})}
    usual = {
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    return {**usual, **found, "BufferingHints": hints}


def check(stream: DeliveryStream) -> None:
    """Raise for a destination that Firehose refuses, or that is not emulated."""
    destination = stream.destination
    conversion = destination.get("DataFormatConversionConfiguration") or {}
    if conversion and conversion.get("Enabled", True):
        raise errors.not_emulated("the conversion of data formats is")
    hints = destination["BufferingHints"]
    smallest = 64 if stream.partitioned else 1
    if not smallest <= hints["SizeInMBs"] <= 128:
        raise errors.invalid(f"BufferingHints.SizeInMBs must be at least {smallest} and at most 128")
    if not 0 <= hints["IntervalInSeconds"] <= 900:
        raise errors.invalid("BufferingHints.IntervalInSeconds must be at most 900")
    wanted = output(destination)
    prefixes.check(wanted.prefix, wanted.error_prefix, partitioned=stream.partitioned)
    prefixes.check_zone(wanted.zone)
    packing.check(wanted.compression)
    if destination.get("S3BackupMode") == "Enabled":
        if "S3BackupDescription" not in destination:
            raise errors.invalid("S3BackupConfiguration is required when S3BackupMode is Enabled.")
        packing.check(output(destination["S3BackupDescription"]).compression)
    _check_processors(stream)


def _check_processors(stream: DeliveryStream) -> None:
    processing = stream.destination.get("ProcessingConfiguration") or {}
    for processor in processing.get("Processors") or () if processing.get("Enabled") else ():
        if processor["Type"] not in _PROCESSORS:
            raise errors.not_emulated(f"the processor {processor['Type']} is")
    for parameters in stream.processors("Lambda"):
        if "LambdaArn" not in parameters:
            raise errors.invalid("The LambdaArn of a Lambda processor is required.")
    for parameters in stream.processors("MetadataExtraction"):
        check_query(parameters)


def _shown(stream: DeliveryStream) -> dict[str, Any]:
    destination = dict(stream.destination)
    plain = ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
             "EncryptionConfiguration", "CloudWatchLoggingOptions")  # fmt: skip
    found: dict[str, Any] = {
        "DeliveryStreamName": stream.name,
        "DeliveryStreamARN": stream.arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamEncryptionConfiguration": dict(stream.encryption),
        "DeliveryStreamType": stream.type,
        "VersionId": str(stream.version),
        "CreateTimestamp": prefixes.moment(stream.created_ms, "UTC"),
        "Destinations": [
            {
                "DestinationId": _DESTINATION,
                "S3DestinationDescription": {
                    name: destination[name] for name in plain if name in destination
                },
                "ExtendedS3DestinationDescription": destination,
            }
        ],
        "HasMoreDestinations": False,
    }
    if stream.updated_ms:
        found["LastUpdateTimestamp"] = prefixes.moment(stream.updated_ms, "UTC")
    if stream.source:
        begun = {"DeliveryStartTimestamp": prefixes.moment(stream.created_ms, "UTC")}
        found["Source"] = {"KinesisStreamSourceDescription": {**stream.source, **begun}}
    return found
