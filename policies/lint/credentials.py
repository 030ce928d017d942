"""E9003: a credential that gives itself away by its form, anywhere in a template.

Guard can look at a named property; this looks at every string, user data, code and metadata too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

_FORMS = {
    "an access key id": re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"(?<![A-Za-z0-9_])gh[pousr]_[A-Za-z0-9]{36}"),
    "a Slack token": re.compile(r"(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{10,}"),
}


class Credentials(CloudFormationLintRule):
    """No string has the form of a credential."""

    id = "E9003"
    shortdesc = "No credential stands in the template"
    description = "A string has the form of an access key, a private key or a token"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"
    tags = ("security",)

    def match(self, cfn: Template) -> list[RuleMatch]:
        """A match for every string that has the form of a credential; it is not repeated in the message."""
        return [
            RuleMatch(path, f"The text looks like {form}: revoke it, and read it from Secrets Manager")
            for path, text in _strings(cfn.template, [])
            for form, pattern in _FORMS.items()
            if pattern.search(text)
        ]


def _strings(node: Any, path: list[Any]) -> Iterator[tuple[list[Any], str]]:
    if isinstance(node, dict):
        for key, item in node.items():
            yield from _strings(item, [*path, key])
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _strings(item, [*path, index])
    elif isinstance(node, str):
        yield path, node
