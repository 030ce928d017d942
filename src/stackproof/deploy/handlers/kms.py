"""AWS KMS: keys and aliases."""

from __future__ import annotations

from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class Key(Handler):
    """``AWS::KMS::Key``."""

    type = "AWS::KMS::Key"
    covers = frozenset(
        {
            "KeyPolicy",
            "Description",
            "Enabled",
            "EnableKeyRotation",
            "RotationPeriodInDays",
            "KeyUsage",
            "KeySpec",
            "MultiRegion",
            "Origin",
            "PendingWindowInDays",
            "BypassPolicyLockoutSafetyCheck",
            "Tags",
        }
    )

    replaces = frozenset({"KeySpec", "KeyUsage", "MultiRegion", "Origin"})

    def create(self, job: Job) -> Made:
        """CreateKey, then rotation and state."""
        table = {
            name: name
            for name in (
                "Description",
                "KeyUsage",
                "KeySpec",
                "MultiRegion",
                "Origin",
                "BypassPolicyLockoutSafetyCheck",
            )
        }
        params = {
            "Policy": document(job.get("KeyPolicy")) if job.get("KeyPolicy") else None,
            "Tags": job.tag_list("TagKey", "TagValue") or None,
            **job.pick(table),
        }
        key = job.call("kms", "create_key", params)["KeyMetadata"]
        self._state(job, key["KeyId"])
        return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def _state(self, job: Job, key: str) -> None:
        if job.changed("EnableKeyRotation", "RotationPeriodInDays"):
            if text(job.get("EnableKeyRotation", False)) == "true":
                period = job.pick({"RotationPeriodInDays": "RotationPeriodInDays"})
                job.call("kms", "enable_key_rotation", {"KeyId": key, **period})
            elif job.before is not None:
                job.call("kms", "disable_key_rotation", {"KeyId": key})
        if job.changed("Enabled"):
            enabled = text(job.get("Enabled", True)) == "true"
            if not enabled:
                job.call("kms", "disable_key", {"KeyId": key})
            elif job.before is not None:
                job.call("kms", "enable_key", {"KeyId": key})

    def update(self, job: Job, made: Made) -> Made:
        """Policy, description, rotation, state and tags by their own calls."""
        key = made.physical_id
        if job.changed("KeyPolicy"):
            params = {"KeyId": key, "PolicyName": "default", "Policy": document(job.get("KeyPolicy"))}
            job.call("kms", "put_key_policy", params)
        if job.changed("Description"):
            params = {"KeyId": key, "Description": job.get("Description", "")}
            job.call("kms", "update_key_description", params)
        self._state(job, key)
        removed = job.removed_tags()
        if removed:
            job.call("kms", "untag_resource", {"KeyId": key, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("kms", "tag_resource", {"KeyId": key, "Tags": job.tag_list("TagKey", "TagValue")})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """ScheduleKeyDeletion."""
        window = job.pick({"PendingWindowInDays": "PendingWindowInDays"})
        job.call("kms", "schedule_key_deletion", {"KeyId": made.physical_id, **window})


class Alias(Handler):
    """``AWS::KMS::Alias``."""

    type = "AWS::KMS::Alias"
    covers = frozenset({"AliasName", "TargetKeyId"})

    def create(self, job: Job) -> Made:
        """CreateAlias."""
        job.call("kms", "create_alias", job.pick({name: name for name in self.covers}))
        return Made(str(job.get("AliasName")))

    def update(self, job: Job, made: Made) -> Made:
        """UpdateAlias."""
        job.call("kms", "update_alias", job.pick({name: name for name in self.covers}))
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteAlias."""
        job.call("kms", "delete_alias", {"AliasName": made.physical_id})
