"""What went wrong while cfn-lint took its configuration and the project's own rules, told at its place.

Whoever writes a rule decides what it raises when it is imported, so any error may stand behind it.
"""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import yaml

from stackproof.errors import ConfigError, RuleError, StackproofError

_HINT = "it is named by 'append_rules' of cfn-lint's configuration"


_OURS = Path(__file__).parents[2]
_PYTHON = Path(sysconfig.get_paths()["stdlib"])


def explain(error: BaseException, file: str, lint: Path) -> StackproofError | None:
    """The error with file, line and column; None when no file of the project's own has a part in it.

    ``file`` is cfn-lint's configuration file, ``lint`` the folder of cfn-lint's own code.
    """
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        for match in [] if mark else getattr(error, "matches", [])[:1]:
            line, column = match.linenumber, match.columnnumber
        what = error.problem or error.context or str(error)
        return ConfigError(f"is not valid YAML: {what}", file=file, line=line, column=column)
    if isinstance(error, yaml.YAMLError):
        return ConfigError(f"is not valid YAML: {error}", file=file)
    if isinstance(error, SyntaxError) and error.filename:
        line, column = error.lineno or 0, error.offset or 0
        message = f"is not valid Python: {error.msg}"
        return RuleError(message, file=error.filename, line=line, column=column, hint=_HINT)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_own(frame.filename, lint):
            said = "ends the program" if isinstance(error, SystemExit) else "cannot be imported"
            message = f"this cfn-lint rule file {said}: {type(error).__name__}: {error}"
            column = (frame.colno or 0) + 1
            return RuleError(message, file=frame.filename, line=frame.lineno or 0, column=column, hint=_HINT)
    return None


def is_own(file: str, lint: Path) -> bool:
    """Whether a code file is neither cfn-lint's (``lint``: its folder), nor ours, nor Python's."""
    path = Path(file)
    return path.is_file() and not _is_tool(path, lint)


def _is_tool(path: Path, lint: Path) -> bool:
    if path.is_relative_to(lint) or path.is_relative_to(_OURS):
        return True
    return path.is_relative_to(_PYTHON) and not {"site-packages", "dist-packages"} & set(path.parts)
