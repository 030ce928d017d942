"""Amazon ElastiCache: cache clusters and their subnet groups, as the API shows them; no cache runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.stub import Stub
from stackproof.deploy.model import Made

_NO_CACHE = "no cache runs"
_PORTS = {"memcached": 11211}
_GIVEN = (
    "AutoMinorVersionUpgrade", "AZMode", "CacheNodeType", "CacheParameterGroupName",
    "CacheSecurityGroupNames", "CacheSubnetGroupName", "Engine", "EngineVersion", "IpDiscovery",
    "NetworkType", "NotificationTopicArn", "NumCacheNodes", "Port", "PreferredAvailabilityZone",
    "PreferredAvailabilityZones", "PreferredMaintenanceWindow", "SnapshotRetentionLimit",
    "SnapshotWindow", "TransitEncryptionEnabled",
)  # fmt: skip


class CacheCluster(Handler):
    """``AWS::ElastiCache::CacheCluster``.

    Its endpoint is named as AWS names it (ElastiCache user guide, "Finding a cluster's endpoints"): of the
    cluster for Memcached (``.cfg.``), of the only node (``.0001.``) for others.
    """

    type = "AWS::ElastiCache::CacheCluster"
    covers = frozenset(_GIVEN) | {"ClusterName", "VpcSecurityGroupIds", "Tags"}
    inert: ClassVar[Mapping[str, str]] = {"Engine": _NO_CACHE}

    def create(self, job: Job) -> Made:
        """CreateCacheCluster."""
        name = (str(job.get("ClusterName") or "") or job.unique(length=20)).lower()
        params: dict[str, Any] = {"CacheClusterId": name, **job.pick({one: one for one in _GIVEN})}
        params["SecurityGroupIds"] = job.get("VpcSecurityGroupIds")
        params["Tags"] = job.tag_list() or None
        job.call("elasticache", "create_cache_cluster", params)
        engine = str(job.get("Engine"))
        port = str(job.get("Port") or _PORTS.get(engine, 6379))
        part, kind = ("cfg", "ConfigurationEndpoint") if engine == "memcached" else ("0001", "RedisEndpoint")
        region = "".join(
            piece[:2] if not at else piece[:1] for at, piece in enumerate(job.place.region.split("-"))
        )
        address = f"{name}.{job.unique('endpoint', length=6).lower()}.{part}.{region}.cache.amazonaws.com"
        return Made(name, {f"{kind}.Address": address, f"{kind}.Port": port})

    def update(self, job: Job, made: Made) -> Made:
        """Nothing of it is changed in place here: the state behind has no such call."""
        for name in self.covers:
            if job.changed(name) and name != "Tags":
                job.left_out(name, "a change is not kept")
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteCacheCluster."""
        job.call("elasticache", "delete_cache_cluster", {"CacheClusterId": made.physical_id})


class SubnetGroup(Handler):
    """``AWS::ElastiCache::SubnetGroup``; not emulated where its subnets are not."""

    type = "AWS::ElastiCache::SubnetGroup"
    covers = frozenset({"CacheSubnetGroupName", "Description", "SubnetIds", "Tags"})

    def create(self, job: Job) -> Made:
        """CreateCacheSubnetGroup."""
        name = job.name("CacheSubnetGroupName").lower()
        params = {
            "CacheSubnetGroupName": name,
            "CacheSubnetGroupDescription": job.get("Description"),
            "SubnetIds": job.get("SubnetIds"),
            "Tags": job.tag_list() or None,
        }
        try:
            job.call("elasticache", "create_cache_subnet_group", params)
        except ClientError as error:
            if "Subnet" not in error.response["Error"]["Code"]:
                raise
            job.not_emulated("SubnetIds", "the subnets are not emulated")
            return Stub().create(job)
        return Made(name)

    def update(self, job: Job, made: Made) -> Made:
        """Nothing of it is changed in place here: the state behind has no such call."""
        job.left_out("SubnetIds", "a change is not kept")
        return made

    def delete(self, job: Job, made: Made) -> None:
        """The state behind has no such call: the group stays there, and nothing uses it any more."""
