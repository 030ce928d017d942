"""A function URL without authentication is open to the internet."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.wiring import function_of
from stackproof.template.model import Unknown


def _examine(stack: Stack) -> Iterator[Hit]:
    for url in stack.of("AWS::Lambda::Url"):
        kind = url.get("AuthType")
        function = function_of(stack, url.get("TargetFunctionArn"))
        related = (function.id,) if function else ()
        if kind == "NONE":
            message = "Anybody on the internet may invoke the function: set AuthType to AWS_IAM"
            yield Hit(url.at("AuthType"), message, related)
        elif isinstance(kind, Unknown) and (not kind.values or "NONE" in kind.values):
            yield Hit(
                url.at("AuthType"),
                "Whether the function URL is open to everybody is not known",
                related,
                (kind,),
            )


RULE = Rule(
    describe(
        "FUNCTION-URL",
        "Function URLs ask who is calling",
        why="A URL with AuthType NONE can be called by anybody, at the account's cost.",
        fix="Set AuthType to AWS_IAM, or put the function behind an API with an authorizer.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
    ),
    _examine,
)
