"""Inline code must fit, and must still be Python after substitution."""

from __future__ import annotations

import ast
import io
import warnings
import zipfile
from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.samples import sample
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.wiring import FUNCTION
from stackproof.template.model import Unknown

_LIMIT = 4 * 1024 * 1024
"""Bytes of the zip file that CloudFormation makes of inline code (until 2022: 4,096 characters)."""


def _examine(stack: Stack) -> Iterator[Hit]:
    for function in stack.of(FUNCTION):
        code = function.get("Code", "ZipFile")
        if isinstance(code, str):
            yield from _judge(function, code)
        elif isinstance(code, Unknown) and _python(function):
            text = sample(code)
            if text is not None and not isinstance(_parse(text), ast.Module):
                message = "Whether the inline code is Python hangs on values that are put into it"
                yield Hit(function.at("Code", "ZipFile"), message, (), (code,))


def _judge(function: Resource, code: str) -> Iterator[Hit]:
    path = function.at("Code", "ZipFile")
    size = _zipped(code)
    if size > _LIMIT:
        message = f"The inline code is {size} bytes when zipped, the limit is {_LIMIT}: put it into a package"
        yield Hit(path, message)
    if not code.strip():
        yield Hit(path, "The inline code is empty: the function has no handler")
    if not _python(function):
        return
    parsed = _parse(code)
    if isinstance(parsed, SyntaxError):
        message = (
            f"The inline code is not Python after substitution: {parsed.msg} "
            f"(line {parsed.lineno} of the code); in Fn::Sub write ${{!NAME}} for a literal ${{NAME}}"
        )
        yield Hit(path, message)
    else:
        yield from _handler(function, parsed)


def _handler(function: Resource, module: ast.Module) -> Iterator[Hit]:
    handler = function.get("Handler")
    if not isinstance(handler, str) or not handler.startswith("index."):
        return
    name = handler.removeprefix("index.")
    names = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)} | {
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    }
    imported = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    if name not in names | imported and "*" not in imported:
        yield Hit(
            function.at("Handler"), f"The inline code defines no '{name}': Lambda would not find its handler"
        )


def _python(function: Resource) -> bool:
    runtime = function.get("Runtime")
    return isinstance(runtime, str) and runtime.startswith("python")


def _parse(code: str) -> ast.Module | SyntaxError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return ast.parse(code)
        except SyntaxError as error:
            return error
        except ValueError:
            return SyntaxError("it contains a null byte")


def _zipped(code: str) -> int:
    data = code.encode("utf-8", "surrogatepass")
    if len(data) < _LIMIT:
        return len(data)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.py", data)
    return buffer.tell()


RULE = Rule(
    describe(
        "INLINE-CODE",
        "Inline code fits, compiles and has its handler",
        why="Fn::Sub may replace a part of the code that only looks like a variable, and nobody "
        "notices until the "
        "function is invoked.",
        fix="Escape literals with ${!NAME}, or put the code into a file of its own.",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-properties-lambda-function-code.html",
    ),
    _examine,
)
