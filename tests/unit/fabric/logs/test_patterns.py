"""Filter patterns: what satisfies them, what they take out, and which ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackproof.fabric.logs.patterns import InvalidPattern, compiled

ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
TRAIL = """{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "count": 12, "share": 0.5,
 "arrayKey": ["value", "another value"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
 "grid": [[0, 1], [4, 5]], "SomeObject": null, "ThisFlag": true, "off": false, "code": "400", "big": 1e3,
 "a-b_c": "x", "odd.name": "y"}"""

TERMS = {
    "": (["anything", ""], []),
    "ERROR": (["[ERROR 400]", "ERRORS"], ["error", "WARN"]),
    "ERROR ARGUMENTS": (["ERROR: ARGUMENTS", "ARGUMENTS ERROR"], ["ERROR", "ARGUMENTS"]),
    '"INTERNAL SERVER ERROR"': (["an INTERNAL SERVER ERROR"], ["INTERNAL ERROR SERVER"]),
    '"[gc"': (["[0.1s][info][gc] Pause"], ["[GC pause"]),
    r'"say \"no\""': (['they say "no" today'], ["they say no"]),
    "ERROR -Exiting": (["ERROR 1"], ["ERROR Exiting", "Exiting"]),
    '-"out of" -memory': (["fine", ""], ["out of luck", "no memory"]),
    "?ERROR ?WARN": (["ERROR", "a WARN"], ["INFO"]),
    "?ERROR REQUEST": (["a REQUEST"], ["ERROR"]),
    r"%4[0-9]{2}$%": (["status 404"], ["status 40", "404 status"]),
    r"-%\d% ERROR": (["ERROR"], ["ERROR 1"]),
    r'?%^START% ?"END "': (["START x", "an END y"], ["x START", "END"]),
}


def words(pattern: str) -> str:
    return pattern or "the empty pattern"


@pytest.mark.parametrize("pattern", TERMS, ids=words)
def test_terms(pattern: str) -> None:
    good, bad = TERMS[pattern]
    assert [one for one in good if not compiled(pattern).matches(one)] == []
    assert [one for one in bad if compiled(pattern).matches(one)] == []


COLUMNS = {
    "[]": True,
    "[...]": True,
    "[ip, user, name, time, request, status, bytes]": True,
    "[ip, user, name, time, request, status]": False,
    "[ip, user, name, time, request, status, bytes, more]": False,
    "[..., status, bytes]": True,
    "[ip, user, ..., status = 4*, bytes > 1000]": True,
    "[ip, user, ..., status = 4*, bytes > 1534]": False,
    "[ip, ...]": True,
    "[..., request = *.html*, status = 4*,]": True,
    "[..., request = *.htm, status = 4*,]": False,
    "[ip, user, name, time, request, status = 4* && bytes >= 1534, bytes]": True,
    "[ip, user, name, time, request, status = 403 || status = 404, bytes]": True,
    "[ip, user, name, time, request, (status = 403 || status = 500) && bytes = 1534, bytes]": False,
    "[ip!=10.0.*, user, name=frank, ...]": True,
    "[ip, user, name=fran, ...]": False,
    '[ip, user, name="frank", time="10/Oct/2000:13:25:15 -0700", ...]': True,
    "[ip, user, name=%^f.*k$%, ...]": True,
    "[ip, user, name=%^r%, ...]": False,
    "[ip, user, name, time, request, status = 404.0, bytes < 2e3]": True,
    "[ip, user > 0, ...]": False,
    "[a, b, c, d, e, f, g, ...]": True,
    "[a, b, c, d, e, f, g, h, ...]": False,
}


@pytest.mark.parametrize(("pattern", "expected"), COLUMNS.items(), ids=COLUMNS)
def test_columns(pattern: str, expected: bool) -> None:
    assert compiled(pattern).matches(ACCESS) is expected


def test_the_first_word_counts_only_with_as_many_words_as_columns() -> None:
    messages = ["ERROR WARN message", "ERROR message", "WARN message"]
    assert [compiled("[w1=ERROR, w2]").matches(one) for one in messages] == [False, True, False]
    both = compiled("[w1=ERROR || w1=WARN, w2]")
    assert [both.matches(one) for one in messages] == [False, True, True]


def test_columns_give_their_values_by_name_and_number() -> None:
    assert compiled("[..., request=*.html*, status_code=4*,]").extract(ACCESS) == {
        "$1": "127.0.0.1",
        "$2": "-",
        "$3": "frank",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0",
        "$status_code": "404",
        "$7": "1534",
    }


DOCUMENTS = {
    '{ $.eventType = "UpdateTrail" }': True,
    "{$.eventType=UpdateTrail}": True,
    "{ $.eventType = Update* }": True,
    "{ $.eventType = *Trail }": True,
    "{ $.eventType = *date* }": True,
    "{ $.eventType = Up*ail }": False,
    "{ $.eventType = * }": True,
    "{ $.eventType != UpdateTrail }": False,
    "{ $.sourceIPAddress != 123.123.* }": True,
    '{ $.arrayKey[0] = "value" }': True,
    '{ $.arrayKey[1] = "value" }': False,
    "{ $.arrayKey[2] = * }": False,
    "{ $.objectList[1].id = 2 }": True,
    "{ $.grid[1][0] = 4 }": True,
    "{ $.arrayKey = 1 }": False,
    "{ $.arrayKey != 1 }": False,
    "{ $.nothing != 1 }": False,
    "{ $.SomeObject != 1 }": False,
    "{ $.SomeObject IS NULL }": True,
    "{ $.nothing IS NULL }": False,
    "{ $.nothing NOT EXISTS }": True,
    "{ $.SomeObject NOT EXISTS }": False,
    "{ $.ThisFlag IS TRUE }": True,
    "{ $.off IS TRUE }": False,
    "{ $.off is false }": True,
    "{ $.count = 12.0 }": True,
    "{ $.count > 11 && $.count < 13 }": True,
    "{ $.count >= 12 && $.count <= 12 }": True,
    "{ $.count > 12 }": False,
    "{ $.count < 12 }": False,
    "{ $.share = 5e-1 }": True,
    "{ $.big = 1000 }": True,
    "{ $.count > -5 }": True,
    "{ $.code = 400 }": True,
    "{ $.code > 300 }": False,
    "{ $.eventType = %^Up.*l$% }": True,
    "{ $.eventType = %trail% }": False,
    "{ $.a-b_c = x }": True,
    "{ $.['odd.name'] = y }": True,
    "{ ($.count = 12) && ($.code = 400) }": True,
    "{ $.count = 12 || $.code = 1 && $.code = 2 }": True,
    "{ ($.count = 12 || $.code = 1) && $.code = 2 }": False,
}


@pytest.mark.parametrize(("pattern", "expected"), DOCUMENTS.items(), ids=DOCUMENTS)
def test_documents(pattern: str, expected: bool) -> None:
    assert compiled(pattern).matches(TRAIL) is expected


@pytest.mark.parametrize("message", ["", "text", "{", "12", '"text"', "[1"])
def test_what_is_no_document_satisfies_no_pattern_of_documents(message: str) -> None:
    assert not compiled("{ $.a NOT EXISTS }").matches(message)


def test_documents_give_the_values_that_are_looked_at() -> None:
    pattern = compiled("{ $.count = * && $.objectList[0].name = a && $.nothing NOT EXISTS }")
    assert pattern.extract(TRAIL) == {"$.count": "12", "$.objectList[0].name": "a"}


REFUSED = [
    "http://", "a.b", '"open', "?", "ERROR -", "%open", "%a(b)%", "%a!%", "%[%", "%%",
    "[a, b", "[a] b", "[..., a, ...]", "[a = ]", "[a >= x]", "[a = 1 &&]", "[= 1]",
    "{ }", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $ = 1 }", "{ $.a[x] = 1 }", "{ $.a > b }",
    "{ $.a EXISTS }",
    '{ $.a > "1" }', "{ $.a = 1", "{ $.a = 1 } x", "{ ($.a = 1 }", "{ $.a = %1% && $.b = %2% && $.c = %3% }",
]  # fmt: skip


@pytest.mark.parametrize("pattern", REFUSED)
def test_it_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        compiled(pattern)


@given(st.text(max_size=30))
def test_a_quoted_phrase_is_found_where_it_stands_and_nowhere_else(phrase: str) -> None:
    quoted = phrase.replace("\\", "\\\\").replace('"', '\\"')
    pattern = compiled(f'"{quoted}"')
    assert pattern.matches(f"before {phrase} after")
    assert pattern.matches("before  after") is (phrase in "before  after")


@given(st.integers(), st.integers())
def test_numbers_are_ordered_as_numbers(left: int, right: int) -> None:
    for operator, expected in (("<", left < right), (">=", left >= right), ("=", left == right)):
        assert compiled(f"{{ $.n {operator} {right} }}").matches(f'{{"n": {left}}}') is expected
        assert compiled(f"[n {operator} {right}]").matches(str(left)) is expected
