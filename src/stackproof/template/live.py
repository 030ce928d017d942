"""What is known while a stack deploys, and a template that is resolved with it, piece by piece."""

from __future__ import annotations

from typing import Any, Protocol


class Live(Protocol):
    """Answers what only a deployment knows. ``ABSENT`` means: not known (yet)."""

    def pseudo(self, name: str) -> Any:
        """A pseudo parameter, ``AWS::StackId`` for example."""
        ...

    def reference(self, logical_id: str) -> Any:
        """``Ref`` of a deployed resource."""
        ...

    def attribute(self, logical_id: str, name: str) -> Any:
        """``Fn::GetAtt`` of a deployed resource."""
        ...

    def zones(self, region: str) -> list[str]:
        """The availability zones of a region."""
        ...

    def dynamic(self, reference: str) -> str:
        """The value behind ``{{resolve:…}}``."""
        ...

    def stored(self, name: str) -> str:
        """The value of a parameter of the parameter store, for ``AWS::SSM::Parameter::Value<…>``."""
        ...
