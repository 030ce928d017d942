"""A difference between what was written and what a host shows: it names both."""

from __future__ import annotations

from stackproof.model import Location


class Differs(AssertionError):
    """Raised by a check: ``said`` is what ``location`` (in a template, a data file) says, ``shown`` what is.

    ``subject`` names the thing, for example a logical id.
    """

    def __init__(self, subject: str, *, said: str, shown: str, location: Location | None = None) -> None:
        place = f" ({location})" if location else ""
        super().__init__(f"{subject}: written is {said}{place}, the host shows {shown}")
        self.subject = subject
        self.said = said
        self.shown = shown
        self.location = location
