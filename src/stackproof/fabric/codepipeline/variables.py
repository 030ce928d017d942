"""Variables in the configuration of actions: ``#{namespace.name}``.

Source: CodePipeline user guide, "Variables reference".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stackproof.fabric.codepipeline.model import Execution

_REFERENCE = re.compile(r"#\{([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_]+)\}")


class Unresolved(Exception):
    """A reference that nothing stands behind; the text names it."""


def filled(text: str, execution: Execution) -> str:
    """A text with its references filled in. Raises ``Unresolved``."""

    def value(found: re.Match[str]) -> str:
        namespace, name = found[1], found[2]
        known = _namespace(namespace, execution)
        if name not in known:
            raise Unresolved(f"#{{{namespace}.{name}}}")
        return known[name]

    return _REFERENCE.sub(value, text)


def _namespace(name: str, execution: Execution) -> Mapping[str, str]:
    if name == "codepipeline":
        return {"PipelineExecutionId": execution.id}
    return execution.given if name == "variables" else execution.variables.get(name, {})


def resolved(configuration: Mapping[str, str], execution: Execution) -> dict[str, str]:
    """Every value of a configuration with its references filled in. Raises ``Unresolved``."""
    return {name: filled(str(text), execution) for name, text in configuration.items()}
