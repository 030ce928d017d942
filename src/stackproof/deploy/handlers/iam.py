"""AWS IAM: roles, policies, instance profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackproof.deploy.fit import document
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_PRINCIPALS = {"Roles": "role", "Users": "user", "Groups": "group"}
"""Properties that list principals, with the word that the API's operations use for them."""


def _inline(properties: Mapping[str, Any]) -> dict[str, str]:
    policies = properties.get("Policies") or []
    return {str(one["PolicyName"]): document(one["PolicyDocument"]) for one in policies}


def _attached(properties: Mapping[str, Any]) -> list[str]:
    return [str(arn) for arn in properties.get("ManagedPolicyArns") or []]


class Role(Handler):
    """``AWS::IAM::Role``."""

    type = "AWS::IAM::Role"
    covers = frozenset(
        {
            "RoleName",
            "Path",
            "AssumeRolePolicyDocument",
            "Description",
            "MaxSessionDuration",
            "PermissionsBoundary",
            "Policies",
            "ManagedPolicyArns",
            "Tags",
        }
    )

    def create(self, job: Job) -> Made:
        """CreateRole, then its policies."""
        table = {name: name for name in ("Path", "Description", "MaxSessionDuration", "PermissionsBoundary")}
        params = {
            "RoleName": job.name("RoleName"),
            "AssumeRolePolicyDocument": document(job.get("AssumeRolePolicyDocument")),
            "Tags": job.tag_list() or None,
            **job.pick(table),
        }
        role = job.call("iam", "create_role", params)["Role"]
        self._policies(job, role["RoleName"])
        return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def _policies(self, job: Job, name: str) -> None:
        before = job.before or {}
        old, new = _inline(before), _inline(job.properties)
        for policy in old.keys() - new.keys():
            job.call("iam", "delete_role_policy", {"RoleName": name, "PolicyName": policy})
        for policy, text in new.items():
            if old.get(policy) != text:
                params = {"RoleName": name, "PolicyName": policy, "PolicyDocument": text}
                job.call("iam", "put_role_policy", params)
        had, wanted = _attached(before), _attached(job.properties)
        for arn in [arn for arn in had if arn not in wanted]:
            job.call("iam", "detach_role_policy", {"RoleName": name, "PolicyArn": arn})
        for arn in [arn for arn in wanted if arn not in had]:
            job.call("iam", "attach_role_policy", {"RoleName": name, "PolicyArn": arn})

    def update(self, job: Job, made: Made) -> Made:
        """Each part by its own call."""
        name = made.physical_id
        if job.changed("AssumeRolePolicyDocument"):
            text = document(job.get("AssumeRolePolicyDocument"))
            job.call("iam", "update_assume_role_policy", {"RoleName": name, "PolicyDocument": text})
        if job.changed("Description", "MaxSessionDuration"):
            params = {"Description": job.get("Description", ""), "MaxSessionDuration": 3600}
            params |= job.pick({"MaxSessionDuration": "MaxSessionDuration"})
            job.call("iam", "update_role", {"RoleName": name, **params})
        if job.changed("PermissionsBoundary"):
            boundary = job.get("PermissionsBoundary")
            params = {"RoleName": name, "PermissionsBoundary": boundary}
            operation = "put_role_permissions_boundary" if boundary else "delete_role_permissions_boundary"
            job.call("iam", operation, {key: value for key, value in params.items() if value})
        self._policies(job, name)
        removed = job.removed_tags()
        if removed:
            job.call("iam", "untag_role", {"RoleName": name, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("iam", "tag_role", {"RoleName": name, "Tags": job.tag_list()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """A role goes only without policies and instance profiles."""
        name = made.physical_id
        for policy in _inline(job.properties):
            job.call("iam", "delete_role_policy", {"RoleName": name, "PolicyName": policy})
        for arn in _attached(job.properties):
            job.call("iam", "detach_role_policy", {"RoleName": name, "PolicyArn": arn})
        job.call("iam", "delete_role", {"RoleName": name})


class Policy(Handler):
    """``AWS::IAM::Policy``: an inline policy of several principals."""

    type = "AWS::IAM::Policy"
    covers = frozenset({"PolicyName", "PolicyDocument", *_PRINCIPALS})

    def create(self, job: Job) -> Made:
        """Put the policy to each principal."""
        self._put(job, job.properties)
        name = job.name("")
        return Made(name, {"Id": name}, {"policy": job.get("PolicyName")})

    def _put(self, job: Job, properties: Mapping[str, Any]) -> None:
        for kind, name in self._principals(properties):
            params = {
                f"{kind.title()}Name": name,
                "PolicyName": properties["PolicyName"],
                "PolicyDocument": document(properties["PolicyDocument"]),
            }
            job.call("iam", f"put_{kind}_policy", params)

    @staticmethod
    def _principals(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [(kind, str(name)) for key, kind in _PRINCIPALS.items() for name in properties.get(key) or []]

    def _take(self, job: Job, principals: list[tuple[str, str]], policy: str) -> None:
        for kind, name in principals:
            params = {f"{kind.title()}Name": name, "PolicyName": policy}
            job.call("iam", f"delete_{kind}_policy", params)

    def update(self, job: Job, made: Made) -> Made:
        """Put it again; whoever is no longer named loses it."""
        before = job.before or {}
        old, new = self._principals(before), self._principals(job.properties)
        renamed = job.changed("PolicyName")
        gone = [one for one in old if renamed or one not in new]
        self._put(job, job.properties)
        self._take(job, gone, str(before.get("PolicyName")))
        return made

    def delete(self, job: Job, made: Made) -> None:
        """Take it from each principal."""
        self._take(job, self._principals(job.properties), str(job.get("PolicyName")))


class RolePolicy(Handler):
    """``AWS::IAM::RolePolicy``: an inline policy of one role."""

    type = "AWS::IAM::RolePolicy"
    covers = frozenset({"PolicyName", "PolicyDocument", "RoleName"})

    def create(self, job: Job) -> Made:
        """PutRolePolicy."""
        params = job.pick({"RoleName": "RoleName", "PolicyName": "PolicyName"})
        params["PolicyDocument"] = document(job.get("PolicyDocument"))
        job.call("iam", "put_role_policy", params)
        return Made(f"{job.get('PolicyName')}|{job.get('RoleName')}")

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteRolePolicy."""
        params = job.pick({"RoleName": "RoleName", "PolicyName": "PolicyName"})
        job.call("iam", "delete_role_policy", params)


class ManagedPolicy(Handler):
    """``AWS::IAM::ManagedPolicy`` with its attachments."""

    type = "AWS::IAM::ManagedPolicy"
    covers = frozenset({"ManagedPolicyName", "Path", "Description", "PolicyDocument", *_PRINCIPALS})

    def create(self, job: Job) -> Made:
        """CreatePolicy, then attach it."""
        params = {
            "PolicyName": job.name("ManagedPolicyName"),
            "PolicyDocument": document(job.get("PolicyDocument")),
            **job.pick({"Path": "Path", "Description": "Description"}),
        }
        policy = job.call("iam", "create_policy", params)["Policy"]
        self._attach(job, policy["Arn"], Policy._principals(job.properties), "attach")
        return Made(policy["Arn"], {"PolicyArn": policy["Arn"], "PolicyId": policy.get("PolicyId", "")})

    def _attach(self, job: Job, arn: str, principals: list[tuple[str, str]], verb: str) -> None:
        for kind, name in principals:
            params = {f"{kind.title()}Name": name, "PolicyArn": arn}
            job.call("iam", f"{verb}_{kind}_policy", params)

    def update(self, job: Job, made: Made) -> Made:
        """A new default version; the one before goes, as a policy has five at most."""
        arn = made.physical_id
        if job.changed("PolicyDocument"):
            versions = job.call("iam", "list_policy_versions", {"PolicyArn": arn})["Versions"]
            params = {"PolicyArn": arn, "PolicyDocument": document(job.get("PolicyDocument"))}
            job.call("iam", "create_policy_version", {**params, "SetAsDefault": True})
            for version in versions:
                params = {"PolicyArn": arn, "VersionId": version["VersionId"]}
                job.call("iam", "delete_policy_version", params)
        old, new = Policy._principals(job.before or {}), Policy._principals(job.properties)
        self._attach(job, arn, [one for one in old if one not in new], "detach")
        self._attach(job, arn, [one for one in new if one not in old], "attach")
        return made

    def delete(self, job: Job, made: Made) -> None:
        """Detach it, then delete it."""
        self._attach(job, made.physical_id, Policy._principals(job.properties), "detach")
        job.call("iam", "delete_policy", {"PolicyArn": made.physical_id})


class InstanceProfile(Handler):
    """``AWS::IAM::InstanceProfile``."""

    type = "AWS::IAM::InstanceProfile"
    covers = frozenset({"InstanceProfileName", "Path", "Roles"})

    def create(self, job: Job) -> Made:
        """CreateInstanceProfile with its role."""
        name = job.name("InstanceProfileName")
        params = {"InstanceProfileName": name, **job.pick({"Path": "Path"})}
        profile = job.call("iam", "create_instance_profile", params)["InstanceProfile"]
        self._roles(job, name, "add_role_to_instance_profile", job.properties)
        return Made(name, {"Arn": profile["Arn"]})

    def _roles(self, job: Job, name: str, operation: str, properties: Mapping[str, Any]) -> None:
        for role in properties.get("Roles") or []:
            job.call("iam", operation, {"InstanceProfileName": name, "RoleName": role})

    def update(self, job: Job, made: Made) -> Made:
        """Another role."""
        self._roles(job, made.physical_id, "remove_role_from_instance_profile", job.before or {})
        self._roles(job, made.physical_id, "add_role_to_instance_profile", job.properties)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """Remove its role, then delete it."""
        self._roles(job, made.physical_id, "remove_role_from_instance_profile", job.properties)
        job.call("iam", "delete_instance_profile", {"InstanceProfileName": made.physical_id})
