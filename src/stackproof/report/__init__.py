"""Reports: a pure function from a ``Report`` to text, one module a format."""

from __future__ import annotations

import importlib
from typing import Any

from stackproof.errors import UsageError
from stackproof.model import Report

FORMATS: dict[str, str] = {
    "console": "for people, grouped by file with the offending lines",
    "json": "the whole report, as 'stackproof verdict' reads it",
    "junit": "JUnit XML for CodeBuild and others, at most 500 cases",
    "sarif": "SARIF 2.1.0 for code scanning",
    "github": "GitHub workflow commands",
    "gitlab": "GitLab code quality",
    "html": "one self-contained page",
}
"""The formats with what they are for."""


def render(report: Report, format: str, **options: Any) -> str:
    """The report as text. Only ``console`` takes options: ``color``, ``width``, ``unicode``, ``verbose``.

    Raises ``UsageError`` for an unknown format.
    """
    if format not in FORMATS:
        raise UsageError(f"there is no report format '{format}'", hint=f"use one of {', '.join(FORMATS)}")
    module = importlib.import_module(f"stackproof.report.{format}")
    text: str = module.render(report, **options)
    return text
