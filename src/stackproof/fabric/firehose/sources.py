"""Delivery streams that read a Kinesis stream: from what comes after they were made, shard by shard.

Shards that come later (a reshard) are read from their beginning. Source: Firehose developer guide,
"Configure source settings for Amazon Kinesis Data Streams".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stackproof.fabric.firehose import errors
from stackproof.fabric.firehose.model import DeliveryStream, Item

if TYPE_CHECKING:
    from stackproof.fabric.firehose.service import FirehoseService


class Sources:
    """``places`` is the next record's index, by delivery stream and shard."""

    def __init__(self, service: FirehoseService) -> None:
        self._service = service
        self._world = service.world
        self.places: dict[str, dict[str, int]] = {}

    def begin(self, stream: DeliveryStream) -> None:
        """Read from now on; raises InvalidArgumentException when there is no such stream."""
        kinesis, source = self._world.service("kinesis"), stream.source["KinesisStreamARN"]
        if not kinesis.exists(source):
            del self._service.streams[stream.arn]
            raise errors.invalid(f"Kinesis Stream {source.rpartition('/')[2]} does not exist.")
        self.places[stream.arn] = {shard.id: shard.next for shard in kinesis.shards(source)}
        if sum(one.source == stream.source for one in self._service.streams.values()) == 1:
            kinesis.watch(source, self.grew)

    def end(self, stream: DeliveryStream) -> None:
        """Read no more."""
        if not stream.source:
            return
        self.places.pop(stream.arn, None)
        if sum(one.source == stream.source for one in self._service.streams.values()) == 1:
            self._world.service("kinesis").unwatch(stream.source["KinesisStreamARN"], self.grew)

    def grew(self, source: str) -> None:
        """Take in what is new in a Kinesis stream."""
        shards = self._world.service("kinesis").shards(source)
        for stream in list(self._service.streams.values()):
            if stream.source.get("KinesisStreamARN") != source:
                continue
            places = self.places[stream.arn]
            for shard in shards:
                index = max(places.get(shard.id, shard.first), shard.first)
                items = []
                while (record := shard.at(index)) is not None:
                    items.append(self._item(shard.id, record))
                    index += 1
                places[shard.id] = index
                self._service.take(stream, items)

    @staticmethod
    def _item(shard: str, record: Any) -> Item:
        data = record.data if isinstance(record.data, bytes) else bytes(record.data)
        metadata = {
            "shardId": shard,
            "partitionKey": record.key,
            "approximateArrivalTimestamp": record.ms,
            "sequenceNumber": record.sequence,
            "subsequenceNumber": "",
        }
        return Item(f"{record.sequence}000000", data, record.ms, kinesis=metadata)

    def snapshot(self) -> Any:
        """Copies."""
        return {arn: dict(places) for arn, places in self.places.items()}

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self.places = {arn: dict(places) for arn, places in state.items()}
