"""One boto3 client for each service, region and account of a process: making one costs 14 ms.

Clients are shared by all worlds of a process: a call finds the active world by itself. A client for
a boto3 resource is kept apart, because the resource registers its type conversion on the client.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from stackproof.fabric.tasks import current

_cache: dict[tuple[str, str, str, bool], Any] = {}
_originals: dict[str, Any] = {}


@cache
def _session(account: str) -> Any:
    import boto3
    import botocore.session

    # Neither a profile nor the files of the machine, also when no backend is active yet.
    nothing: dict[str, Any] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    core = botocore.session.Session(session_vars=nothing)
    return boto3.session.Session(
        aws_access_key_id=account,
        aws_secret_access_key="stackproof",
        aws_session_token=None,
        region_name="us-east-1",
        botocore_session=core,
    )


def client(service: str, region: str, account: str, *, for_resource: bool = False) -> Any:
    """The shared client. Its access key id is the account: the world reads it from there."""
    key = (service, region, account, for_resource)
    found = _cache.get(key)
    if found is None:
        found = _cache[key] = _make(service, region, account, for_resource)
    return found


def _make(service: str, region: str, account: str, for_resource: bool) -> Any:
    import botocore.config

    make_config: Any = botocore.config.Config
    config = make_config(
        ignore_configured_endpoint_urls=True,
        retries={"mode": "legacy", "total_max_attempts": 1},
        endpoint_discovery_enabled=False,
        user_agent_extra="Resource" if for_resource else None,
        account_id_endpoint_mode="disabled",
        s3={"addressing_style": "path"},
    )
    session = _session(account)
    make = _originals.get("client", type(session).client)
    return make(session, service, region_name=region, config=config)


def install() -> None:
    """Let ``boto3.client`` of a task answer with the shared client (idempotent)."""
    import boto3.session

    if _originals:
        return
    session: Any = boto3.session.Session
    _originals["client"] = original = session.client

    def _client(
        self: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        task = current()
        config = kwargs.get("config")
        resource = getattr(config, "user_agent_extra", None) == "Resource"
        named = [
            key
            for key, value in kwargs.items()
            if value is not None and key not in ("config", "verify", "use_ssl")
        ]
        if task is None or named or any(args) or task.identity is None:
            return original(self, service_name, region_name, *args, **kwargs)
        region = region_name or self.region_name or task.identity.region
        return client(service_name, region, task.identity.account, for_resource=resource)

    session.client = _client
