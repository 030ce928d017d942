"""What Amazon EC2 tells the hosts of a network: DHCP options. No host asks for a lease on this backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.stub import Stub
from stackproof.deploy.model import Made

_NO_LEASE = "no host asks for a lease"
_OPTIONS = {
    "DomainName": "domain-name",
    "DomainNameServers": "domain-name-servers",
    "NtpServers": "ntp-servers",
    "NetbiosNameServers": "netbios-name-servers",
    "NetbiosNodeType": "netbios-node-type",
}


class DhcpOptions(Handler):
    """``AWS::EC2::DHCPOptions``."""

    type = "AWS::EC2::DHCPOptions"
    covers = frozenset(_OPTIONS) | {"Tags"}
    inert: ClassVar[Mapping[str, str]] = {"DomainName": _NO_LEASE}

    def create(self, job: Job) -> Made:
        """CreateDhcpOptions."""
        configurations = [
            {"Key": key, "Values": _texts(job.get(name))} for name, key in _OPTIONS.items() if job.get(name)
        ]
        params: dict[str, Any] = {"DhcpConfigurations": configurations}
        if job.tags():
            params["TagSpecifications"] = [{"ResourceType": "dhcp-options", "Tags": job.tag_list()}]
        identifier = job.call("ec2", "create_dhcp_options", params)["DhcpOptions"]["DhcpOptionsId"]
        return Made(identifier, {"DhcpOptionsId": identifier})

    def update(self, job: Job, made: Made) -> Made:
        """Only tags change in place."""
        job.call("ec2", "create_tags", {"Resources": [made.physical_id], "Tags": job.tag_list()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDhcpOptions."""
        job.call("ec2", "delete_dhcp_options", {"DhcpOptionsId": made.physical_id})


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


class DhcpOptionsAssociation(Handler):
    """``AWS::EC2::VPCDHCPOptionsAssociation``; not emulated where the VPC is not."""

    type = "AWS::EC2::VPCDHCPOptionsAssociation"
    covers = frozenset({"DhcpOptionsId", "VpcId"})

    def create(self, job: Job) -> Made:
        """AssociateDhcpOptions."""
        params = job.pick({name: name for name in ("DhcpOptionsId", "VpcId")})
        try:
            job.call("ec2", "associate_dhcp_options", params)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidVpcID.NotFound":
                raise
            job.not_emulated("VpcId", "the VPC is not emulated")
            return Stub().create(job)
        return Made(f"{params['DhcpOptionsId']}|{params['VpcId']}")

    def update(self, job: Job, made: Made) -> Made:
        """AssociateDhcpOptions again."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """AssociateDhcpOptions with ``default``."""
        job.call("ec2", "associate_dhcp_options", {"DhcpOptionsId": "default", "VpcId": job.get("VpcId")})
