"""The exception hierarchy.

StackproofError                 exit code 2 unless a subclass says otherwise
├── UsageError                  the command line asks for something that cannot be done
│   └── NothingToJudge          no template, no rule or no result was found where one was asked for
├── ConfigError                 a stackproof configuration file is wrong (file, line, column)
├── RuleError                   a rule set, rule file or check is broken (file, line, column)
├── ResultError                 a result file handed to ``verdict`` cannot be read
├── TemplateError               a template cannot be loaded; becomes a finding, never an exit code of its own
├── BackendError                an emulator cannot be installed, does not start or does not answer
├── CapabilityMissing           a backend cannot do what was asked; skips a test by name
├── DeploymentFailed            a stack could not be created, updated or deleted; exit code 1
├── NotEmulated                 a test demands more than the backend emulates
│   └── CallNotEmulated         an API call that the backend has not got
└── InternalError               a defect of stackproof itself; exit code 3
"""

from __future__ import annotations

from typing import Any


class StackproofError(Exception):
    """Base of every error that stackproof raises on purpose.

    ``file``, ``line`` and ``column`` (1-based, 0 when unknown) say where; ``hint`` says what to do.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint

    def __str__(self) -> str:
        where = self.file
        if where and self.line:
            where += f":{self.line}:{self.column}" if self.column else f":{self.line}"
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class UsageError(StackproofError):
    """The command line asks for something that cannot be done."""


class NothingToJudge(UsageError):
    """No template, no rule or no result was found where one was asked for."""


class ConfigError(StackproofError):
    """A stackproof configuration file is wrong."""


class RuleError(StackproofError):
    """A rule set, rule file or check is broken."""


class ResultError(StackproofError):
    """A result file handed to ``stackproof verdict`` cannot be read."""


class TemplateError(StackproofError):
    """A template cannot be loaded. The gate turns it into a finding and judges the rest."""


class BackendError(StackproofError):
    """An emulator cannot be installed, does not start or does not answer."""


class CapabilityMissing(StackproofError):
    """The chosen backend cannot do what was asked."""


class DeploymentFailed(StackproofError):
    """A stack could not be created, updated or deleted; it is rolled back.

    ``logical_id`` names the resource ("" when it is the template), ``reason`` is what AWS says.
    """

    exit_code = 1

    def __init__(self, message: str, *, logical_id: str = "", reason: str = "", **where: Any) -> None:
        super().__init__(message, **where)
        self.logical_id = logical_id
        self.reason = reason or message


class NotEmulated(StackproofError):
    """A test demands more than the backend emulates."""


class CallNotEmulated(NotEmulated, NotImplementedError):
    """An API call that the backend has not got."""


class InternalError(StackproofError):
    """A defect of stackproof itself."""

    exit_code = 3
