"""What to copy: the objects of a bucket, and whether another bucket has them already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3")


@dataclass(frozen=True)
class Item:
    """An object as it was when its bucket was listed."""

    key: str
    size: int
    modified: datetime

    def told(self) -> dict[str, Any]:
        """The object as JSON."""
        return {"key": self.key, "size": self.size, "modified": self.modified.isoformat()}


def heard(message: dict[str, Any]) -> Item:
    """The object of a message; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it is none."""
    return Item(str(message["key"]), int(message["size"]), datetime.fromisoformat(message["modified"]))


def listed(bucket: str) -> Iterator[Item]:
    """Every object of a bucket."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            yield Item(entry["Key"], entry["Size"], entry["LastModified"])


def there(bucket: str, item: Item) -> bool:
    """Whether a bucket has this object, or one that was written later."""
    try:
        found = s3.head_object(Bucket=bucket, Key=item.key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return bool(found["ContentLength"] == item.size and found["LastModified"] >= item.modified)


def copy(source: str, destination: str, item: Item) -> bool:
    """Copy an object unless it is there. Answers whether it was copied; one that is gone by now is not."""
    if there(destination, item):
        return False
    try:
        s3.copy_object(Bucket=destination, Key=item.key, CopySource={"Bucket": source, "Key": item.key})
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return False
        raise
    return True
