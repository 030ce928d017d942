"""What Firehose keeps: streams, records on their way, and what an object needs to be written. All frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MIB = 1_048_576


@dataclass(frozen=True, slots=True)
class Item:
    """A record. ``ms`` is its approximate arrival, ``kinesis`` the metadata of a record from a stream."""

    id: str
    data: bytes
    ms: int
    keys: tuple[tuple[str, str], ...] = ()
    kinesis: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record ended among the failed ones."""

    code: str
    message: str
    attempts: int
    lambda_arn: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryStream:
    """A delivery stream; ``destination`` is the description of its S3 destination as the API shows it."""

    arn: str
    name: str
    account: str
    region: str
    type: str
    destination: Mapping[str, Any]
    created_ms: int
    updated_ms: int = 0
    version: int = 1
    source: Mapping[str, Any] = field(default_factory=dict)
    encryption: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def partitioned(self) -> bool:
        """Whether records are sorted by partition keys."""
        return bool((self.destination.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))

    def processors(self, kind: str) -> list[dict[str, str]]:
        """The parameters of each processor of a kind, if processing is on."""
        processing = self.destination.get("ProcessingConfiguration") or {}
        if not processing.get("Enabled"):
            return []
        return [
            {one["ParameterName"]: one["ParameterValue"] for one in processor.get("Parameters") or ()}
            for processor in processing.get("Processors") or ()
            if processor["Type"] == kind
        ]


@dataclass(frozen=True, slots=True)
class Output:
    """Where objects go: bucket, role, prefixes, compression, and the limits of the buffer before them."""

    bucket: str
    role: str
    prefix: str
    error_prefix: str
    compression: str
    extension: str
    zone: str
    bytes: int
    seconds: int
    key: str = ""


def output(configuration: Mapping[str, Any]) -> Output:
    """The output of an S3 destination's (or backup's) description."""
    hints = configuration.get("BufferingHints") or {}
    encryption = configuration.get("EncryptionConfiguration") or {}
    return Output(
        configuration["BucketARN"].rpartition(":")[2],
        configuration["RoleARN"],
        configuration.get("Prefix", ""),
        configuration.get("ErrorOutputPrefix", ""),
        configuration.get("CompressionFormat", "UNCOMPRESSED"),
        configuration.get("FileExtension", ""),
        configuration.get("CustomTimeZone", "UTC"),
        hints.get("SizeInMBs", 5) * MIB,
        hints.get("IntervalInSeconds", 300),
        (encryption.get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN", ""),
    )
