"""Archives keep events; replays put them on their bus again."""

from __future__ import annotations

import datetime
import json

import pytest

BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"


def moment(seconds):
    return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)


@pytest.fixture
def archive(estate):
    """``archive(EventPattern=…)``: the ARN of an archive ``a`` of the default bus."""

    def make(**params):
        if "EventPattern" in params:
            params["EventPattern"] = json.dumps(params["EventPattern"])
        return estate.events.create_archive(ArchiveName="a", EventSourceArn=BUS, **params)["ArchiveArn"]

    return make


def replay(estate, archive, start, end, name="again", **destination):
    return estate.events.start_replay(
        ReplayName=name, EventSourceArn=archive, EventStartTime=moment(start), EventEndTime=moment(end),
        Destination={"Arn": BUS, **destination},
    )  # fmt: skip


def put_every_minute(estate, count=4):
    for number in range(count):
        estate.put({"n": number})
        estate.world.advance(60)


def test_a_time_range_is_replayed_in_order_and_marked(estate, archive):
    queue = estate.queue("q")
    estate.rule("r", queue)
    arn = archive()
    put_every_minute(estate)
    first = estate.bodies(queue)
    answer = replay(estate, arn, 60, 180)
    assert answer["State"] == "STARTING"
    found = estate.bodies(queue)
    assert [event["detail"]["n"] for event in found] == [1, 2]
    assert [event.pop("replay-name") for event in found] == ["again"] * 2
    assert found == first[1:3]
    shown = estate.events.describe_replay(ReplayName="again")
    assert (shown["State"], shown["EventLastReplayedTime"]) == ("COMPLETED", moment(120))
    assert estate.events.describe_archive(ArchiveName="a")["EventCount"] == 4


def test_a_pattern_and_a_filter_of_rules(estate, archive):
    one, two = estate.queue("one"), estate.queue("two")
    chosen = estate.rule("one", one)
    estate.rule("two", two)
    arn = archive(EventPattern={"detail": {"n": [{"numeric": [">=", 2]}]}})
    put_every_minute(estate)
    estate.texts(one), estate.texts(two)
    replay(estate, arn, 0, 3600, FilterArns=[chosen])
    assert [event["detail"]["n"] for event in estate.bodies(one)] == [2, 3]
    assert estate.texts(two) == []


def test_a_replay_passes_its_states_and_can_be_cancelled(estate, archive, refused):
    queue = estate.queue("q")
    estate.rule("r", queue)
    arn = archive()
    put_every_minute(estate, 5)
    estate.texts(queue)
    replay(estate, arn, 0, 3600)
    states = []
    for _ in range(3):
        states.append(estate.events.describe_replay(ReplayName="again")["State"])
        estate.world.advance(1)
    assert states == ["STARTING", "RUNNING", "RUNNING"]
    assert estate.events.cancel_replay(ReplayName="again")["State"] == "CANCELLING"
    assert len(estate.texts(queue)) == 3
    assert estate.events.describe_replay(ReplayName="again")["State"] == "CANCELLED"
    assert refused(estate.events.cancel_replay, ReplayName="again")[0] == "IllegalStatusException"
    assert estate.events.list_replays(State="CANCELLED")["Replays"][0]["ReplayName"] == "again"


def test_what_is_older_than_the_retention_is_gone(estate, archive):
    archive(RetentionDays=1)
    estate.put()
    estate.world.advance(86_400 - 1)
    assert estate.events.describe_archive(ArchiveName="a")["EventCount"] == 1
    estate.world.advance(2)
    assert estate.events.describe_archive(ArchiveName="a")["EventCount"] == 0


def test_an_archive_is_a_managed_rule_that_only_it_may_change(estate, archive, refused):
    arn = archive(Description="all")
    (rule,) = estate.events.list_rules()["Rules"]
    assert (rule["Name"], rule["ManagedBy"]) == ("Events-Archive-a", "prod.vhs.events.aws.internal")
    for call, params in (
        (estate.events.disable_rule, {"Name": rule["Name"]}),
        (estate.events.delete_rule, {"Name": rule["Name"]}),
        (estate.events.put_rule, {"Name": rule["Name"], "EventPattern": '{"a": [1]}'}),
        (estate.events.remove_targets, {"Rule": rule["Name"], "Ids": [rule["Name"]]}),
    ):
        assert refused(call, **params)[0] == "ManagedRuleException"
    estate.events.update_archive(ArchiveName="a", EventPattern='{"source": ["x"]}', RetentionDays=3)
    estate.put()
    estate.world.run_until_idle()
    shown = estate.events.describe_archive(ArchiveName="a")
    assert (shown["EventCount"], shown["RetentionDays"], shown["ArchiveArn"]) == (0, 3, arn)
    estate.events.delete_archive(ArchiveName="a")
    assert estate.events.list_rules()["Rules"] == []
    assert refused(estate.events.describe_archive, ArchiveName="a")[0] == "ResourceNotFoundException"


def test_a_replay_that_aws_refuses(estate, archive, refused):
    arn = archive()
    estate.events.create_event_bus(Name="other")
    cases = [
        ({"start": 60, "end": 60}, "EventStartTime must be before EventEndTime."),
        ({"Arn": BUS.replace("default", "other")}, "Cross event bus replay is not permitted."),
        ({"archive": f"{arn}b"}, "Archive ab does not exist."),
        ({"FilterArns": ["arn:aws:events:us-east-1:123456789012:rule/none"]}, "Rule none does not exist."),
    ]
    for params, message in cases:
        code, text = refused(replay, estate=estate, **{"archive": arn, "start": 0, "end": 60, **params})
        assert code == "ValidationException"
        assert message in text
    replay(estate, arn, 0, 60)
    assert refused(replay, estate=estate, archive=arn, start=0, end=60)[0] == "ResourceAlreadyExistsException"


def test_a_world_taken_back_forgets_what_was_archived_since(estate, archive):
    archive()
    estate.put()
    estate.world.run_until_idle()
    saved = estate.world.snapshot()
    estate.put()
    estate.world.run_until_idle()
    estate.world.restore(saved)
    assert estate.events.describe_archive(ArchiveName="a")["EventCount"] == 1
