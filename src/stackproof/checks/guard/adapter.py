"""The one door to the native Guard engine.

Clauses are read from the verbose report only: the brief one is cut off past 8 KiB and cannot be read
for rules with an ``or``; it only tells whether anything fails. ``cfn-guard-rs`` is taken when it is
installed, else ``guardpycfn``; both answer the same documents.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from stackproof.checks.guard.lexer import tokens
from stackproof.errors import InternalError
from stackproof.model import JSON

Native = Callable[[str, str, bool], str]


class GuardError(Exception):
    """The engine refuses a rule text or cannot evaluate it. ``line`` and ``column`` are 0 when unknown.

    ``parsing`` is True when the text is no Guard at all, False when it failed while it was evaluated.
    """

    def __init__(self, message: str, *, parsing: bool, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.parsing = parsing
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that was found: its distribution ``name`` and the call itself."""

    name: str
    call: Native
    errors: tuple[type[Exception], ...]


_PLACE = re.compile(r"at line (\d+) at column (\d+)(?:, when handling (.*?))?, fragment (.*)", re.DOTALL)


@functools.cache
def engine() -> Engine:
    """The installed engine. Raises ``InternalError`` when there is none."""
    try:
        native = importlib.import_module("cfn_guard_rs.cfn_guard_rs")
    except ImportError:
        return _guardpycfn()
    run = native.run_checks_rs
    errors = (native.CfnGuardParseError, native.CfnGuardMissingValue, Exception)
    return Engine("cfn-guard-rs", lambda document, rules, verbose: str(run(document, rules, verbose)), errors)


def _guardpycfn() -> Engine:
    try:
        native = importlib.import_module("guardpycfn")
    except ImportError as error:
        raise InternalError(
            "no Guard engine is installed", hint="pip install cfn-guard-rs (or guardpycfn)"
        ) from error
    run = native.validate_with_guard
    return Engine(
        "guardpycfn", lambda document, rules, verbose: str(run(document, rules, verbose)), (Exception,)
    )


def evaluate(document: str, rules: str) -> JSON:
    """The verbose report of ``rules`` over ``document`` (a JSON text); None for a file of comments only.

    Raises ``GuardError`` when the engine refuses.
    """
    return decode(evaluate_text(document, rules))


@functools.lru_cache(maxsize=512)
def fails(document: str, rules: str) -> bool:
    """Whether any rule fails, which costs less to be told than why. Raises ``GuardError`` as ``evaluate``.

    The brief report is cut off where many clauses fail; a report that cannot be read counts as failing.
    Remembered, because the configurations of a template often give the same document.
    """
    report = evaluate_text(document, rules, verbose=False)
    try:
        brief = msgspec.json.decode(report, type=_Brief)
    except msgspec.DecodeError:
        return True
    return brief.status not in {"PASS", "SKIP"} or bool(brief.not_compliant)


class _Brief(msgspec.Struct):
    status: str
    not_compliant: list[msgspec.Raw]


def decode(report: str) -> JSON:
    """A report out of its text; None for the empty text."""
    return msgspec.json.decode(report) if report.strip() else None


def evaluate_text(document: str, rules: str, *, verbose: bool = True) -> str:
    """The text of the report that ``evaluate`` gives: its length tells how much work it was."""
    found = engine()
    if _has_type_block(rules):
        document = _with_a_resource(document)
    try:
        return found.call(document, rules, verbose)
    except found.errors as error:
        raise _explain(str(error)) from error
    except BaseException as error:
        # A panic in Rust comes as an exception that is no Exception and that no module exports.
        if type(error).__name__ != "PanicException":
            raise
        raise GuardError(f"the engine crashed: {error}", parsing=False) from None


@functools.lru_cache(maxsize=4096)
def _has_type_block(rules: str) -> bool:
    return any(token.kind == "type" for token in tokens(rules))


def _with_a_resource(document: str) -> str:
    """The document with a resource of no type in it, when it has none at all.

    Guard 3.0.1 crashes on a type block (``AWS::S3::Bucket { … }``) where ``Resources`` is missing or empty.
    """
    tree = msgspec.json.decode(document)
    if not isinstance(tree, dict) or tree.get("Resources", {}) != {}:
        return document
    return msgspec.json.encode({**tree, "Resources": {"None": {"Type": "None"}}}).decode()


def _explain(text: str) -> GuardError:
    place = _PLACE.search(text)
    if not place:
        return GuardError(" ".join(text.split()), parsing="pars" in text.lower())
    line, column = int(place[1]), int(place[2])
    fragment = place[4].strip().splitlines()
    handling = (place[3] or "").strip().rstrip(",")
    near = f" near '{fragment[0].strip()[:60]}'" if fragment else " at the end of the file"
    why = f": {handling}" if handling else ""
    return GuardError(f"is not valid Guard{near}{why}", parsing=True, line=line, column=column)
