"""Amazon S3: buckets with their settings, and their policies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import document
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.s3_lifecycle import lifecycle
from stackproof.deploy.handlers.s3_notifications import UNREACHED, notifications
from stackproof.deploy.model import Made

Setter = Callable[[Job, str, Any], None]


def _encryption(job: Job, bucket: str, value: Any) -> None:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": one.get("ServerSideEncryptionByDefault"),
            "BucketKeyEnabled": one.get("BucketKeyEnabled"),
        }
        for one in value.get("ServerSideEncryptionConfiguration") or []
    ]
    wanted = [{key: item for key, item in rule.items() if item is not None} for rule in rules]
    _put(job, "put_bucket_encryption", bucket, ServerSideEncryptionConfiguration={"Rules": wanted})


def _versioning(job: Job, bucket: str, value: Any) -> None:
    _put(job, "put_bucket_versioning", bucket, VersioningConfiguration=value)


def _lifecycle(job: Job, bucket: str, value: Any) -> None:
    rules = [lifecycle(one) for one in value.get("Rules") or []]
    _put(job, "put_bucket_lifecycle_configuration", bucket, LifecycleConfiguration={"Rules": rules})


def _access(job: Job, bucket: str, value: Any) -> None:
    _put(job, "put_public_access_block", bucket, PublicAccessBlockConfiguration=value)


def _notification(job: Job, bucket: str, value: Any) -> None:
    wanted = notifications(value)
    _put(job, "put_bucket_notification_configuration", bucket, NotificationConfiguration=wanted)


def _cors(job: Job, bucket: str, value: Any) -> None:
    names = {"Id": "ID", "MaxAge": "MaxAgeSeconds", "ExposedHeaders": "ExposeHeaders"}
    rules = [{names.get(key, key): item for key, item in one.items()} for one in value.get("CorsRules") or []]
    _put(job, "put_bucket_cors", bucket, CORSConfiguration={"CORSRules": rules})


def _website(job: Job, bucket: str, value: Any) -> None:
    wanted = copy.deepcopy(dict(value))
    if "IndexDocument" in wanted:
        wanted["IndexDocument"] = {"Suffix": wanted["IndexDocument"]}
    if "ErrorDocument" in wanted:
        wanted["ErrorDocument"] = {"Key": wanted["ErrorDocument"]}
    for rule in wanted.get("RoutingRules") or []:
        condition = rule.get("RoutingRuleCondition")
        rule["Redirect"] = rule.pop("RedirectRule", None)
        rule.pop("RoutingRuleCondition", None)
        if condition:
            rule["Condition"] = condition
    _put(job, "put_bucket_website", bucket, WebsiteConfiguration=wanted)


def _logging(job: Job, bucket: str, value: Any) -> None:
    enabled = {
        "TargetBucket": value.get("DestinationBucketName", bucket),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    _put(job, "put_bucket_logging", bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def _ownership(job: Job, bucket: str, value: Any) -> None:
    _put(job, "put_bucket_ownership_controls", bucket, OwnershipControls=value)


def _acceleration(job: Job, bucket: str, value: Any) -> None:
    wanted = {"Status": value.get("AccelerationStatus")}
    _put(job, "put_bucket_accelerate_configuration", bucket, AccelerateConfiguration=wanted)


def _put(job: Job, operation: str, bucket: str, **params: Any) -> None:
    origins = {name: operation for operation, (name, _, _) in _OPERATIONS.items()}
    table = {origins[operation]: next(iter(params))} if operation in origins else {}
    job.call("s3", operation, {"Bucket": bucket, **params}, table)


_OPERATIONS: dict[str, tuple[str, Setter, str]] = {
    "OwnershipControls": ("put_bucket_ownership_controls", _ownership, "delete_bucket_ownership_controls"),
    "BucketEncryption": ("put_bucket_encryption", _encryption, "delete_bucket_encryption"),
    "VersioningConfiguration": ("put_bucket_versioning", _versioning, ""),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        _lifecycle,
        "delete_bucket_lifecycle",
    ),
    "PublicAccessBlockConfiguration": ("put_public_access_block", _access, "delete_public_access_block"),
    "NotificationConfiguration": ("put_bucket_notification_configuration", _notification, ""),
    "CorsConfiguration": ("put_bucket_cors", _cors, "delete_bucket_cors"),
    "WebsiteConfiguration": ("put_bucket_website", _website, "delete_bucket_website"),
    "LoggingConfiguration": ("put_bucket_logging", _logging, ""),
    "AccelerateConfiguration": ("put_bucket_accelerate_configuration", _acceleration, ""),
}
"""Property: the operation that sets it, who calls it, and the operation that takes it away."""

_RESETS: dict[str, Callable[[Job, str], None]] = {
    "VersioningConfiguration": lambda job, bucket: _versioning(job, bucket, {"Status": "Suspended"}),
    "NotificationConfiguration": lambda job, bucket: _notification(job, bucket, {}),
    "LoggingConfiguration": lambda job, bucket: _put(
        job, "put_bucket_logging", bucket, BucketLoggingStatus={}
    ),
    "AccelerateConfiguration": lambda job, bucket: _acceleration(
        job, bucket, {"AccelerationStatus": "Suspended"}
    ),
}


class Bucket(Handler):
    """``AWS::S3::Bucket``."""

    type = "AWS::S3::Bucket"
    covers = frozenset(_OPERATIONS) | {"BucketName", "Tags", "ObjectLockEnabled", "AccessControl"}
    inert: ClassVar[Mapping[str, str]] = {
        "LifecycleConfiguration": "stored, nothing expires or moves",
        "LoggingConfiguration": "stored, no access log is written",
        "AccessControl": "access control lists decide nothing",
        "WebsiteConfiguration": "stored, no website endpoint answers",
    }

    def create(self, job: Job) -> Made:
        """CreateBucket, then each setting by its own call."""
        name = job.name("BucketName")
        params: dict[str, Any] = {
            "Bucket": name,
            **job.pick({"ObjectLockEnabled": "ObjectLockEnabledForBucket"}),
        }
        if job.place.region != "us-east-1":
            params["CreateBucketConfiguration"] = {"LocationConstraint": job.place.region}
        job.call("s3", "create_bucket", params)
        self._settings(job, name)
        self._tags(job, name)
        domain = "amazonaws.com.cn" if job.place.partition == "aws-cn" else "amazonaws.com"
        return Made(
            name,
            {
                "Arn": f"arn:{job.place.partition}:s3:::{name}",
                "DomainName": f"{name}.s3.{domain}",
                "RegionalDomainName": f"{name}.s3.{job.place.region}.{domain}",
                "DualStackDomainName": f"{name}.s3.dualstack.{job.place.region}.{domain}",
                "WebsiteURL": f"http://{name}.s3-website-{job.place.region}.{domain}",
            },
        )

    def _settings(self, job: Job, name: str) -> None:
        wanted = job.properties.get("NotificationConfiguration") or {}
        unreached = UNREACHED if "s3-to-queues" in job.backend.capabilities else frozenset(wanted)
        if "s3-notifications" not in job.backend.capabilities and unreached & wanted.keys():
            job.left_out("NotificationConfiguration", "stored, objects notify no function of this stack")
        for setting, (_, setter, removal) in _OPERATIONS.items():
            if not job.changed(setting):
                continue
            if setting in job.properties:
                setter(job, name, job.properties[setting])
            elif job.before is not None and removal:
                job.call("s3", removal, {"Bucket": name})
            elif job.before is not None:
                _RESETS[setting](job, name)

    def _tags(self, job: Job, name: str) -> None:
        if job.tags():
            params = {"Bucket": name, "Tagging": {"TagSet": job.tag_list()}}
            job.call("s3", "put_bucket_tagging", params)
        elif job.before and job.before.get("Tags"):
            job.call("s3", "delete_bucket_tagging", {"Bucket": name})

    def update(self, job: Job, made: Made) -> Made:
        """Each setting that changed."""
        self._settings(job, made.physical_id)
        if job.changed("Tags"):
            self._tags(job, made.physical_id)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteBucket, which S3 refuses while objects are there."""
        job.call("s3", "delete_bucket", {"Bucket": made.physical_id})


class BucketPolicy(Handler):
    """``AWS::S3::BucketPolicy``."""

    type = "AWS::S3::BucketPolicy"
    covers = frozenset({"Bucket", "PolicyDocument"})

    def create(self, job: Job) -> Made:
        """PutBucketPolicy."""
        bucket = str(job.get("Bucket"))
        policy = document(job.get("PolicyDocument"))
        job.call("s3", "put_bucket_policy", {"Bucket": bucket, "Policy": policy})
        return Made(bucket)

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteBucketPolicy."""
        job.call("s3", "delete_bucket_policy", {"Bucket": made.physical_id})
