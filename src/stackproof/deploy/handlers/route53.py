"""Amazon Route 53: hosted zones and record sets, kept as the API shows them; nobody answers DNS by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job, Refused
from stackproof.deploy.model import Made

_NO_DNS = "nobody answers DNS by it"


class HostedZone(Handler):
    """``AWS::Route53::HostedZone``; private where it has VPCs."""

    type = "AWS::Route53::HostedZone"
    covers = frozenset({"Name", "HostedZoneConfig", "HostedZoneTags", "VPCs"})
    inert: ClassVar[Mapping[str, str]] = {"Name": _NO_DNS}

    def create(self, job: Job) -> Made:
        """CreateHostedZone, AssociateVPCWithHostedZone, ChangeTagsForResource."""
        first, *others = job.get("VPCs") or [None]
        config = {**(job.get("HostedZoneConfig") or {}), **({"PrivateZone": True} if first else {})}
        params = {
            "Name": str(job.get("Name")),
            "CallerReference": job.unique(),
            "HostedZoneConfig": config or None,
            "VPC": first,
        }
        answer = job.call("route53", "create_hosted_zone", params)
        identifier = answer["HostedZone"]["Id"].rpartition("/")[2]
        for vpc in others:
            job.call("route53", "associate_vpc_with_hosted_zone", {"HostedZoneId": identifier, "VPC": vpc})
        self._tag(job, identifier)
        self._mend_soa(job, identifier)
        servers = answer.get("DelegationSet", {}).get("NameServers", [])
        return Made(identifier, {"Id": identifier, "NameServers": servers})

    @staticmethod
    def _mend_soa(job: Job, identifier: str) -> None:
        """moto keeps the zone's own SOA record as the text of a dictionary."""
        listed = job.call("route53", "list_resource_record_sets", {"HostedZoneId": identifier})
        for record in listed["ResourceRecordSets"]:
            value = record["ResourceRecords"][0]["Value"]
            if record["Type"] == "SOA" and value.startswith("{"):
                plain = value.partition(": '")[2].rstrip("'}")
                _change(job, identifier, "UPSERT", {**record, "ResourceRecords": [{"Value": plain}]})

    @staticmethod
    def _tag(job: Job, identifier: str) -> None:
        tags = [{"Key": key, "Value": value} for key, value in job.tags("HostedZoneTags").items()]
        if tags:
            params = {"ResourceType": "hostedzone", "ResourceId": identifier, "AddTags": tags}
            job.call("route53", "change_tags_for_resource", params)

    def update(self, job: Job, made: Made) -> Made:
        """UpdateHostedZoneComment, the VPCs that come and go."""
        if job.changed("HostedZoneConfig"):
            comment = str((job.get("HostedZoneConfig") or {}).get("Comment", ""))
            job.call("route53", "update_hosted_zone_comment", {"Id": made.physical_id, "Comment": comment})
        wanted, before = job.get("VPCs") or [], (job.before or {}).get("VPCs") or []
        for verb, vpcs in (
            ("associate_vpc_with_hosted_zone", [one for one in wanted if one not in before]),
            ("disassociate_vpc_from_hosted_zone", [one for one in before if one not in wanted]),
        ):
            for vpc in vpcs:
                job.call("route53", verb, {"HostedZoneId": made.physical_id, "VPC": vpc})
        self._tag(job, made.physical_id)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteHostedZone."""
        job.call("route53", "delete_hosted_zone", {"Id": made.physical_id})


_SET = (
    "Name", "Type", "SetIdentifier", "Weight", "Region", "GeoLocation", "GeoProximityLocation",
    "CidrRoutingConfig", "Failover", "MultiValueAnswer", "TTL", "AliasTarget", "HealthCheckId",
)  # fmt: skip


def _record(given: Mapping[str, Any]) -> dict[str, Any]:
    """A record set as the API takes it; its name ends with a dot."""
    found = {name: given[name] for name in _SET if name in given}
    found["Name"] = _absolute(str(given["Name"]))
    if "TTL" in found:
        found["TTL"] = int(found["TTL"])
    if "ResourceRecords" in given:
        found["ResourceRecords"] = [{"Value": str(value)} for value in given["ResourceRecords"]]
    return found


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _zone(job: Job, given: Mapping[str, Any]) -> str:
    """The zone that a record set goes into. Raises ``Refused`` when there is not exactly one."""
    if given.get("HostedZoneId"):
        return str(given["HostedZoneId"])
    name = _absolute(str(given.get("HostedZoneName", "")))
    zones = job.call("route53", "list_hosted_zones_by_name", {"DNSName": name})["HostedZones"]
    found = [one["Id"].rpartition("/")[2] for one in zones if one["Name"] == name]
    if len(found) != 1:
        raise Refused(f"{len(found)} hosted zones are named {name}")
    return str(found[0])


def _change(job: Job, zone: str, action: str, record: Mapping[str, Any]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    job.call("route53", "change_resource_record_sets", {"HostedZoneId": zone, "ChangeBatch": batch})


def _there(job: Job, zone: str, record: Mapping[str, Any]) -> bool:
    """Whether the zone has a set of that name, type and identifier."""
    params = {"HostedZoneId": zone, "StartRecordName": record["Name"], "StartRecordType": record["Type"]}
    found = job.call("route53", "list_resource_record_sets", params)["ResourceRecordSets"]
    keys = ("Name", "Type", "SetIdentifier")
    return any(all(one.get(key) == record.get(key) for key in keys) for one in found)


def _create(job: Job, zone: str, record: Mapping[str, Any]) -> None:
    """CREATE, refused as Route 53 does it when the set is there: moto compares whole changes instead."""
    if _there(job, zone, record):
        what = f"[name='{record['Name']}', type='{record['Type']}']"
        raise Refused(f"[Tried to create resource record set {what} but it already exists]")
    _change(job, zone, "CREATE", record)


class RecordSet(Handler):
    """``AWS::Route53::RecordSet``."""

    type = "AWS::Route53::RecordSet"
    covers = frozenset(_SET) | {"ResourceRecords", "HostedZoneId", "HostedZoneName"}
    inert: ClassVar[Mapping[str, str]] = {"ResourceRecords": _NO_DNS, "Comment": "not kept"}

    def create(self, job: Job) -> Made:
        """ChangeResourceRecordSets (CREATE)."""
        zone, record = _zone(job, job.properties), _record(job.properties)
        _create(job, zone, record)
        return Made(str(job.get("Name")), {}, {"zone": zone})

    def update(self, job: Job, made: Made) -> Made:
        """ChangeResourceRecordSets (UPSERT)."""
        _change(job, str(made.notes["zone"]), "UPSERT", _record(job.properties))
        return made

    def delete(self, job: Job, made: Made) -> None:
        """ChangeResourceRecordSets (DELETE)."""
        _change(job, str(made.notes["zone"]), "DELETE", _record(job.properties))


class RecordSetGroup(Handler):
    """``AWS::Route53::RecordSetGroup``: several sets of one zone."""

    type = "AWS::Route53::RecordSetGroup"
    covers = frozenset({"HostedZoneId", "HostedZoneName", "RecordSets"})
    inert: ClassVar[Mapping[str, str]] = {"RecordSets": _NO_DNS, "Comment": "not kept"}

    def create(self, job: Job) -> Made:
        """ChangeResourceRecordSets (CREATE) for each."""
        zone = _zone(job, job.properties)
        for given in job.get("RecordSets") or ():
            _create(job, zone, _record(given))
        return Made(job.name(""), {}, {"zone": zone})

    def update(self, job: Job, made: Made) -> Made:
        """UPSERT what is wanted, DELETE what no longer is."""
        zone, keys = str(made.notes["zone"]), ("Name", "Type", "SetIdentifier")
        wanted = [_record(one) for one in job.get("RecordSets") or ()]
        for record in wanted:
            _change(job, zone, "UPSERT", record)
        known = [tuple(one.get(key) for key in keys) for one in wanted]
        for record in map(_record, (job.before or {}).get("RecordSets") or ()):
            if tuple(record.get(key) for key in keys) not in known:
                _change(job, zone, "DELETE", record)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """ChangeResourceRecordSets (DELETE) for each."""
        for given in job.get("RecordSets") or ():
            _change(job, str(made.notes["zone"]), "DELETE", _record(given))
