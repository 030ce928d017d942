"""Parameters below ``/aws/``: AWS publishes them, PutParameter refuses them to everybody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def publish(name: str, value: str, account: str, region: str) -> None:
    """Put a text into the store of the active world as AWS does, without PutParameter."""
    from moto.ssm import models

    held: Any = models
    held.ssm_backends[account][region]._parameters[name].append(
        held.Parameter(
            account_id=account,
            name=name,
            value=value,
            parameter_type="String",
            description=None,
            allowed_pattern=None,
            keyid=None,
            last_modified_date=datetime(2024, 1, 1, tzinfo=UTC),
            version=1,
            data_type="text",
        )
    )
