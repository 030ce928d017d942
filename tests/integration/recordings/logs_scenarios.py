"""What was asked of subscription filters of log groups."""

from __future__ import annotations

from typing import Any

import functions
from stage import ACCOUNT, Stage, scenario

SOURCE = "logs-subscription"
ELSEWHERE = "123456789012"


class Group:
    """A new log group."""

    def __init__(self, s: Stage) -> None:
        self.stage = s
        self.logs = s.backend.client("logs")
        self.name = s.fresh("group")
        self.logs.create_log_group(logGroupName=self.name)

    def function(self) -> str:
        """The ARN of a function that may listen."""
        s = self.stage
        made = functions.create(s, functions.ECHO)
        s.backend.client("lambda").add_permission(
            FunctionName=made["FunctionName"], StatementId="1", Action="lambda:InvokeFunction",
            Principal="logs.us-east-1.amazonaws.com", SourceAccount=ACCOUNT,
            SourceArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{self.name}:*",
        )  # fmt: skip
        return str(made["FunctionArn"])

    def put(self, destination: str, name: str = "test", pattern: str = "", group: str = "") -> dict[str, Any]:
        return {
            "logGroupName": group or self.name,
            "filterName": name,
            "filterPattern": pattern,
            "destinationArn": destination,
        }


@scenario(SOURCE, "test_describe_subscription_filters_empty")
def a_group_without_filters(s: Stage) -> None:
    group = Group(s)
    answer = group.logs.describe_subscription_filters(logGroupName=group.name)
    s.match("describe-subscription-filters-empty", answer)


@scenario(SOURCE, "test_describe_subscription_filters_log_group_not_found")
def no_group(s: Stage) -> None:
    call = s.backend.client("logs").describe_subscription_filters
    s.match("error-log-group-not-found", s.error(call, logGroupName="not-existing-log-group"))


@scenario(SOURCE, "test_put_subscription_filter_update")
def a_filter_is_replaced(s: Stage) -> None:
    group = Group(s)
    arn = group.function()
    for pattern in ("", "[]"):
        group.logs.put_subscription_filter(**group.put(arn, pattern=pattern))
    s.match("updated-filter", group.logs.describe_subscription_filters(logGroupName=group.name))


@scenario(SOURCE, "test_put_subscription_filter_limit_exceeded")
def a_third_filter(s: Stage) -> None:
    group = Group(s)
    arn = group.function()
    for name in ("test-1", "test-2"):
        group.logs.put_subscription_filter(**group.put(arn, name))
    s.match("error-limit-exceeded", s.error(group.logs.put_subscription_filter, **group.put(arn, "test-3")))


@scenario(SOURCE, "test_delete_subscription_filter_errors")
def nothing_to_delete(s: Stage) -> None:
    group = Group(s)
    call = group.logs.delete_subscription_filter
    missing = s.error(call, logGroupName="not-existing-log-group", filterName="test")
    s.match("error-log-group-not-found", missing)
    s.match("error-filter-not-found", s.error(call, logGroupName=group.name, filterName="wrong-filter-name"))


@scenario(SOURCE, "test_put_subscription_filter_errors")
def destinations_that_cannot_be(s: Stage) -> None:
    group = Group(s)
    call = group.logs.put_subscription_filter
    function = f"arn:aws:lambda:us-east-1:{ELSEWHERE}:function:test"
    stream = f"arn:aws:kinesis:us-east-1:{ELSEWHERE}:stream/unknown-stream"
    s.match("error-log-group-not-found", s.error(call, **group.put(function, group="not-existing-log-group")))
    s.match("error-lambda-not-found", s.error(call, **group.put(f"{function}-none")))
    s.match("error-kinesis-not-found", s.error(call, **group.put(stream)))
