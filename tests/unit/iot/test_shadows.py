"""Device shadows: desired, reported, delta, versions, and the messages about them."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def update(field):
    def send(document, thing="car", **more):
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        answer = field.data.update_thing_shadow(thingName=thing, payload=payload, **more)
        field.world.run_until_idle()
        return json.loads(answer["payload"].read())

    return send


@pytest.fixture
def get(field):
    def read(thing="car", **more):
        return json.loads(field.data.get_thing_shadow(thingName=thing, **more)["payload"].read())

    return read


@pytest.fixture
def told(field):
    """``told()``: (suffix, document) of each message about shadows."""
    heard = []
    place = field.world.caller()

    def hear(topic, payload):
        if topic.count("shadow/") and not topic.endswith(("update", "get", "delete")):
            heard.append((topic.split("shadow/")[1], json.loads(payload)))

    field.world.service("iot").broker.subscribe(place, "$aws/things/#", hear)
    return lambda: heard


def test_the_delta_is_what_is_desired_and_not_reported(update, get):
    update({"state": {"desired": {"door": "open", "light": {"left": 1, "right": 2}, "list": [1, 2]}}})
    update({"state": {"reported": {"door": "open", "light": {"left": 1}, "list": [1], "extra": True}}})
    document = get()
    assert document["version"] == 2
    assert document["state"]["delta"] == {"light": {"right": 2}, "list": [1, 2]}
    update({"state": {"reported": {"light": {"right": 2}, "list": [1, 2]}}})
    assert "delta" not in get()["state"]


def test_null_takes_away_a_value_and_a_whole_side(update, get):
    update({"state": {"desired": {"a": 1, "b": {"c": 2}}, "reported": {"a": 1}}})
    update({"state": {"desired": {"a": None, "b": {"c": None}}}})
    assert get()["state"]["desired"] == {"b": {}}
    update({"state": {"desired": None}})
    document = get()
    assert document["state"] == {"reported": {"a": 1}}
    assert list(document["metadata"]) == ["reported"]


def test_each_value_has_the_moment_when_it_was_set(field, update, get):
    update({"state": {"desired": {"a": 1, "list": [1, {"x": 2}]}}})
    field.world.advance(60)
    update({"state": {"desired": {"b": {"c": 2}}}})
    start = 1767225600
    assert get()["metadata"]["desired"] == {
        "a": {"timestamp": start},
        "list": [{"timestamp": start}, {"x": {"timestamp": start}}],
        "b": {"c": {"timestamp": start + 60}},
    }


def test_an_old_version_is_refused(update):
    assert update({"state": {"desired": {"a": 1}}})["version"] == 1
    assert update({"state": {"desired": {"a": 2}}, "version": 1})["version"] == 2
    with pytest.raises(ClientError) as caught:
        update({"state": {"desired": {"a": 3}}, "version": 1})
    assert caught.value.response["Error"]["Code"] == "ConflictException"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{", "InvalidRequestException"),
        (b"{}", "InvalidRequestException"),
        (b'{"state": {"desired": 1}}', "InvalidRequestException"),
        (json.dumps({"state": {"desired": {"x": "y" * 9000}}}).encode(), "RequestEntityTooLargeException"),
    ],
)
def test_documents_that_are_none(payload, code, update):
    with pytest.raises(ClientError) as caught:
        update(payload)
    assert caught.value.response["Error"]["Code"] == code


def test_what_is_told_about_an_update(update, told):
    update({"state": {"desired": {"a": 1}}, "clientToken": "x"})
    messages = dict(told())
    assert set(messages) == {"update/accepted", "update/delta", "update/documents"}
    assert messages["update/delta"]["state"] == {"a": 1}
    assert messages["update/documents"]["current"]["state"] == {"desired": {"a": 1}}
    assert all(document["clientToken"] == "x" for document in messages.values())


def test_a_device_works_over_topics(field, told, get):
    field.publish("$aws/things/car/shadow/update", {"state": {"reported": {"a": 1}}})
    assert get()["state"]["reported"] == {"a": 1}
    field.publish("$aws/things/car/shadow/get", {"clientToken": "y"})
    field.publish("$aws/things/car/shadow/update", {"state": {"reported": {"a": 2}}, "version": 7})
    field.publish("$aws/things/car/shadow/delete", b"")
    field.publish("$aws/things/car/shadow/get", b"")
    kinds = [kind for kind, _ in told()]
    assert kinds == [
        "update/accepted", "update/documents", "get/accepted", "update/rejected", "delete/accepted",
        "get/rejected",
    ]  # fmt: skip
    assert [document["code"] for kind, document in told() if kind.endswith("rejected")] == [409, 404]


def test_named_shadows_are_shadows_of_their_own(field, update, get):
    update({"state": {"desired": {"a": 1}}})
    update({"state": {"desired": {"a": 2}}}, shadowName="doors")
    assert get()["state"]["desired"] == {"a": 1}
    assert get(shadowName="doors")["state"]["desired"] == {"a": 2}
    assert field.data.list_named_shadows_for_thing(thingName="car")["results"] == ["doors"]


def test_versions_go_on_after_a_deletion(field, update):
    update({"state": {"desired": {"a": 1}}})
    field.data.delete_thing_shadow(thingName="car")
    assert update({"state": {"desired": {"a": 1}}})["version"] == 3


def test_rules_hear_of_deltas(field, update):
    queue = field.queue("q")
    sql = "SELECT state.light AS light, topic(3) AS thing FROM '$aws/things/+/shadow/update/delta'"
    field.rule(sql, field.to(queue))
    update({"state": {"desired": {"light": "on"}}})
    assert [json.loads(body) for body in field.taken(queue)] == [{"light": "on", "thing": "car"}]
