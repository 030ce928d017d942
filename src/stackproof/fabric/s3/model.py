"""What S3 knows of a bucket's notifications, and what happened to an object. All frozen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of a notification configuration. ``kind`` is ``lambda``, ``sqs`` or ``sns``.

    ``rules`` are its filter rules as (``Prefix`` or ``Suffix``, value), in the order given.
    """

    kind: str
    id: str
    arn: str
    events: tuple[str, ...]
    rules: tuple[tuple[str, str], ...] = ()

    def rule(self, name: str) -> str:
        """The value of a rule; "" when there is none: every key begins and ends with it."""
        return next((value for found, value in self.rules if found == name), "")

    def takes(self, key: str) -> bool:
        """Whether the filter lets a key through."""
        return key.startswith(self.rule("Prefix")) and key.endswith(self.rule("Suffix"))

    def wants(self, event: str) -> bool:
        """Whether an event (``s3:ObjectCreated:Put``) is one of those asked for."""
        return any(event == one or (one.endswith("*") and event.startswith(one[:-1])) for one in self.events)


@dataclass(frozen=True, slots=True)
class Notifications:
    """A bucket's notification configuration with the place of the bucket."""

    bucket: str
    account: str
    region: str
    partition: str
    targets: tuple[Target, ...] = ()
    bridge: bool = False

    @property
    def arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.bucket}"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an object. ``event`` is ``s3:ObjectCreated:Put``; None and "" are left out of records.

    ``reason`` is the API operation, ``deletion`` how it was deleted, ``restored_until`` a time (ms).
    """

    event: str
    bucket: str
    key: str
    principal: str
    account: str
    size: int | None = None
    etag: str = ""
    version: str = ""
    reason: str = ""
    deletion: str = ""
    storage_class: str = ""
    restored_until: int = 0
    sequenced: bool = True
    by_aws: bool = False
