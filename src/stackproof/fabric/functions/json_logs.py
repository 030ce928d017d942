"""Log lines in JSON, for functions whose ``LoggingConfig`` has the log format JSON.

Sources: Lambda developer guide, "Configuring JSON and plain text log formats" (the keys of Python's lines,
``print`` stays text, the platform's events) and "Configuring log level filtering" (INFO where nothing is
said; at INFO the platform writes its start and its report).
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Mapping
from typing import Any

from stackproof.fabric.clock import iso

_TEXT = "Text"
_LEVELS = {"TRACE": logging.DEBUG, "FATAL": logging.CRITICAL}
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime", "taskName"}


def settings(config: Mapping[str, Any]) -> dict[str, str]:
    """The variables that tell a function about its logs; {} for the text format."""
    given = config.get("LoggingConfig") or {}
    if given.get("LogFormat", _TEXT) == _TEXT:
        return {}
    level = str(given.get("ApplicationLogLevel") or "INFO")
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}


def level(variables: Mapping[str, str]) -> int:
    """The level of the root logger by the function's variables."""
    name = variables["AWS_LAMBDA_LOG_LEVEL"]
    return _LEVELS.get(name) or logging.getLevelNamesMapping()[name]


def event(ms: int, kind: str, record: Mapping[str, Any]) -> str:
    """A line of the platform's own."""
    return json.dumps({"time": iso(ms), "type": f"platform.{kind}", "record": record}) + "\n"


class Formatter(logging.Formatter):
    """A logger's line as the Python runtime writes it; what the caller gave as ``extra`` comes along."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its end."""
        found: dict[str, Any] = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **_error(record),
            "requestId": getattr(record, "aws_request_id", None),
        }
        extra = {
            name: value for name, value in vars(record).items() if name not in _OWN and name not in found
        }
        shown = {name: value for name, value in {**found, **extra}.items() if value is not None}
        return json.dumps(shown, default=str, ensure_ascii=False) + "\n"


def _error(record: logging.LogRecord) -> dict[str, Any]:
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, value, trace = record.exc_info
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": kind.__name__,
        "errorMessage": str(value),
        "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
    }
