"""The whole report as JSON, as ``stackproof verdict`` reads it."""

from __future__ import annotations

from stackproof.model import Report


def render(report: Report) -> str:
    """The document of ``verdict.document``, indented."""
    import msgspec

    from stackproof.verdict import document

    return msgspec.json.format(document.dumps(report), indent=2).decode("utf-8") + "\n"
