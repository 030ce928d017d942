"""Buses, rules and their policies: limits, errors, accounts, chains of buses."""

from __future__ import annotations

import json

import pytest

HERE = "arn:aws:events:us-east-1:123456789012:event-bus"
ROLE = "arn:aws:iam::123456789012:role/rule"


def entry(**more):
    return {"Source": "shop", "DetailType": "t", "Detail": "{}", **more}


def test_each_entry_succeeds_or_fails_by_itself(estate):
    entries = [
        entry(), {"Source": "shop", "Detail": "{}"}, entry(Detail="[1]"), entry(Detail="{"),
        entry(Source="aws.s3"), {"DetailType": "t", "Detail": "{}"}, {"Source": "s", "DetailType": "t"},
    ]  # fmt: skip
    answer = estate.events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 6
    assert [one.get("ErrorCode", "") for one in answer["Entries"]] == [
        "", "InvalidArgument", "MalformedDetail", "MalformedDetail", "NotAuthorizedForSourceException",
        "InvalidArgument", "InvalidArgument",
    ]  # fmt: skip
    reason = "Parameter DetailType is not valid. Reason: DetailType is a required argument."
    assert answer["Entries"][1]["ErrorMessage"] == reason


def test_a_call_takes_ten_entries_of_256_kilobytes(estate, refused):
    put = estate.events.put_events
    assert put(Entries=[entry()] * 10)["FailedEntryCount"] == 0
    assert refused(put, Entries=[entry()] * 11)[0] == "ValidationException"
    room = 262_144 - len("shop") - len("t")
    text = json.dumps({"x": ""})
    full = json.dumps({"x": "y" * (room - len(text))})
    assert put(Entries=[entry(Detail=full)])["FailedEntryCount"] == 0
    code, message = refused(put, Entries=[entry(Detail=full, Resources=["r"])])
    assert (code, message) == (
        "ValidationException", "Total size of the entries in the request is over the limit.",
    )  # fmt: skip


def test_events_to_a_bus_by_name_by_arn_and_to_none(estate):
    estate.events.create_event_bus(Name="orders")
    queue = estate.queue("q")
    estate.rule("r", queue, bus="orders")
    for name in ("orders", f"{HERE}/orders", "nowhere", "default"):
        assert estate.put({}, EventBusName=name)["FailedEntryCount"] == 0
    assert len(estate.texts(queue)) == 2
    assert [one.target for one in estate.world.journal.entries(verb="events.Lost")] == ["nowhere"]


def test_the_time_of_an_entry_is_the_events(estate):
    import datetime

    queue = estate.queue("q")
    estate.rule("r", queue)
    estate.put(Time=datetime.datetime(2020, 5, 4, 3, 2, 1, tzinfo=datetime.UTC))
    assert estate.bodies(queue)[0]["time"] == "2020-05-04T03:02:01Z"


def test_a_bus_is_made_once_and_goes_without_its_rules(estate, refused):
    events = estate.events
    made = events.create_event_bus(Name="orders", Description="d", Tags=[{"Key": "a", "Value": "1"}])
    assert made["EventBusArn"] == f"{HERE}/orders"
    assert events.describe_event_bus(Name="orders")["Description"] == "d"
    assert refused(events.create_event_bus, Name="orders")[0] == "ResourceAlreadyExistsException"
    assert refused(events.create_event_bus, Name="default")[0] == "ResourceAlreadyExistsException"
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default", "orders"]
    assert [bus["Name"] for bus in events.list_event_buses(NamePrefix="or")["EventBuses"]] == ["orders"]
    tags = events.list_tags_for_resource(ResourceARN=made["EventBusArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "1"}]
    estate.rule("r", bus="orders")
    assert refused(events.delete_event_bus, Name="orders")[0] == "ValidationException"
    events.delete_rule(Name="r", EventBusName="orders")
    events.delete_event_bus(Name="orders")
    events.delete_event_bus(Name="orders")
    assert refused(events.describe_event_bus, Name="orders") == (
        "ResourceNotFoundException", "Event bus orders does not exist.",
    )  # fmt: skip
    assert refused(events.delete_event_bus, Name="default")[1] == "Cannot delete event bus default."


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        ({"EventPattern": "{"}, "InvalidEventPatternException", "Event pattern is not valid. Reason: "),
        ({"EventPattern": "{}"}, "InvalidEventPatternException", "Reason: Empty objects are not allowed"),
        ({"EventPattern": '{"a": []}'}, "InvalidEventPatternException", "Empty arrays are not allowed"),
        ({"EventPattern": '{"a": [{"like": "x"}]}'}, "InvalidEventPatternException", "match type like"),
        ({"EventPattern": json.dumps({"a": ["x" * 4096]})}, "InvalidEventPatternException", "4096"),
        ({"ScheduleExpression": "rate(1 minutes)"}, "ValidationException",
         "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "at(2026-01-01T00:00:00)"}, "ValidationException", "is not valid."),
        ({"ScheduleExpression": "rate(1 hour)", "EventBusName": "orders"}, "ValidationException",
         "ScheduleExpression is supported only on the default event bus."),
        ({"EventPattern": '{"a": [1]}', "EventBusName": "none"}, "ResourceNotFoundException",
         "Event bus none does not exist."),
        ({"EventPattern": '{"a": [1]}', "Name": "no name"}, "ValidationException", "at 'name'"),
    ],
)  # fmt: skip
def test_a_rule_that_aws_refuses(estate, refused, params, code, message):
    estate.events.create_event_bus(Name="orders")
    found = refused(estate.events.put_rule, **{"Name": "r", **params})
    assert found[0] == code
    assert message in found[1]


def test_a_rule_keeps_its_targets_and_cannot_go_with_them(estate, refused):
    events, queue = estate.events, estate.queue("q")
    arn = estate.rule("r", queue, Description="first")
    assert arn == "arn:aws:events:us-east-1:123456789012:rule/r"
    assert estate.rule("r", EventPattern={"source": ["x"]}) == arn
    shown = events.describe_rule(Name="r")
    assert "Description" not in shown
    assert (shown["State"], json.loads(shown["EventPattern"])) == ("ENABLED", {"source": ["x"]})
    assert events.list_rule_names_by_target(TargetArn=queue)["RuleNames"] == ["r"]
    code, message = refused(events.delete_rule, Name="r")
    assert (code, message) == ("ValidationException", "Rule can't be deleted since it has targets.")
    answer = events.remove_targets(Rule="r", Ids=["0", "nothing"])
    assert [one["TargetId"] for one in answer["FailedEntries"]] == ["nothing"]
    events.delete_rule(Name="r")
    events.delete_rule(Name="r")
    assert refused(events.describe_rule, Name="r") == (
        "ResourceNotFoundException", "Rule r does not exist on EventBus default.",
    )  # fmt: skip


def test_a_rule_has_five_targets(estate, refused):
    queues = [estate.queue(f"q{number}") for number in range(5)]
    estate.rule("r", *queues)
    more = {"Id": "more", "Arn": queues[0]}
    assert refused(estate.events.put_targets, Rule="r", Targets=[more])[0] == "LimitExceededException"
    estate.put()
    assert [len(estate.texts(queue)) for queue in queues] == [1] * 5
    estate.events.put_targets(Rule="r", Targets=[{"Id": "0", "Arn": queues[1]}])
    assert estate.events.list_targets_by_rule(Rule="r")["Targets"][0]["Arn"] == queues[1]


def test_rules_are_listed_in_pages(estate):
    for number in range(5):
        estate.rule(f"r{number}")
    first = estate.events.list_rules(Limit=3)
    rest = estate.events.list_rules(NextToken=first["NextToken"])
    assert [one["Name"] for one in first["Rules"] + rest["Rules"]] == [f"r{number}" for number in range(5)]
    assert len(estate.events.list_rules(NamePrefix="r4")["Rules"]) == 1


def test_a_pattern_is_tested_against_an_event(estate, refused):
    event = {
        "id": "1", "account": "1", "source": "shop", "time": "2026-01-01T00:00:00Z", "region": "us-east-1",
        "resources": [], "detail-type": "t", "detail": {"n": 1},
    }  # fmt: skip
    test = estate.events.test_event_pattern
    for pattern, result in (({"detail": {"n": [1]}}, True), ({"detail": {"n": ["1"]}}, False)):
        answer = test(EventPattern=json.dumps(pattern), Event=json.dumps(event))
        assert answer["Result"] is result
    del event["source"]
    assert refused(test, EventPattern='{"a": [1]}', Event=json.dumps(event))[0] == "ValidationException"
    assert refused(test, EventPattern="[]", Event=json.dumps(event))[0] == "InvalidEventPatternException"


def chain(estate, dead=""):
    """Three buses, each of which hands everything on to the next; a queue at each."""
    queues = []
    for number, name in enumerate(("default", "second", "third")):
        if number:
            estate.events.create_event_bus(Name=name)
        queues.append(estate.queue(name))
    for name, following, queue in (("default", "second", 0), ("second", "third", 1), ("third", "", 2)):
        targets = [queues[queue]]
        if following:
            letters = {"DeadLetterConfig": {"Arn": dead}} if dead else {}
            targets.append({"Arn": f"{HERE}/{following}", "RoleArn": ROLE, **letters})
        estate.rule(f"on-{name}", *targets, bus=name)
    return queues


def test_an_event_goes_over_one_bus_and_no_further(estate):
    dead = estate.queue("dead")
    queues = chain(estate, dead)
    sent = estate.put({"n": 1})["Entries"][0]["EventId"]
    found = [estate.bodies(queue) for queue in queues]
    assert [[event["id"] for event in events] for events in found] == [[sent], [sent], []]
    (message,) = estate.messages(dead)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"].endswith("HOP_DETECTED")


def test_two_buses_that_hand_on_to_each_other_end(estate):
    estate.events.create_event_bus(Name="other")
    queue = estate.queue("q")
    estate.rule("there", {"Arn": f"{HERE}/other", "RoleArn": ROLE})
    estate.rule("back", {"Arn": f"{HERE}/default", "RoleArn": ROLE}, queue, bus="other")
    estate.put()
    assert len(estate.texts(queue)) == 1


def test_another_account_needs_the_policy_of_the_bus(estate):
    events = estate.events
    other = estate.backend.client("events", account="999999999999")

    def code(source="shop"):
        answer = other.put_events(Entries=[entry(EventBusName=f"{HERE}/default", Source=source)])
        return answer["Entries"][0].get("ErrorCode", "")

    assert code() == "AccessDeniedException"
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}
    events.put_permission(StatementId="org", Action="events:PutEvents", Principal="*", Condition=condition)
    assert code() == "AccessDeniedException"
    statement = {
        "Sid": "shop", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
        "Action": "events:PutEvents", "Resource": f"{HERE}/default",
        "Condition": {"StringEquals": {"events:source": ["shop", "mill"]}},
    }  # fmt: skip
    events.put_permission(Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    assert [code(), code("mill"), code("bank")] == ["", "", "AccessDeniedException"]
    deny = {**statement, "Sid": "no", "Effect": "Deny", "Principal": "*", "Condition": {}}
    events.put_permission(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement, deny]}))
    assert code() == "AccessDeniedException"
    assert estate.put()["Entries"][0]["ErrorCode"] == "AccessDeniedException"
    events.remove_permission(StatementId="no")
    assert [code(), estate.put()["FailedEntryCount"]] == ["", 0]
    events.remove_permission(RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus()


def test_the_event_of_another_account_says_whose_it_is(estate):
    events, queue = estate.events, estate.queue("q")
    events.put_permission(StatementId="all", Action="events:PutEvents", Principal="*")
    estate.rule("r", queue, EventPattern={"account": ["999999999999"]})
    other = estate.backend.client("events", account="999999999999")
    other.put_events(Entries=[entry(EventBusName=f"{HERE}/default")])
    estate.put()
    assert [event["account"] for event in estate.bodies(queue)] == ["999999999999"]


def test_the_result_of_a_function_goes_to_a_bus(estate):
    queue = estate.queue("q")
    estate.rule("r", queue, EventPattern={"source": ["lambda"]})
    from stackproof.fabric.service import Delivery

    ended = []
    context = {"source": "lambda", "detail-type": "Result - Success", "resources": ["arn:f"]}
    delivery = Delivery("arn:f", '{"ok": true}', principal="lambda.amazonaws.com", context=context)
    estate.world.deliver(f"{HERE}/default", delivery, ended.append)
    (event,) = estate.bodies(queue)
    assert (event["detail"], event["detail-type"], event["resources"]) == (
        {"ok": True}, "Result - Success", ["arn:f"],
    )  # fmt: skip
    estate.world.deliver(f"{HERE}/none", delivery, ended.append)
    assert ended[0] is None
    assert "does not exist" in str(ended[1])
