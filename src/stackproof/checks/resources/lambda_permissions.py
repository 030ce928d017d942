"""A permission for a service without a source serves every customer of that service."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.wiring import FUNCTION

_SCOPES = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")


def _examine(stack: Stack) -> Iterator[Hit]:
    for permission in stack.of("AWS::Lambda::Permission"):
        principal = permission.get("Principal")
        if permission.get("FunctionUrlAuthType") is not None or not isinstance(principal, str):
            continue
        everybody = principal == "*"
        if not everybody and not principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            continue
        if any(permission.get(scope) is not None for scope in _SCOPES):
            continue
        function = stack.target(permission.get("FunctionName"), FUNCTION)
        who = "anybody" if everybody else f"{principal}, for any account,"
        message = f"The permission lets {who} invoke the function: add SourceArn (or SourceAccount)"
        yield Hit(permission.at("Principal"), message, (function.id,) if function else ())


RULE = Rule(
    describe(
        "LAMBDA-PERMISSION",
        "A permission for a service names its source",
        why="A service acts for all of its customers: without a source another account's rule, "
        "bucket or topic "
        "can invoke the function (the confused deputy).",
        fix="Set SourceArn to the ARN of the rule, bucket, topic or API; for S3 set SourceAccount too.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html",
    ),
    _examine,
)
