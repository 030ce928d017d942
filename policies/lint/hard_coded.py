"""W9001: an account or a resource of one account, written anywhere in a template.

Guard can look at a named property; this looks at every string, inside Fn::Sub and Fn::Join too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

_ACCOUNT = re.compile(r"arn:[^:]*:[^:]*:[^:]*:\d{12}:|(?<![0-9A-Za-z-])\d{12}\.dkr\.ecr\.")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_RESOURCE = re.compile(
    r"(?<![0-9A-Za-z-])(?:vpc|subnet|sg|ami|eni|vol|snap|igw|nat|rtb|eipalloc|vpce)-[0-9a-f]{8,17}\b"
)


class HardCoded(CloudFormationLintRule):
    """No string of a resource or an output names an account or one account's resource."""

    id = "W9001"
    shortdesc = "No account or resource id is written into the template"
    description = "A string, also one inside Fn::Sub or Fn::Join, names one account or one account's resource"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/best-practices.html"
    tags = ("security", "portability")

    def match(self, cfn: Template) -> list[RuleMatch]:
        """A match for every string that names an account or one account's resource."""
        found = []
        for section in ("Resources", "Outputs", "Conditions"):
            for path, text in _strings(cfn.template.get(section), [section]):
                if _ACCOUNT.search(_VARIABLE.sub("x", text)):
                    message = "The account in the ARN is written down: use ${AWS::AccountId} or a parameter"
                    found.append(RuleMatch(path, message))
                elif name := _RESOURCE.search(text):
                    message = f"{name[0]} exists in one account only: use a reference or a parameter"
                    found.append(RuleMatch(path, message))
        return found


def _strings(node: Any, path: list[Any]) -> Iterator[tuple[list[Any], str]]:
    if isinstance(node, dict):
        for key, item in node.items():
            if key != "Metadata":
                yield from _strings(item, [*path, key])
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _strings(item, [*path, index])
    elif isinstance(node, str):
        yield path, node
