"""Amazon RDS: instances, read replicas and their groups, as the API shows them; no database runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.stub import Stub
from stackproof.deploy.model import Made

_NO_DATABASE = "no database runs"
_MARIADB = "10.11"
"""The version where the template names none: the state behind knows one for every other engine."""
_SAME = (
    "AllocatedStorage", "AllowMajorVersionUpgrade", "AutoMinorVersionUpgrade", "AvailabilityZone",
    "BackupRetentionPeriod", "CACertificateIdentifier", "CharacterSetName", "CopyTagsToSnapshot",
    "DBClusterIdentifier", "DBInstanceClass", "DBName", "DBParameterGroupName", "DBSubnetGroupName",
    "DeletionProtection", "EnableIAMDatabaseAuthentication", "EnablePerformanceInsights", "Engine",
    "EngineVersion", "Iops", "KmsKeyId", "LicenseModel", "ManageMasterUserPassword", "MasterUserPassword",
    "MasterUsername", "MaxAllocatedStorage", "MonitoringInterval", "MonitoringRoleArn", "MultiAZ",
    "NetworkType", "OptionGroupName", "PreferredBackupWindow", "PreferredMaintenanceWindow",
    "PubliclyAccessible", "StorageEncrypted", "StorageThroughput", "StorageType",
)  # fmt: skip
_TABLE = {
    **{name: name for name in _SAME},
    "VPCSecurityGroups": "VpcSecurityGroupIds",
    "EnableCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "Port": "Port",
}
_CHANGING = (
    "AllocatedStorage", "BackupRetentionPeriod", "DBInstanceClass", "DBParameterGroupName",
    "DeletionProtection", "EngineVersion", "MaxAllocatedStorage", "MultiAZ", "PubliclyAccessible",
    "VPCSecurityGroups",
)  # fmt: skip


class DBInstance(Handler):
    """``AWS::RDS::DBInstance``; a read replica where it has a source."""

    type = "AWS::RDS::DBInstance"
    covers = frozenset(_TABLE) | {
        "DBInstanceIdentifier",
        "SourceDBInstanceIdentifier",
        "MasterUserSecret",
        "Tags",
    }
    inert: ClassVar[Mapping[str, str]] = {"Engine": _NO_DATABASE, "SourceDBInstanceIdentifier": _NO_DATABASE}

    def create(self, job: Job) -> Made:
        """CreateDBInstance or CreateDBInstanceReadReplica."""
        name = job.name("DBInstanceIdentifier").lower()
        params: dict[str, Any] = {"DBInstanceIdentifier": name, **job.pick(_TABLE)}
        if params.get("Engine") == "mariadb":
            params.setdefault("EngineVersion", _MARIADB)
        source = job.get("SourceDBInstanceIdentifier")
        params |= {"SourceDBInstanceIdentifier": source, "Tags": job.tag_list() or None}
        key = (job.get("MasterUserSecret") or {}).get("KmsKeyId")
        params["MasterUserSecretKmsKeyId"] = key if params.get("ManageMasterUserPassword") else None
        if source is None:
            params.pop("SourceDBInstanceIdentifier")
        else:
            # The state behind makes a replica a copy of its source; on AWS its protection is its own.
            params.setdefault("DeletionProtection", False)
        try:
            operation = "create_db_instance_read_replica" if source else "create_db_instance"
            found = job.call("rds", operation, params, _TABLE)["DBInstance"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBSubnetGroupNotFoundFault":
                raise
            job.not_emulated("DBSubnetGroupName", "what DBSubnetGroupName names is not emulated")
            return Stub().create(job)
        return Made(name, self._attributes(found))

    @staticmethod
    def _attributes(found: Mapping[str, Any]) -> dict[str, Any]:
        attributes = {
            "DBInstanceArn": found["DBInstanceArn"],
            "DbiResourceId": found.get("DbiResourceId"),
            "Endpoint.Address": found.get("Endpoint", {}).get("Address"),
            "Endpoint.Port": str(found.get("Endpoint", {}).get("Port", "")),
            "Endpoint.HostedZoneId": found.get("Endpoint", {}).get("HostedZoneId"),
            "MasterUserSecret.SecretArn": found.get("MasterUserSecret", {}).get("SecretArn"),
        }
        return {name: value for name, value in attributes.items() if value}

    def update(self, job: Job, made: Made) -> Made:
        """ModifyDBInstance, at once."""
        table = {name: _TABLE[name] for name in _CHANGING if job.changed(name)}
        params = {"DBInstanceIdentifier": made.physical_id, "ApplyImmediately": True, **job.pick(table)}
        job.call("rds", "modify_db_instance", params, table)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDBInstance without a last snapshot."""
        params = {"DBInstanceIdentifier": made.physical_id, "SkipFinalSnapshot": True}
        job.call("rds", "delete_db_instance", params)


class DBSubnetGroup(Handler):
    """``AWS::RDS::DBSubnetGroup``; not emulated where its subnets are not."""

    type = "AWS::RDS::DBSubnetGroup"
    covers = frozenset({"DBSubnetGroupName", "DBSubnetGroupDescription", "SubnetIds", "Tags"})

    def create(self, job: Job) -> Made:
        """CreateDBSubnetGroup."""
        name = job.name("DBSubnetGroupName").lower()
        params = {
            "DBSubnetGroupName": name,
            "Tags": job.tag_list() or None,
            **job.pick({one: one for one in ("DBSubnetGroupDescription", "SubnetIds")}),
        }
        try:
            job.call("rds", "create_db_subnet_group", params)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidSubnetID.NotFound":
                raise
            job.not_emulated("SubnetIds", "the subnets are not emulated")
            return Stub().create(job)
        return Made(name)

    def update(self, job: Job, made: Made) -> Made:
        """ModifyDBSubnetGroup."""
        params = job.pick({one: one for one in ("DBSubnetGroupDescription", "SubnetIds")})
        job.call("rds", "modify_db_subnet_group", {"DBSubnetGroupName": made.physical_id, **params})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDBSubnetGroup."""
        job.call("rds", "delete_db_subnet_group", {"DBSubnetGroupName": made.physical_id})


class DBParameterGroup(Handler):
    """``AWS::RDS::DBParameterGroup``."""

    type = "AWS::RDS::DBParameterGroup"
    covers = frozenset({"DBParameterGroupName", "Description", "Family", "Parameters", "Tags"})
    inert: ClassVar[Mapping[str, str]] = {"Parameters": _NO_DATABASE}

    def create(self, job: Job) -> Made:
        """CreateDBParameterGroup, ModifyDBParameterGroup."""
        name = job.name("DBParameterGroupName").lower()
        params = {
            "DBParameterGroupName": name,
            "DBParameterGroupFamily": job.get("Family"),
            "Description": job.get("Description"),
            "Tags": job.tag_list() or None,
        }
        job.call("rds", "create_db_parameter_group", params)
        self._set(job, name)
        return Made(name, {"DBParameterGroupName": name})

    @staticmethod
    def _set(job: Job, name: str) -> None:
        values = [
            {"ParameterName": key, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
            for key, value in (job.get("Parameters") or {}).items()
        ]
        if values:
            params = {"DBParameterGroupName": name, "Parameters": values}
            job.call("rds", "modify_db_parameter_group", params)

    def update(self, job: Job, made: Made) -> Made:
        """ModifyDBParameterGroup."""
        self._set(job, made.physical_id)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDBParameterGroup."""
        job.call("rds", "delete_db_parameter_group", {"DBParameterGroupName": made.physical_id})
