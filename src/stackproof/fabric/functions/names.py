"""The forms in which a function can be named: name, partial ARN, ARN, each with or without a qualifier."""

from __future__ import annotations

import re
from typing import NamedTuple

from stackproof.fabric import arns
from stackproof.fabric.functions import errors
from stackproof.fabric.service import Caller

_FORM = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]{1,140})"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


class Named(NamedTuple):
    """The unqualified ARN, the short name and the qualifier ("" when none was given)."""

    arn: str
    name: str
    qualifier: str


def named(text: str, caller: Caller, qualifier: str = "") -> Named:
    """What ``FunctionName`` (and ``Qualifier``) of a request name; raises ValidationException."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise errors.validation(
            text, "functionName",
            "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?"
            "([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
        )  # fmt: skip
    region = match["region"] or caller.region
    account = match["account"] or caller.account
    inner = match["qualifier"] or ""
    if inner and qualifier and inner != qualifier:
        raise errors.invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    arn = arns.arn("lambda", region, account, f"function:{match['name']}")
    return Named(arn, match["name"], inner or qualifier)
