"""The service S3: who is told of changes to objects; the objects themselves are the state's behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.s3 import configuration, records
from stackproof.fabric.s3.changes import Changes
from stackproof.fabric.s3.destinations import Destinations
from stackproof.fabric.s3.model import Change, Notifications
from stackproof.fabric.service import Around, Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World


_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9](?:[a-z0-9-]|\.(?!\.))*[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
"""Names, and those like addresses, which are none (user guide, "General purpose bucket naming rules")."""


class S3Service:
    """One instance serves all accounts and regions. ``configurations`` are by bucket name."""

    name = "s3"

    def __init__(self, world: World) -> None:
        self.world = world
        self.configurations: dict[str, Notifications] = {}
        self.destinations = Destinations(world)
        self._told = 0
        self.operations: Mapping[str, Operation] = {
            "PutBucketNotificationConfiguration": self.put_notifications,
            "GetBucketNotificationConfiguration": self.get_notifications,
        }
        self.around: Mapping[str, Around] = {
            **Changes(self).around,
            "CreateBucket": self.create_bucket,
            "DeleteBucket": self.delete_bucket,
        }

    # Configurations.

    def put_notifications(self, params: Params, caller: Caller) -> Response:
        """Replace a bucket's configuration; destinations are validated and get a test message."""
        wanted = configuration.parse(params, self._place(params["Bucket"], caller), self.world.ids.uuid)
        if not params.get("SkipDestinationValidation"):
            self.destinations.check(wanted)
            self.destinations.test(wanted)
        if wanted.targets or wanted.bridge:
            self.configurations[wanted.bucket] = wanted
        else:
            self.configurations.pop(wanted.bucket, None)
        return {}

    def get_notifications(self, params: Params, caller: Caller) -> Response:
        """The configuration; nothing when there is none."""
        place = self._place(params["Bucket"], caller)
        return configuration.shown(self.configurations.get(place.bucket, place))

    def _place(self, bucket: str, caller: Caller) -> Notifications:
        """A bucket without notifications; raises NoSuchBucket."""
        assert self.world.state is not None  # buckets are kept there
        answer = self.world.state.call("s3", "GetBucketLocation", {"Bucket": bucket}, caller)
        region = answer.get("LocationConstraint") or "us-east-1"
        region = "eu-west-1" if region == "EU" else region
        return Notifications(bucket, caller.account, region, arns.partition(region))

    def create_bucket(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """As the state behind does it, under the naming rules. Raises InvalidBucketName."""
        name = params["Bucket"]
        if not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name):
            raise ServiceError("InvalidBucketName", f"The specified bucket is not valid: {name}")
        return perform(params, caller)

    def delete_bucket(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """The configuration goes with the bucket."""
        answer = perform(params, caller)
        self.configurations.pop(params["Bucket"], None)
        return answer

    # Telling.

    def tell(self, change: Change) -> None:
        """Put notifications of a change on their way, each as work of its own: S3 promises no order."""
        place = self.configurations.get(change.bucket)
        if place is None:
            return
        self._told += 1
        sequencer = f"{self.world.clock.ms:012X}{self._told:06X}"
        request = self.world.ids.hex(16).upper()
        scheduler = self.world.scheduler
        for target in place.targets:
            if target.wants(change.event) and target.takes(change.key):
                found = records.record(change, place, target.id, sequencer, request, self.world)
                label = f"{place.bucket} {found['eventName']} to {arns.last(target.arn)}"
                scheduler.soon(label, self._send, place.bucket, target.arn, json.dumps({"Records": [found]}))
        if place.bridge and self.destinations.bridged():
            detail = records.detail(change, place, sequencer, request)
            label = f"{place.bucket} {records.detail_type(change)} to events"
            scheduler.soon(label, self._emit, place, records.detail_type(change), json.dumps(detail))

    def _send(self, bucket: str, arn: str, body: str) -> None:
        place = self.configurations.get(bucket)
        if place is not None:
            self.destinations.send(place, arn, body)

    def _emit(self, place: Notifications, kind: str, detail: str) -> None:
        self.world.service("events").emit(
            "aws.s3", kind, json.loads(detail), resources=[place.arn], account=place.account,
            region=place.region,
        )  # fmt: skip

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen: a shallow copy does."""
        return dict(self.configurations), self._told

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        configurations, self._told = state
        self.configurations = dict(configurations)
