"""Tumbling windows over Kinesis data streams."""

from __future__ import annotations

SUM = """
def handler(event, context):
    total = event["state"].get("total", 0) + len(event["Records"])
    return {"state": {"total": total}}
"""


def test_tumbling_windows_carry_state_and_close_once(lab, ingest):
    lab.function("f", SUM)
    ingest.feed(TumblingWindowInSeconds=60, BatchSize=2)
    ingest.put("a", "b", "c")
    lab.world.advance(10)
    ingest.put("d")
    lab.run()
    events = lab.events("f")
    assert [len(event["Records"]) for event in events] == [2, 1, 1, 0]
    assert [event["state"] for event in events] == [{}, {"total": 2}, {"total": 3}, {"total": 4}]
    assert [event["isFinalInvokeForWindow"] for event in events] == [False, False, False, True]
    assert events[0]["window"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"}
    assert events[0]["shardId"] == "shardId-000000000000"
    assert events[0]["eventSourceARN"] == ingest.arn
    ingest.put("e")
    lab.run()
    assert lab.events("f")[4]["state"] == {}
    assert lab.events("f")[4]["window"]["start"] == "2026-01-01T00:01:00Z"


def test_a_state_above_one_megabyte_ends_the_window_early(lab, ingest):
    lab.function("f", "def handler(event, context):\n    return {'state': {'all': 'x' * 1100000}}\n")
    ingest.feed(TumblingWindowInSeconds=60, BatchSize=1)
    ingest.put("a")
    lab.run()
    last = lab.events("f")[-1]
    assert (last["isFinalInvokeForWindow"], last["isWindowTerminatedEarly"]) == (True, True)
    assert lab.world.clock.elapsed < 60


def test_a_tumbling_window_closes_after_a_mapping_was_disabled(lab, ingest):
    lab.function("f", SUM)
    made = ingest.feed(TumblingWindowInSeconds=60)
    ingest.put("a")
    lab.world.advance(5)
    lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
    lab.world.advance(5)
    lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    lab.run()
    last = lab.events("f")[-1]
    assert (last["isFinalInvokeForWindow"], last["state"]) == (True, {"total": 1})
    assert lab.world.clock.elapsed == 60


def test_a_backlog_falls_apart_into_its_tumbling_windows(lab, ingest):
    lab.function("f", SUM)
    ingest.put("a", "b")
    lab.world.advance(60)
    ingest.put("c")
    lab.world.advance(60)
    ingest.feed(TumblingWindowInSeconds=60)
    lab.run()
    events = lab.events("f")
    assert [len(event["Records"]) for event in events] == [2, 0, 1, 0]
    assert [event["state"] for event in events] == [{}, {"total": 2}, {}, {"total": 1}]
    starts = [event["window"]["start"] for event in events]
    assert starts == ["2026-01-01T00:00:00Z"] * 2 + ["2026-01-01T00:01:00Z"] * 2
