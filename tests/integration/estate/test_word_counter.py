"""word-counter: a chat's words are counted once each, whatever is sent twice, at once, or in vain."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from stackproof.fabric.choice import Seeded
from stackproof.fabric.tasks import Task

TEXT = "awsadvent some words"
Say = Callable[..., Any]


class Chat:
    """The outgoing webhook of a chat."""

    def __init__(self, system: Any, fabric: Any, token: str) -> None:
        self._fabric = fabric
        self.url = system.outputs["WebhookUrl"]
        self.token = token

    def form(self, text: str, at: str, **fields: str) -> str:
        """What Slack sends, form-encoded."""
        known = {
            "token": self.token,
            "team_id": "T0001",
            "channel_id": "C2147483705",
            "channel_name": "test",
            "timestamp": at,
            "user_id": "U2147483697",
            "user_name": "Steve",
            "text": text,
            "trigger_word": text.split(" ", 1)[0],
        }
        return urlencode({**known, **fields})

    def post(self, body: str) -> Any:
        """The answer to a request; the functions behind the topic have not run yet."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._fabric.world.http.request("POST", self.url, headers, body)

    def say(self, text: str, at: str = "1480636800.000001", **fields: str) -> Any:
        """Send a message and answer what came back."""
        return self.post(self.form(text, at, **fields))


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/word-counter", config="test")


def token_of(system: Any, aws: Any) -> str:
    secret = aws("secretsmanager").get_secret_value(SecretId=system["SlackToken"].physical_id)
    return str(secret["SecretString"])


@pytest.fixture
def chat(system: Any, fabric: Any, aws: Any) -> Chat:
    return Chat(system, fabric, token_of(system, aws))


@pytest.fixture
def counts(system: Any, look: Any) -> Callable[[], dict[str, int]]:
    """``counts()``: the table of words."""
    return lambda: {item["word"]: int(item["seen"]) for item in look.items(system.table("Words"))}


def test_the_first_message_shows_1_and_the_second_12(
    chat: Chat, fabric: Any, counts: Callable[[], dict[str, int]]
) -> None:
    first = chat.say(TEXT, "1.1")
    assert first.status == 200
    assert first.header("Content-Type") == "application/json"
    assert first.json() == {"text": "awsadvent: 1, some: 1, words: 1"}
    fabric.run_until_idle()
    assert counts() == {"awsadvent": 11, "some": 11, "words": 11}
    assert chat.say(TEXT, "1.2").json() == {"text": "awsadvent: 12, some: 12, words: 12"}
    fabric.run_until_idle()
    assert counts() == {"awsadvent": 22, "some": 22, "words": 22}


def test_the_logger_logs_what_the_topic_hears(system: Any, chat: Chat, fabric: Any, aws: Any) -> None:
    chat.say(TEXT)
    fabric.run_until_idle()
    answer = aws("logs").filter_log_events(logGroupName=system["SnsLoggerLogs"].physical_id)
    lines = [event["message"] for event in answer["events"]]
    assert any(TEXT in line for line in lines)


def test_a_word_counts_as_often_as_it_stands(chat: Chat, fabric: Any, counts: Any) -> None:
    assert chat.say("ho ho  ho\tand\nho").json()["text"] == "ho: 4, and: 1"
    fabric.run_until_idle()
    assert counts() == {"ho": 44, "and": 11}


def test_without_a_topic_nothing_is_published(stack: Any, fabric: Any, aws: Any, look: Any) -> None:
    system = stack("templates/word-counter", config="test", parameters={"PublishWords": "false"})
    chat = Chat(system, fabric, token_of(system, aws))
    chat.say(TEXT, "1.1")
    fabric.run_until_idle()
    assert chat.say(TEXT, "1.2").json()["text"] == "awsadvent: 2, some: 2, words: 2"
    assert not fabric.journal.entries(verb="sns.Publish")


def test_a_message_that_slack_sends_again_is_counted_once(chat: Chat, fabric: Any, counts: Any) -> None:
    for _ in range(3):
        assert chat.say(TEXT, "1.1").status == 200
        fabric.run_until_idle()
    assert counts() == {"awsadvent": 11, "some": 11, "words": 11}


def test_one_moment_in_two_channels_is_two_messages(chat: Chat, counts: Any) -> None:
    chat.say("hello", "1.1", channel_id="C1")
    chat.say("hello", "1.1", channel_id="C2")
    assert counts()["hello"] == 2


@pytest.mark.parametrize("fields", [{"token": "guessed"}, {"token": ""}], ids=["wrong", "none"])
def test_without_the_token_nothing_is_counted(fields: dict[str, str], chat: Chat, counts: Any) -> None:
    assert chat.say(TEXT, **fields).status == 403
    assert counts() == {}


@pytest.mark.parametrize(
    ("text", "fields", "status"),
    [
        (TEXT, {"timestamp": ""}, 400),
        (TEXT, {"channel_id": ""}, 400),
        ("x" * 2049, {}, 400),
        ("", {}, 200),
        ("  ", {}, 200),
    ],
    ids=["no time", "no channel", "a word too long", "no text", "no word"],
)
def test_what_cannot_be_counted_is_answered_and_published_to_nobody(
    text: str, fields: dict[str, str], status: int, chat: Chat, fabric: Any, counts: Any
) -> None:
    answer = chat.say(text, "1.1", **fields)
    assert (answer.status, counts()) == (status, {})
    assert answer.json()["text"]
    assert not fabric.journal.entries(verb="sns.Publish")


def test_a_body_that_is_no_form_is_refused(chat: Chat, counts: Any) -> None:
    assert chat.post("").status == 403
    assert chat.post("\x00\xff").status == 403
    assert counts() == {}


def test_a_message_of_more_words_than_a_transaction_takes_is_counted_whole(
    chat: Chat, fabric: Any, counts: Any
) -> None:
    words = [f"word{number}" for number in range(250)]
    assert chat.say(" ".join(words)).json()["text"].count(": 1") >= 250
    fabric.run_until_idle()
    assert counts() == dict.fromkeys(words, 11)


SCHEDULES = [
    pytest.param(seed, marks=pytest.mark.fabric(chooser=Seeded(seed)), id=f"schedule {seed}")
    for seed in range(10)
]


@pytest.mark.parametrize("seed", SCHEDULES)
def test_two_messages_at_once_lose_no_update(seed: int, chat: Chat, fabric: Any, counts: Any) -> None:
    tasks = [
        Task(fabric.world.scheduler, f"chat {number}", lambda at=f"1.{number}": chat.say(TEXT, at).status)
        for number in range(3)
    ]
    for task in tasks:
        fabric.world.scheduler.spawn(task)
    fabric.run_until_idle()
    assert [task.result for task in tasks] == [200, 200, 200]
    assert counts() == {"awsadvent": 33, "some": 33, "words": 33}


CALLS = ["dynamodb.TransactWriteItems", "dynamodb.BatchGetItem", "sns.Publish"]


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_crash_is_an_error_to_slack_and_its_retry_converges(
    side: str, call: str, chat: Chat, fabric: Any, faults: Any, counts: Any
) -> None:
    died = faults.crash(f"{side} {call}")
    assert chat.say(TEXT, "1.1").status >= 500
    assert len(died) == 1
    fabric.run_until_idle()
    assert chat.say(TEXT, "1.1").status == 200
    fabric.run_until_idle()
    assert counts() == {"awsadvent": 11, "some": 11, "words": 11}


@pytest.mark.parametrize("transactions", [1, 2, 3])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_multiplier_that_dies_between_two_transactions_adds_ten_once(
    side: str, transactions: int, system: Any, fabric: Any, aws: Any, faults: Any, counts: Any
) -> None:
    words = [f"word{number}" for number in range(250)]
    died = faults.crash(f"{side} dynamodb.TransactWriteItems", after=transactions - 1)
    message = json.dumps({"id": "C1 1.1", "text": " ".join(words)})
    aws("sns").publish(TopicArn=system.topic("Topic"), Message=message)
    fabric.run_until_idle()
    assert len(died) == 1
    assert counts() == dict.fromkeys(words, 10)


def test_a_conflict_of_two_transactions_is_tried_again(
    chat: Chat, fabric: Any, faults: Any, counts: Any
) -> None:
    refused = faults.refuse(
        "dynamodb.TransactWriteItems", "TransactionInProgressException", lambda _: True, 2
    )
    assert chat.say(TEXT).status == 200
    assert len(refused) == 2
    fabric.run_until_idle()
    assert set(counts().values()) == {11}


@pytest.mark.parametrize("body", ["no JSON", json.dumps({"text": "no id"}), json.dumps({"id": "1"})])
def test_a_poison_message_ends_in_the_dead_letter_queue_of_both_listeners(
    body: str, system: Any, fabric: Any, aws: Any, look: Any, counts: Any
) -> None:
    aws("sns").publish(TopicArn=system.topic("Topic"), Message=body)
    fabric.run_until_idle()
    kept = look.take(system.queue("FailedMessages"))
    assert [json.loads(one["Body"])["Records"][0]["Sns"]["Message"] for one in kept] == [body, body]
    assert Counter({name: look.runs(system.function(name)) for name in ("SnsMultiplier", "SnsLogger")}) == {
        "SnsMultiplier": 3,
        "SnsLogger": 3,
    }
    assert counts() == {}


def test_words_are_text_of_any_script(chat: Chat, counts: Any) -> None:
    assert chat.say("größe ❤️ 数 größe").json()["text"] == "größe: 2, ❤️: 1, 数: 1"
    assert counts() == {"größe": 2, "❤️": 1, "数": 1}
