"""Writes the tables of rules in README.md from the rules' own headers: ``python policies/table.py``."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- rules: written by policies/table.py -->\n", "<!-- end -->\n"


def rules_of(text: str) -> list[tuple[str, str, str]]:
    """Name, severity and title of each rule of a Guard file."""
    default = "error"
    header: dict[str, str] = {}
    found = []
    for line in text.splitlines():
        comment = re.match(r"# (\w+): (.*)", line)
        rule = re.match(r"rule (\w+)", line)
        if comment:
            header[comment[1]] = comment[2]
        elif rule:
            found.append((rule[1], header.get("severity", default), header.get("title", "")))
            header = {}
        elif not line.strip() and header and "title" not in header:
            default, header = header.get("severity", default), {}
    return found


def tables() -> str:
    """The part of the README between the two marks."""
    parts = []
    for folder in sorted({path.parent for path in HERE.glob("*/*.guard")}):
        parts.append(f"\n## {folder.name}\n\n| rule | severity | what it wants |\n|---|---|---|\n")
        for file in sorted(folder.glob("*.guard")):
            for name, severity, title in rules_of(file.read_text(encoding="utf-8")):
                parts.append(f"| `{name}` | {severity} | {title} |\n")
    parts.append("\n## lint\n\n| rule | what it wants |\n|---|---|\n")
    for file in sorted((HERE / "lint").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        fields = dict(re.findall(r'^    (id|shortdesc) = "(.*)"$', text, re.MULTILINE))
        parts.append(f"| `{fields['id']}` | {fields['shortdesc']} |\n")
    parts.append(
        "\n## Rules across resources (in stackproof)\n\n| rule | severity | what it wants |\n|---|---|---|\n"
    )
    parts.extend(_checks())
    return "".join(parts)


def _checks() -> list[str]:
    from stackproof.checks.resources import ResourceChecks

    rules = sorted(ResourceChecks().rules(), key=lambda rule: rule.id)
    return [f"| `{rule.id}` | {rule.severity.value} | {rule.title} |\n" for rule in rules]


def readme(text: str) -> str:
    """The README with fresh tables."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{tables()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
