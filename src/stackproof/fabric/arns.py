"""Amazon Resource Names."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """The fields of an ARN; ``resource`` holds everything after the account."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse(text: str) -> Arn | None:
    """The fields of ``text``, or None when it is no ARN."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return Arn(*parts[1:])


def partition(region: str) -> str:
    """The partition of a region."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def arn(service: str, region: str, account: str, resource: str) -> str:
    """An ARN in the region's partition."""
    return f"arn:{partition(region)}:{service}:{region}:{account}:{resource}"


def last(text: str) -> str:
    """The short name of an ARN, URL or name, for people."""
    if "/" in text:
        text = text.rstrip("/").rsplit("/", 1)[-1]
    return text.rsplit(":", 1)[-1] if ":" in text else text
