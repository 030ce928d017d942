"""Input templates and dynamic path parameters of pipes.

Source: EventBridge user guide, "Amazon EventBridge Pipes input transformation": ``<$.body.name>`` is taken
from the event, whose body (SQS), data (Kinesis) is read as JSON on the way; quoting is that of rules.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from stackproof.fabric.clock import iso
from stackproof.fabric.events import inputs, paths
from stackproof.fabric.events.model import compact
from stackproof.fabric.pipes.model import Pipe

_READ_THROUGH = ("body", "data", "Data")


def opened(event: Any) -> Any:
    """An event with its body read as JSON, where it is some."""
    if not isinstance(event, Mapping):
        return event
    found = dict(event)
    for name in _READ_THROUGH:
        if isinstance(found.get(name), str):
            found[name] = _decoded(name, found[name])
    return found


def _decoded(name: str, text: str) -> Any:
    if name != "body":
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def applied(template: str, pipe: Pipe, event: Any, ms: int) -> Any:
    """What a template makes of an event: decoded JSON, or the text itself where it is none."""
    facts = {
        "aws.pipes.pipe-arn": pipe.arn,
        "aws.pipes.pipe-name": pipe.name,
        "aws.pipes.source-arn": pipe.source,
        "aws.pipes.enrichment-arn": pipe.enrichment,
        "aws.pipes.target-arn": pipe.target,
        "aws.pipes.event.ingestion-time": iso(ms),
        "aws.pipes.event": event,
        "aws.pipes.event.json": event,
    }
    through = opened(event)

    def value(name: str, quoted: bool) -> str:
        if name in facts:
            return inputs.written(facts[name], quoted)
        if not name.startswith("$"):
            return f"<{name}>"
        return inputs.written(paths.find(name, through), quoted)

    text = inputs.filled(template, value)
    try:
        return json.loads(text)
    except ValueError:
        return text


def text(value: Any) -> str:
    """A value as a target that takes texts gets it."""
    return value if isinstance(value, str) else compact(value)


def dynamic(setting: Any, event: Any) -> str:
    """A parameter of a target: as it is, or what stands at its path in the event."""
    if not isinstance(setting, str) or not setting.startswith("$."):
        return "" if setting is None else str(setting)
    found = paths.find(setting, opened(event))
    return "" if found is paths.MISSING else text(found)
