"""Load balancers, names, DHCP options, databases and caches: what the APIs show after each deployment."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from stackproof.errors import DeploymentFailed


class Net(NamedTuple):
    vpc: str
    subnets: list[str]


@pytest.fixture
def net(aws):
    found = aws.ec2.describe_subnets()["Subnets"]
    return Net(found[0]["VpcId"], [one["SubnetId"] for one in found[:2]])


@pytest.fixture
def vpc(net):
    return net.vpc


@pytest.fixture
def subnets(net):
    return net.subnets


def balanced(net, live="Blue", **more):
    groups = {
        name: {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {"Port": 80, "Protocol": "HTTP", "VpcId": net.vpc, "TargetType": "ip"},
        }
        for name in ("Blue", "Green")
    }
    return {
        "Resources": {
            **groups,
            "Balancer": {
                "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "Properties": {"Subnets": net.subnets, "Scheme": "internal"},
            },
            "Listener": {
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {
                    "LoadBalancerArn": {"Ref": "Balancer"},
                    "Port": 80,
                    "Protocol": "HTTP",
                    "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": live}}],
                },
            },
            **more,
        }
    }


def targets_of(aws, listener):
    (found,) = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"]
    return found["DefaultActions"][0]["TargetGroupArn"]


def test_a_listener_forwards_to_the_group_that_the_template_names(stack, aws, net):
    made = stack(balanced(net))
    listener = made["Listener"].physical_id
    assert targets_of(aws, listener) == made["Blue"].physical_id
    assert str(made["Listener"].verdict.level) == "partial"
    made.update(balanced(net, "Green"))
    assert targets_of(aws, listener) == made["Green"].physical_id
    made.delete()
    assert aws.elbv2.describe_load_balancers()["LoadBalancers"] == []
    assert aws.elbv2.describe_target_groups()["TargetGroups"] == []


def test_what_was_swapped_beside_the_template_stays_swapped(stack, aws, net):
    made = stack(balanced(net))
    listener = made["Listener"].physical_id
    actions = [{"Type": "forward", "TargetGroupArn": made["Green"].physical_id}]
    aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=actions)
    changed = balanced(net)
    changed["Resources"]["Blue"]["Properties"]["HealthCheckPath"] = "/health"
    made.update(changed)
    assert targets_of(aws, listener) == made["Green"].physical_id
    (blue,) = aws.elbv2.describe_target_groups(TargetGroupArns=[made["Blue"].physical_id])["TargetGroups"]
    assert blue["HealthCheckPath"] == "/health"


def test_rules_and_targets_follow_the_template(stack, aws, net):
    def rule(path):
        return {
            "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
            "Properties": {
                "ListenerArn": {"Ref": "Listener"},
                "Priority": 5,
                "Conditions": [{"Field": "path-pattern", "Values": [path]}],
                "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Green"}}],
            },
        }

    def registered():
        answer = aws.elbv2.describe_target_health(TargetGroupArn=made["Blue"].physical_id)
        return {one["Target"]["Id"] for one in answer["TargetHealthDescriptions"]}

    template = balanced(net, Rule=rule("/a"))
    template["Resources"]["Blue"]["Properties"]["Targets"] = [{"Id": "10.0.0.1", "Port": 80}]
    made = stack(template)
    assert registered() == {"10.0.0.1"}
    template = balanced(net, Rule=rule("/b"))
    template["Resources"]["Blue"]["Properties"]["Targets"] = [{"Id": "10.0.0.2", "Port": 80}]
    made.update(template)
    assert registered() == {"10.0.0.2"}
    (found,) = aws.elbv2.describe_rules(RuleArns=[made["Rule"].physical_id])["Rules"]
    assert found["Conditions"][0]["Values"] == ["/b"]


def test_a_load_balancer_in_subnets_that_nobody_emulates_is_not_emulated_either(stack):
    made = stack(balanced(Net("vpc-0123456789abcdef0", ["subnet-0123456789abcdef0"])))
    for name in ("Balancer", "Listener", "Blue"):
        assert str(made[name].verdict.level) == "not emulated"


def zoned(vpc, **more):
    zone = {"Name": "prod.example.internal", "VPCs": [{"VPCId": vpc, "VPCRegion": "us-east-1"}]}
    return {"Resources": {"Zone": {"Type": "AWS::Route53::HostedZone", "Properties": zone}, **more}}


def cname(target="a.example.com.", ttl="30", **more):
    given = {
        "HostedZoneId": {"Ref": "Zone"},
        "Name": "cache.prod.example.internal",
        "Type": "CNAME",
        "TTL": ttl,
        "ResourceRecords": [target],
    }
    return {"Type": "AWS::Route53::RecordSet", "Properties": {**given, **more}}


def records(aws, zone):
    found = aws.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        one["Type"]: (one["Name"], one["TTL"], [record["Value"] for record in one["ResourceRecords"]])
        for one in found
    }


def test_a_private_zone_and_a_record_of_it(stack, aws, vpc):
    made = stack(zoned(vpc, Cache=cname()))
    zone = made["Zone"].physical_id
    assert aws.route53.get_hosted_zone(Id=zone)["HostedZone"]["Config"]["PrivateZone"]
    _, ttl, (soa,) = records(aws, zone)["SOA"]
    assert (ttl, soa.split()[2:]) == (900, ["1", "7200", "900", "1209600", "86400"])
    assert records(aws, zone)["CNAME"] == ("cache.prod.example.internal.", 30, ["a.example.com."])
    made.update(zoned(vpc, Cache=cname("b.example.com.", "60")))
    assert records(aws, zone)["CNAME"] == ("cache.prod.example.internal.", 60, ["b.example.com."])
    made.update(zoned(vpc))
    assert "CNAME" not in records(aws, zone)
    made.delete()
    assert aws.route53.list_hosted_zones()["HostedZones"] == []


def test_a_name_is_announced_once(stack, aws, vpc):
    made = stack(zoned(vpc, Cache=cname()))
    zone = made["Zone"].physical_id
    second = {"Resources": {"Cache": cname("other.example.com.", HostedZoneId=zone)}}
    with pytest.raises(
        DeploymentFailed, match=r"cache\.prod\.example\.internal\.', type='CNAME'\] but it al"
    ):
        stack(second, name="second")
    assert records(aws, zone)["CNAME"][2] == ["a.example.com."]


def test_a_group_of_records_in_a_zone_that_is_found_by_name(stack, aws, vpc):
    def group(*names):
        sets = [
            {"Name": f"{name}.prod.example.internal", "Type": "A", "TTL": 30, "ResourceRecords": ["10.0.0.9"]}
            for name in names
        ]
        given = {"HostedZoneName": "prod.example.internal.", "RecordSets": sets}
        kind = "AWS::Route53::RecordSetGroup"
        return zoned(vpc, Group={"Type": kind, "Properties": given, "DependsOn": "Zone"})

    made = stack(group("a", "b"))
    made.update(group("b", "c"))
    found = aws.route53.list_resource_record_sets(HostedZoneId=made["Zone"].physical_id)
    names = {one["Name"].split(".")[0] for one in found["ResourceRecordSets"] if one["Type"] == "A"}
    assert names == {"b", "c"}


def dhcp(vpc):
    options = {"DomainName": "prod.example.internal", "DomainNameServers": ["AmazonProvidedDNS"]}
    return {
        "Resources": {
            "Options": {"Type": "AWS::EC2::DHCPOptions", "Properties": options},
            "Use": {
                "Type": "AWS::EC2::VPCDHCPOptionsAssociation",
                "Properties": {"DhcpOptionsId": {"Ref": "Options"}, "VpcId": vpc},
            },
        }
    }


def test_dhcp_options_are_those_of_the_network_until_they_are_deleted(stack, aws, vpc):
    def options_of():
        return aws.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"]

    before = options_of()
    made = stack(dhcp(vpc))
    identifier = made["Options"].physical_id
    assert options_of() == identifier
    (found,) = aws.ec2.describe_dhcp_options(DhcpOptionsIds=[identifier])["DhcpOptions"]
    values = {one["Key"]: [value["Value"] for value in one["Values"]] for one in found["DhcpConfigurations"]}
    assert values == {
        "domain-name": ["prod.example.internal"],
        "domain-name-servers": ["AmazonProvidedDNS"],
    }
    made.delete()
    assert options_of() == before
    assert str(stack(dhcp("vpc-0123456789abcdef0"))["Use"].verdict.level) == "not emulated"


def test_a_database_and_its_read_replica(stack, aws, subnets):
    primary = {
        "Engine": "mariadb", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "20",
        "MasterUsername": "admin", "ManageMasterUserPassword": True,
        "DBSubnetGroupName": {"Ref": "Subnets"}, "DBParameterGroupName": {"Ref": "Parameters"},
    }  # fmt: skip
    template = {
        "Resources": {
            "Subnets": {
                "Type": "AWS::RDS::DBSubnetGroup",
                "Properties": {"DBSubnetGroupDescription": "d", "SubnetIds": subnets},
            },
            "Parameters": {
                "Type": "AWS::RDS::DBParameterGroup",
                "Properties": {
                    "Family": "mariadb10.11", "Description": "d", "Parameters": {"binlog_format": "ROW"},
                },
            },
            "Primary": {"Type": "AWS::RDS::DBInstance", "Properties": primary},
            "Replica": {
                "Type": "AWS::RDS::DBInstance",
                "Properties": {
                    "SourceDBInstanceIdentifier": {"Ref": "Primary"}, "DBInstanceClass": "db.t4g.micro",
                },
            },
        },
        "Outputs": {
            "Address": {"Value": {"Fn::GetAtt": ["Primary", "Endpoint.Address"]}},
            "Secret": {"Value": {"Fn::GetAtt": ["Primary", "MasterUserSecret.SecretArn"]}},
        },
    }  # fmt: skip
    made = stack(template)
    assert made.outputs["Address"].endswith(".rds.amazonaws.com")
    assert made.outputs["Secret"].startswith("arn:aws:secretsmanager:")
    name = made["Primary"].physical_id
    (found,) = aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert found["ReadReplicaDBInstanceIdentifiers"] == [made["Replica"].physical_id]
    answer = aws.rds.describe_db_parameters(DBParameterGroupName=made["Parameters"].physical_id)
    values = {one["ParameterName"]: one["ParameterValue"] for one in answer["Parameters"]}
    assert values["binlog_format"] == "ROW"
    made.delete()
    assert aws.rds.describe_db_instances()["DBInstances"] == []


def test_a_cache_has_the_endpoint_of_its_engine(stack, aws):
    def cache(engine):
        given = {"Engine": engine, "CacheNodeType": "cache.t4g.micro", "NumCacheNodes": 1}
        return {"Type": "AWS::ElastiCache::CacheCluster", "Properties": given}

    template = {
        "Resources": {"Old": cache("memcached"), "New": cache("redis")},
        "Outputs": {
            "Old": {"Value": {"Fn::GetAtt": ["Old", "ConfigurationEndpoint.Address"]}},
            "New": {"Value": {"Fn::GetAtt": ["New", "RedisEndpoint.Address"]}},
        },
    }
    made = stack(template)
    assert ".cfg.use1.cache.amazonaws.com" in made.outputs["Old"]
    assert ".0001.use1.cache.amazonaws.com" in made.outputs["New"]
    made.delete()
    found = aws.elasticache.describe_cache_clusters()["CacheClusters"]
    assert {one["CacheClusterStatus"] for one in found} == {"deleting"}
