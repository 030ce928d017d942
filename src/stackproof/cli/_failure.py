"""The one mapping of errors to messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import click

from stackproof.cli._console import complain, drop_stdout, stand_in_for_closed_streams
from stackproof.errors import StackproofError

INTERNAL = 3
INTERRUPTED = 130


def run_guarded(action: Callable[[], Any], arguments: Sequence[str]) -> int:
    """Run ``action`` and return the exit code; say on stderr what went wrong."""
    debug = "--debug" in arguments or os.environ.get("STACKPROOF_DEBUG", "") not in {"", "0"}
    stand_in_for_closed_streams()
    try:
        answer = action()
        sys.stdout.flush()
    except StackproofError as error:
        return _known(error, debug)
    except click.ClickException as error:
        return _usage(error)
    except (KeyboardInterrupt, click.Abort):
        complain("stackproof: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        drop_stdout()
        return 0
    except OSError as error:
        return _unwritten(error) if _is_of_stdout(error) else _defect(debug)
    except Exception:  # noqa: BLE001 - the one place that turns a defect into exit code 3
        return _defect(debug)
    return answer if isinstance(answer, int) else 0


def _is_of_stdout(error: OSError) -> bool:
    """Whether writing failed; the error of a named file carries its name."""
    return error.filename is None and error.errno in {errno.EBADF, errno.ENOSPC, errno.EIO, errno.EDQUOT}


def _unwritten(error: OSError) -> int:
    drop_stdout()
    complain(f"stackproof: the output cannot be written: {error.strerror}")
    complain("  hint: send it where there is room, or write a file with '--format FORMAT=FILE'")
    return 2


def _known(error: StackproofError, debug: bool) -> int:
    if debug:
        complain(traceback.format_exc().rstrip())
    where = error.file
    if where and error.line:
        where += f":{error.line}:{error.column}" if error.column else f":{error.line}"
    complain(f"stackproof: {where}: {error.message}" if where else f"stackproof: {error.message}")
    if error.hint:
        complain(f"  hint: {error.hint}")
    return error.exit_code


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if context is not None:
        complain(context.get_usage())
        if context.command.get_help_option(context) is not None:
            complain(f"Try '{context.command_path} --help' for help.")
        complain("")
    complain(f"stackproof: {error.format_message()}")
    return 2


def _defect(debug: bool) -> int:
    text = traceback.format_exc()
    last = text.strip().splitlines()[-1]
    complain(f"stackproof: internal error: {last}")
    if debug:
        complain(text.rstrip())
    else:
        written = _keep(text)
        where = f"the traceback is in {written}" if written else "the traceback could not be written"
        complain(f"  {where}; run again with 'stackproof --debug …' to see it here")
    complain(
        "  this is a defect of stackproof: please report it with the traceback and the file that it judged"
    )
    return INTERNAL


def _keep(text: str) -> str:
    """Write the traceback to a new file in the temporary folder; "" when that fails."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="stackproof-crash-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"{sys.version}\n{' '.join(sys.argv)}\n{text}")
            return file.name
    except OSError:
        return ""
