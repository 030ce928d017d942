"""boto3 clients of a world, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackproof.backends.base import Backend


class Aws:
    """``aws("sqs")``, ``aws("sqs", region="eu-west-1")`` or ``aws.sqs``. Clients are shared: made once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __call__(self, service: str, *, region: str = "") -> Any:
        """The client of a service."""
        return self._backend.client(service, region=region)

    def __getattr__(self, service: str) -> Any:
        """The client of a service; ``_`` stands for ``-`` (``aws.cognito_idp``)."""
        if service.startswith("_"):
            raise AttributeError(service)
        return self._backend.client(service.replace("_", "-"))
