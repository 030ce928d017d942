"""Hooks into moto's S3: bucket policies are not moto's to judge, and bucket names belong to one world."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any


def mend() -> None:
    """Put the hooks in place once moto's S3 is loaded (idempotent)."""
    models = sys.modules.get("moto.s3.models")
    if models is None or hasattr(models.FakeBucket, "_stackproof_policies"):
        return
    models.FakeBucket._log_permissions_enabled_policy = staticmethod(
        _logging(models.FakeBucket._log_permissions_enabled_policy)
    )
    models.FakeBucket.get_permission = _neutral
    # moto complains of what was not disposed of, also when the interpreter ends: worlds just end.
    models.FakeKey.__del__ = lambda key: None
    models.FakeBucket._stackproof_policies = True


def _logging(original: Any) -> Any:
    """moto asks each statement of a log bucket's policy for ``Principal.Service``: not with ``"*"``."""

    def permitted(target_bucket: Any, target_prefix: str | None) -> bool:
        if not target_bucket.policy:
            return False
        policy = json.loads(target_bucket.policy)
        statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        named = [one for one in statements if isinstance(one.get("Principal"), dict)]
        readable = json.dumps({**policy, "Statement": named}).encode()
        seen = SimpleNamespace(name=target_bucket.name, partition=target_bucket.partition, policy=readable)
        return bool(original(seen, target_prefix))

    return permitted


def _neutral(bucket: Any, action: str, resource: str) -> Any:
    """moto leaves conditions out: a policy that denies plain HTTP would deny everything."""
    from moto.iam.access_control import PermissionResult

    return PermissionResult.NEUTRAL


def own_names(holder: Any) -> None:
    """Let moto know the buckets that are in ``holder`` (its S3 backends), and no others."""
    known = getattr(holder, "bucket_accounts", None)
    if known is None:
        return
    known.clear()
    for account, partitions in dict.items(holder):
        for partition, backend in dict.items(partitions):
            known.update(dict.fromkeys(backend.buckets, (partition, account)))
