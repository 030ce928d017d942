"""private-dns: what the stacks announce, under which names, and how long a name stays unknown."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.errors import DeploymentFailed

ZONE = "test.estate.internal"


@pytest.fixture
def network(aws: Any) -> str:
    """The network that the parameters name; answers its id."""
    subnets = aws.ec2.describe_subnets()["Subnets"][:2]
    ids = ",".join(one["SubnetId"] for one in subnets)
    values = {
        "/network/test/vpc-id": subnets[0]["VpcId"],
        "/network/test/cache-subnet-ids": ids,
        "/network/test/private-subnet-ids": ids,
    }
    for name, value in values.items():
        aws.ssm.put_parameter(Name=name, Value=value, Type="String")
    return str(subnets[0]["VpcId"])


@pytest.fixture
def system(stack: Any, network: str) -> Any:
    return stack("templates/private-dns/template.yaml", config="test", name="dns")


def records(aws: Any, zone: str) -> dict[tuple[str, str], tuple[int, list[str]]]:
    answer = aws.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        (one["Name"], one["Type"]): (one["TTL"], [record["Value"] for record in one["ResourceRecords"]])
        for one in answer
    }


def soa(aws: Any, system: Any) -> tuple[int, str]:
    ttl, (value,) = records(aws, system["Zone"].physical_id)[(f"{ZONE}.", "SOA")]
    return ttl, value.split()[-1]


def test_the_zone_is_seen_in_its_network_only(system: Any, aws: Any, network: str) -> None:
    found = aws.route53.get_hosted_zone(Id=system["Zone"].physical_id)
    assert found["HostedZone"]["Config"]["PrivateZone"]
    assert [one["VPCId"] for one in found["VPCs"]] == [network]


def test_hosts_complete_bare_names_by_the_zone(system: Any, aws: Any, network: str) -> None:
    (vpc,) = aws.ec2.describe_vpcs(VpcIds=[network])["Vpcs"]
    (options,) = aws.ec2.describe_dhcp_options(DhcpOptionsIds=[vpc["DhcpOptionsId"]])["DhcpOptions"]
    values = {
        one["Key"]: [value["Value"] for value in one["Values"]] for one in options["DhcpConfigurations"]
    }
    assert values == {"domain-name": [ZONE], "domain-name-servers": ["AmazonProvidedDNS"]}


def test_an_unknown_name_is_remembered_for_seconds_and_not_for_a_quarter_of_an_hour(
    system: Any, aws: Any
) -> None:
    assert soa(aws, system) == (10, "10")


def test_the_negative_ttl_changes_with_the_stack_and_the_serial_stays(system: Any, aws: Any) -> None:
    zone = system["Zone"].physical_id
    _, (before,) = records(aws, zone)[(f"{ZONE}.", "SOA")]
    system.update(parameters={"NegativeTtl": "45"})
    assert soa(aws, system) == (45, "45")
    _, (after,) = records(aws, zone)[(f"{ZONE}.", "SOA")]
    assert after.split()[:-1] == before.split()[:-1]


def test_a_zone_that_cannot_be_changed_fails_the_stack(stack: Any, network: str, fabric: Any) -> None:
    from stackproof.fabric.service import ServiceError

    def guard(service: str, operation: str, params: Any, caller: Any) -> None:
        if operation == "ChangeResourceRecordSets":
            raise ServiceError("AccessDenied", "refused by the test", status=403)

    fabric.world.guards.append(guard)
    with pytest.raises(DeploymentFailed, match="AccessDenied"):
        stack("templates/private-dns/template.yaml", config="test", name="dns")


def test_a_cache_announces_itself_under_the_name_of_its_application(
    system: Any, stack: Any, aws: Any
) -> None:
    made = stack("templates/private-dns/cache.yaml", config="test", name="cache")
    endpoint = made["Cache"].attributes["ConfigurationEndpoint.Address"]
    zone = system["Zone"].physical_id
    assert records(aws, zone)[(f"cache-myapp.{ZONE}.", "CNAME")] == (10, [f"{endpoint}."])
    assert made.outputs["Name"] == "cache-myapp"
    made.delete()
    assert (f"cache-myapp.{ZONE}.", "CNAME") not in records(aws, zone)


def test_an_application_announces_its_address(system: Any, stack: Any, aws: Any) -> None:
    made = stack("templates/private-dns/application.yaml", config="test", name="application")
    address = made["Instance"].attributes["PrivateIp"]
    zone = system["Zone"].physical_id
    assert records(aws, zone)[(f"myapp.{ZONE}.", "A")] == (10, [address])


def test_a_second_cache_of_the_application_cannot_take_its_name(system: Any, stack: Any, aws: Any) -> None:
    first = stack("templates/private-dns/cache.yaml", config="test", name="cache")
    with pytest.raises(DeploymentFailed, match="already exists"):
        stack("templates/private-dns/cache.yaml", config="test", name="second")
    endpoint = first["Cache"].attributes["ConfigurationEndpoint.Address"]
    found = records(aws, system["Zone"].physical_id)[(f"cache-myapp.{ZONE}.", "CNAME")]
    assert found == (10, [f"{endpoint}."])


def test_applications_name_no_zone_and_no_environment(system: Any, stack: Any) -> None:
    made = stack("templates/private-dns/application.yaml", config="test", name="application")
    script = made["Instance"].properties["UserData"]
    import base64

    text = base64.b64decode(script).decode()
    assert "CACHE=cache-myapp:11211" in text
    assert "internal" not in text
    assert "test" not in text
