"""The decoder is cfn-lint's own, without the rest of cfn-lint, and leaves no trace behind."""

from __future__ import annotations

import json
import subprocess
import sys

BROKEN = "Resources:\n  A: {B: 1, B: 2}\n"


def _run(program: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_decoding_brings_in_nothing_of_the_rules():
    told = _run(
        "import json, sys; from stackproof.template.decode import decode;"
        "tree, _ = decode('A: !Sub x'); print(json.dumps({'tree': tree,"
        " 'loaded': [n for n in sys.modules if n.partition('.')[0] in ('cfnlint', 'sympy', 'networkx')]}))"
    )
    assert told == {"tree": {"A": {"Fn::Sub": "x"}}, "loaded": []}


def test_cfn_lint_is_whole_for_who_imports_it_later(tmp_path):
    (tmp_path / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    program = (
        "import json, sys; {first}; import cfnlint.decode.cfn_yaml, cfnlint;"
        "from cfnlint.rules.errors import ParseError;"
        f"template, matches = cfnlint.decode.decode({str(tmp_path / 'broken.yaml')!r});"
        "print(json.dumps({{'matches': [[m.rule.id, m.message, m.linenumber, isinstance(m.rule, ParseError)]"
        " for m in matches], 'version': hasattr(cfnlint, 'lint')}}))"
    )
    after = _run(program.format(first="import stackproof.template.decode"))
    assert after == _run(program.format(first="pass"))
    assert after["matches"]


def test_a_text_that_does_not_parse_is_told_by_cfn_lints_own_rule():
    told = _run(
        "import json; from stackproof.template.decoder import decoder; d = decoder()\n"
        "try:\n    d.cfn_yaml.loads('A: 1\\nA: 2\\n')\n"
        "except d.cfn_yaml.CfnParseError as error:\n"
        "    from cfnlint.rules.errors import ParseError\n"
        "    print(json.dumps([isinstance(m.rule, ParseError) for m in error.matches] or ['none']))"
    )
    assert set(told) == {True}
