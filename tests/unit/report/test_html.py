"""The page: self-contained, complete, and safe for any text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from stackproof.model import Finding, Location, Report, Verdict
from stackproof.report import render

VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """Collects tags and text, and fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text += data


def test_it_shows_everything_and_hides_what_does_not_count(full: Report) -> None:
    page = Page(render(replace(full, timelines={"race": "a\nb"}), "html"))
    for finding in full.findings:
        assert finding.rule in page.text
        assert finding.message in page.text
    articles = [attributes for tag, attributes in page.tags if tag == "article" and "data-kind" in attributes]
    assert [(one["data-kind"], "hidden" in one) for one in articles] == [
        ("error", False),
        ("warning", False),
        ("silent", True),
        ("silent", True),
        ("note", False),
    ]
    boxes = {one["value"]: "checked" in one for tag, one in page.tags if one.get("type") == "checkbox"}
    assert boxes == {"error": True, "warning": True, "note": True, "silent": False}
    assert "a\nb" in page.text


def test_it_loads_nothing(full: Report) -> None:
    text = render(full, "html")
    page = Page(text)
    assert not any({"src", "href"} & set(attributes) for _, attributes in page.tags)
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [one["content"] for _, one in page.tags if one.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy).startswith("default-src 'none'")
    assert "prefers-color-scheme:dark" in text


@given(st.text(max_size=40) | st.sampled_from(["</pre><script>x()</script>", '" onload="x', "<!--", "&lt;"]))
def test_no_text_becomes_markup(text: str) -> None:
    finding = Finding("R" + text, text, Location(text, 1), logical_id=text, evidence={text: text})
    report = Report(
        "check",
        Verdict.FAIL,
        1,
        findings=(finding,),
        notes=(text,),
        sources={text: {1: text}},
        graphs={text: text},
    )
    plain = replace(
        report, findings=(Finding("R", "m", Location("a", 1), logical_id="A", evidence={"a": "b"}),)
    )
    page = Page(render(report, "html"))
    allowed = {tag for tag, _ in Page(render(plain, "html")).tags} | {"pre", "mark"}
    assert {tag for tag, _ in page.tags} <= allowed
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert len(re.findall("</script>", render(report, "html"))) == 1
