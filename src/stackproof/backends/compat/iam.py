"""Hooks into moto's IAM: AWS's managed policies are loaded when they are first named (moto: all or none of
them), and a policy may leave out its Version, as AWS lets it (the SAM policy templates do)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

_NAMED_BY = (
    "attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy", "get_policy_version",
    "list_policy_versions",
)  # fmt: skip
"""Methods of moto's IAM backend whose first argument is a policy's ARN."""


@cache
def _documents() -> dict[str, dict[str, Any]]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    found = json.loads(aws_managed_policies_data)
    return {f"{item.get('Path', '/')}{name}": {"name": name, **item} for name, item in found.items()}


def _load(backend: Any, arn: str) -> None:
    from moto.iam.models import AWSManagedPolicy

    head, separator, path = arn.partition(":iam::aws:policy")
    if not separator or not head.startswith("arn:") or arn in backend.managed_policies:
        return
    document = _documents().get(path)
    if document is None:
        return
    policy = AWSManagedPolicy.from_data(document["name"], backend.account_id, backend.region_name, document)
    backend.managed_policies[arn] = policy
    backend.aws_managed_policies.append(policy)


def _loading(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def named(self: Any, policy_arn: str, *args: Any, **kwargs: Any) -> Any:
        _load(self, policy_arn)
        return method(self, policy_arn, *args, **kwargs)

    return named


def install() -> None:
    """Put the hook in place (idempotent)."""
    from moto.iam.models import IAMBackend
    from moto.iam.policy_validation import IAMPolicyDocumentValidator

    if getattr(IAMBackend, "_stackproof_policies", False):
        return
    for name in _NAMED_BY:
        setattr(IAMBackend, name, _loading(getattr(IAMBackend, name)))
    validator: Any = IAMPolicyDocumentValidator
    validator._validate_version = lambda self: None
    IAMBackend._stackproof_policies = True  # type: ignore[attr-defined]
