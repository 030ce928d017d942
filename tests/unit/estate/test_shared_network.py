"""shared-network: many subnets that nobody names by id, and stacks that live on each other's outputs."""

from __future__ import annotations

import itertools
from ipaddress import ip_network

import msgspec
import pytest

from stackproof.config import Environment

ENVIRONMENTS = ("test", "prod")


def subnets(system, environment):
    return system.resources("network.yaml", environment, "AWS::EC2::Subnet")


def tags(properties):
    return {tag["Key"]: tag["Value"] for tag in properties["Tags"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_more_than_50_subnets_lie_apart_inside_the_network(system, environment):
    shared = system("shared-network")
    (vpc,) = shared.resources("network.yaml", environment, "AWS::EC2::VPC").values()
    ranges = [ip_network(subnet["CidrBlock"]) for subnet in subnets(shared, environment).values()]
    assert len(ranges) > 50
    assert all(one.subnet_of(ip_network(vpc["CidrBlock"])) for one in ranges)
    assert not [pair for pair in itertools.combinations(ranges, 2) if pair[0].overlaps(pair[1])]


def test_the_environments_do_not_overlap(system):
    shared = system("shared-network")
    first, second = (
        ip_network(next(iter(shared.resources("network.yaml", one, "AWS::EC2::VPC").values()))["CidrBlock"])
        for one in ENVIRONMENTS
    )
    assert not first.overlaps(second)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_tier_and_zone_tags_find_exactly_one_subnet(system, environment):
    found = [tags(one) for one in subnets(system("shared-network"), environment).values()]
    keys = [(one["Tier"], one["Zone"]) for one in found]
    assert len(set(keys)) == len(keys)
    by_tier = {tier: {zone for other, zone in keys if other == tier} for tier, _ in keys}
    assert set(map(frozenset, by_tier.values())) == {frozenset("abc")}
    assert len({one["Name"] for one in found}) == len(found)


def test_subnets_of_a_tier_stand_in_different_zones(system):
    written = system("shared-network").resolved("network.yaml", "prod").expanded.tree["Resources"]
    zones = {
        name: properties["Properties"]["AvailabilityZone"]["Fn::Select"]
        for name, properties in written.items()
        if name.startswith("Subnetcache")
    }
    assert len(zones) == 3
    assert len({str(choice) for choice in zones.values()}) == 3


def test_the_network_is_the_same_in_another_region(system):
    def ranges(region):
        shared = system("shared-network")
        environment = Environment(region=region)
        shared.config = msgspec.structs.replace(shared.config, environments={"prod": environment})
        assert shared.rules() == set()
        return sorted(one["CidrBlock"] for one in subnets(shared, "prod").values())

    assert ranges("us-east-1") == ranges("eu-west-1")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_replication_group_lives_on_the_outputs_of_another_stack(system, environment):
    shared = system("shared-network")
    foundation = shared.resolved("cache-foundation.yaml", environment)
    given = foundation.exports
    written = shared.resolved("cache.yaml", environment).expanded.tree["Resources"]["Replication"][
        "Properties"
    ]
    imported = {
        name: str(written[name])
        for name in ("CacheSubnetGroupName", "SecurityGroupIds", "KmsKeyId", "LogDeliveryConfigurations")
    }
    assert all("Fn::ImportValue" in text for text in imported.values())
    assert f"{environment}-cache-subnet-group" in given
    assert f"{environment}-cache-group-id" in given
    assert shared.rules() == set()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("cache-foundation.yaml", "${Environment}-cache-group-id"),
        ("network.yaml", "${Environment}-network-vpc-id"),
        ("network.yaml", "${Environment}-network-${Tier}-subnet-ids"),
    ],
)
def test_an_export_that_nobody_gives_is_missed(system, file, name):
    broken = system("shared-network", (file, f"Name: !Sub {name}\n", f"Name: !Sub other-{name}\n"))
    assert "SP-RESOLVE-IMPORT" in broken.rules()


def test_production_keeps_two_replicas(system):
    thin = system(
        "shared-network", ("config/cache.prod.json", '"ParameterValue": "2"', '"ParameterValue": "1"')
    )
    assert "SP-RULES-ASSERTION" in thin.rules()


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        pytest.param(
            (
                "cache-foundation.yaml",
                "VpcId:\n        Fn::ImportValue: !Sub ${Environment}-network-vpc-id",
                "VpcId: vpc-0a1b2c3d4e5f67890",
            ),
            "NETWORK_NO_HARDCODED_ID",
            id="network",
        ),
        pytest.param(
            ("cache.yaml", "- Fn::ImportValue: !Sub ${Environment}-cache-group-id", "- sg-0a1b2c3d4e5f67890"),
            "NETWORK_NO_HARDCODED_SECURITY_GROUP",
            id="security group",
        ),
        pytest.param(
            (
                "cache.yaml",
                "KmsKeyId:\n        Fn::ImportValue: !Sub ${Environment}-cache-key-arn",
                "KmsKeyId: arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            ),
            "NETWORK_NO_HARDCODED_ACCOUNT",
            id="account",
        ),
    ],
)
def test_an_id_that_is_written_into_a_template_is_refused(system, edit, rule):
    assert rule in system("shared-network", edit).refused(edit[0], "network")


def test_every_tier_is_published_for_stacks_that_cannot_import(system):
    shared = system("shared-network")
    tiers = {tags(one)["Tier"] for one in subnets(shared, "prod").values()}
    names = {one["Name"] for one in shared.resources("network.yaml", "prod", "AWS::SSM::Parameter").values()}
    assert names == {"/network/prod/vpc-id", *(f"/network/prod/{tier}-subnet-ids" for tier in tiers)}
