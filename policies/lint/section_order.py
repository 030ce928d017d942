"""W9002: the sections of a template stand in the order in which one reads them.

Guard sees no order.
"""

from __future__ import annotations

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

_ORDER = (
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
)
# The documentation shows Transform both at the top and before Resources.
_ANYWHERE = frozenset({"Transform"})


class SectionOrder(CloudFormationLintRule):
    """Sections follow the order of the template anatomy; nothing stands after the outputs."""

    id = "W9002"
    shortdesc = "The sections of a template stand in the usual order"
    description = (
        "Version, description, metadata, parameters, rules, mappings, conditions, resources, outputs"
    )
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html"
    tags = ("style",)

    def match(self, cfn: Template) -> list[RuleMatch]:
        """A match for every section that stands after one that should follow it."""
        if (cfn.filename or "").endswith(".json"):
            return []  # written by a machine: nobody reads it from top to bottom
        found = []
        highest, after = -1, ""
        for section in cfn.template:
            if section not in _ORDER or section in _ANYWHERE:
                continue
            position = _ORDER.index(section)
            if position < highest:
                found.append(RuleMatch([section], f"{section} stands after {after}: move it before"))
            else:
                highest, after = position, section
        return found
