"""A report as a document: what ``--format json`` writes and ``stackproof verdict`` reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from stackproof.errors import ResultError
from stackproof.model import Finding, Report, Severity

SCHEMA = 1
"""Raised whenever a reader of the old form would misread the new one."""

_KEY = "stackproof_schema"


def dumps(report: Report) -> bytes:
    """The report as UTF-8 JSON on one line."""
    document = {
        _KEY: SCHEMA,
        **{field.name: getattr(report, field.name) for field in dataclasses.fields(report)},
    }
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(document, str_keys=True)))


def loads(data: bytes) -> Report:
    """Read a report. Raises ``ResultError`` for what ``dumps`` of this version cannot have written."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResultError(f"is not a result: {error}", hint="write it with '--format json'") from error
    if not isinstance(raw, dict) or _KEY not in raw:
        hint = "write it with 'stackproof check --format json'"
        raise ResultError("is no result of stackproof", hint=hint)
    version = raw.pop(_KEY)
    if version != SCHEMA or isinstance(version, bool):
        hint = "run all pillars and 'verdict' with the same version of stackproof"
        raise ResultError(f"has result schema {version!r}, this stackproof reads {SCHEMA}", hint=hint)
    _only_known(raw, Report, "the result")
    for finding in raw.get("findings") or ():
        if isinstance(finding, dict):
            _only_known(finding, Finding, "a finding")
    try:
        report = msgspec.convert(raw, Report, str_keys=True)
    except msgspec.ValidationError as error:
        raise ResultError(f"is not a result: {error}", hint="write it with '--format json'") from error
    if report.fail_on not in {*Severity, "never"}:
        raise ResultError(f"has no known threshold: {report.fail_on!r}", hint="write it with '--format json'")
    return report


def _only_known(data: dict[str, Any], kind: type[Report] | type[Finding], what: str) -> None:
    unknown = sorted(set(data) - {field.name for field in dataclasses.fields(kind)})
    if unknown:
        raise ResultError(
            f"holds unknown '{unknown[0]}' in {what}", hint="was it written by another version?"
        )


def _writable(value: Any) -> Any:
    """The same without lone surrogates, which come from file names that are not UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_writable(key): _writable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_writable(one) for one in value]
    return value
