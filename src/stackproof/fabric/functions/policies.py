"""Resource policies of functions, and whether they let a service in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import errors
from stackproof.fabric.functions.model import Function
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService


class Policies:
    """AddPermission and its kin."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
            "GetPolicy": self.get_policy,
        }

    def add_permission(self, params: Params, caller: Caller) -> Response:
        """A statement that lets a principal call an action."""
        function, what = self._service.find(params, caller)
        if what.qualifier:
            self._service.resolve(function, what.qualifier)
        statements = function.policies.get(what.qualifier, ())
        if any(statement["Sid"] == params["StatementId"] for statement in statements):
            raise errors.conflict(
                f"The statement id ({params['StatementId']}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement."
            )
        arn = f"{function.arn}:{what.qualifier}" if what.qualifier else function.arn
        statement = _statement(params, arn)
        function.policies[what.qualifier] = (*statements, statement)
        return {"Statement": json.dumps(statement, separators=(",", ":"))}

    def remove_permission(self, params: Params, caller: Caller) -> Response:
        """Take a statement away."""
        function, what = self._service.find(params, caller)
        statements = function.policies.get(what.qualifier, ())
        kept = tuple(statement for statement in statements if statement["Sid"] != params["StatementId"])
        if len(kept) == len(statements):
            raise errors.not_found(f"Statement {params['StatementId']} is not found in resource policy.")
        function.policies[what.qualifier] = kept
        return {}

    def get_policy(self, params: Params, caller: Caller) -> Response:
        """The policy document as text."""
        function, what = self._service.find(params, caller)
        statements = function.policies.get(what.qualifier)
        if not statements:
            raise errors.not_found("The resource you requested does not exist.")
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements)}
        return {
            "Policy": json.dumps(policy, separators=(",", ":")),
            "RevisionId": function.latest.config["RevisionId"],
        }


def allows(function: Function, qualifier: str, service: str, source_arn: str, account: str = "") -> bool:
    """Whether the function's policy lets ``service`` invoke it on behalf of ``source_arn``.

    Only statements of service principals are looked at, with the conditions that AddPermission makes.
    ``account`` is the source's where its ARN does not say (a bucket's).
    """
    statements = function.policies.get(qualifier, ())
    return any(_lets_in(statement, service, source_arn, account) for statement in statements)


def _lets_in(statement: Mapping[str, Any], service: str, source_arn: str, owner: str) -> bool:
    principal = statement["Principal"]
    named = principal if isinstance(principal, str) else principal.get("Service", principal.get("AWS"))
    if named not in (service, "*") or statement["Action"] not in ("lambda:InvokeFunction", "lambda:*", "*"):
        return False
    condition = statement.get("Condition", {})
    wanted = condition.get("ArnLike", {}).get("AWS:SourceArn")
    if wanted is not None and not fnmatchcase(source_arn, wanted):
        return False
    account = condition.get("StringEquals", {}).get("AWS:SourceAccount")
    return account is None or account == owner or f":{account}:" in source_arn


def _statement(params: Params, arn: str) -> dict[str, Any]:
    principal = params["Principal"]
    shown: Any = (
        {"Service": principal}
        if principal.endswith((".amazonaws.com", ".amazon.com"))
        else {"AWS": principal}
    )
    if principal.isdigit():
        shown = {"AWS": f"arn:aws:iam::{principal}:root"}
    statement: dict[str, Any] = {
        "Sid": params["StatementId"], "Effect": "Allow", "Principal": "*" if principal == "*" else shown,
        "Action": params["Action"], "Resource": arn,
    }  # fmt: skip
    condition: dict[str, dict[str, str]] = {}
    if params.get("SourceAccount"):
        condition.setdefault("StringEquals", {})["AWS:SourceAccount"] = params["SourceAccount"]
    if params.get("FunctionUrlAuthType"):
        condition.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = params["FunctionUrlAuthType"]
    if params.get("PrincipalOrgID"):
        condition.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = params["PrincipalOrgID"]
    if params.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if condition:
        statement["Condition"] = condition
    return statement
