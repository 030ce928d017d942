"""``--stored NAME=VALUE``: what the parameter store of the embedded backend holds before a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stackproof.errors import UsageError

if TYPE_CHECKING:
    from stackproof.backends.embedded import EmbeddedBackend


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """From the values of an option. Raises ``UsageError`` for one that is not KEY=VALUE."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"'{option} {text}' has no value", hint=f"write {option} KEY=VALUE")
        found[key] = value
    return found


def store(backend: EmbeddedBackend, values: dict[str, str]) -> None:
    """Put them into the store, also those that only AWS can: ``/aws/service/…`` names public parameters.

    Raises ``UsageError`` for what Systems Manager refuses.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from stackproof.backends.compat.published import publish

    for name, value in values.items():
        if name.startswith("/aws/"):
            publish(name, value, backend.world.account, backend.world.region)
            continue
        try:
            backend.client("ssm").put_parameter(Name=name, Value=value, Type="String")
        except (BotoCoreError, ClientError) as error:
            hint = "a name is made of letters, digits and . - _ and starts with / when it has one"
            raise UsageError(f"'--stored {name}={value}': {error}", hint=hint) from error
