"""What a function wrote stands in its log group, with the lines of Lambda itself."""

from __future__ import annotations

import json
import re

import pytest

HELLO = "def handler(event, context):\n    print('hello')\n    return event\n"


def messages(lab, name="f", **options):
    client = lab.backend.client("logs")
    found = client.filter_log_events(logGroupName=f"/aws/lambda/{name}", **options)
    return [event["message"] for event in found["events"]]


def test_lines_are_there_right_after_the_invocation(lab):
    lab.function("f", HELLO)
    lab.invoke("f")
    start, hello, end, report = messages(lab)
    assert start.startswith("START RequestId: ")
    assert hello == "hello\n"
    assert end.startswith("END RequestId: ")
    assert report.startswith("REPORT RequestId: ")
    lab.invoke("f")
    assert len(messages(lab)) == 8
    assert messages(lab, filterPattern="hello") == ["hello\n"] * 2


def test_another_function_reads_them_too(lab):
    lab.function("f", HELLO)
    reader = """
        import boto3
        def handler(event, context):
            events = boto3.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
            return [event["message"] for event in events if event["message"] == "hello\\n"]
        """
    lab.function("reader", reader)
    lab.invoke("f")
    assert lab.invoke("reader").value == ["hello\n"]


def memory(lab, name="f"):
    found = re.search(r"Memory Size: (\d+) MB\tMax Memory Used: (\d+) MB", messages(lab, name)[-1])
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("size", [128, 1024])
def test_the_report_names_the_memory_of_the_function_and_a_part_of_it_as_used(lab, size):
    lab.function("f", HELLO, MemorySize=size)
    lab.invoke("f")
    given, small = memory(lab)
    assert given == size
    assert 0 < small < size
    lab.invoke("f", "x" * 3_000_000)
    assert small < memory(lab)[1] <= size


def test_no_more_memory_is_used_than_there_is(lab):
    lab.function("f", HELLO, MemorySize=128)
    for _ in range(2):
        lab.invoke("f", "x" * 5_900_000)
    assert memory(lab)[1] <= 128


JSON_CODE = """
    import logging
    logger = logging.getLogger("shop")
    def handler(event, context):
        logger.debug("unheard")
        logger.info("sold %s", event, extra={"n": 1})
        print("plain")
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("broken")
    """


def test_a_function_with_the_json_format_writes_documents(lab):
    lab.function("f", JSON_CODE, LoggingConfig={"LogFormat": "JSON"})
    lab.invoke("f", "tea")
    start, sold, plain, broken, report = messages(lab)
    assert json.loads(start)["type"] == "platform.start"
    assert plain == "plain\n"
    told = json.loads(sold)
    request = json.loads(report)["record"]["requestId"]
    assert told == {
        "timestamp": "2026-01-01T00:00:00Z", "level": "INFO", "message": "sold tea", "logger": "shop",
        "requestId": request, "n": 1,
    }  # fmt: skip
    assert json.loads(broken)["errorType"] == "ZeroDivisionError"
    assert json.loads(report)["record"]["status"] == "success"
    assert messages(lab, filterPattern="{ $.n = 1 }") == [sold]


def test_the_log_level_is_that_of_the_configuration(lab):
    config = {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"}
    lab.function("f", JSON_CODE, LoggingConfig=config)
    lab.invoke("f", "tea")
    assert [json.loads(one).get("level") for one in messages(lab) if "message" in one] == ["ERROR"]
