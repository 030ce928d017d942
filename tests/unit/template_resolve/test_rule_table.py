"""Every rule that the resolve side can report has an explanation, and no other has one."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from stackproof.template import resolve_rules

RULE = re.compile(r"SP-(?:CONFIG|PARAM|RULES|RESOLVE|EXPORT|NEST)-[A-Z-]+")
PREFIXED = {"constraints.py": "SP-PARAM-", "parameter_files.py": "SP-CONFIG-", "samconfig.py": "SP-CONFIG-"}


def reported() -> set[str]:
    found: set[str] = set()
    folder = Path(inspect.getfile(resolve_rules)).parent
    for path in folder.glob("*.py"):
        if path.name == "resolve_rules.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and RULE.fullmatch(node.value):
                found.add(node.value)
            elif isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in {"report", "refuse", "_fault"}:
                    found |= _argument(node, PREFIXED.get(path.name, "SP-CONFIG-"))
    return {rule for rule in found if not rule.endswith("-")}


def _argument(call: ast.Call, prefix: str) -> set[str]:
    words = [item.value for item in call.args if isinstance(item, ast.Constant)]
    return {prefix + word for word in words[:1] if isinstance(word, str) and re.fullmatch("[A-Z-]+", word)
            and not word.startswith("SP-")}  # fmt: skip


def test_every_rule_is_explained() -> None:
    assert reported() == set(resolve_rules.RULES)
    assert all(rule.title and rule.fix for rule in resolve_rules.RULES.values())
