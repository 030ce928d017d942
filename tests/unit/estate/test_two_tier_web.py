"""two-tier-web: what is public, what is not, and what is refused before it is deployed."""

from __future__ import annotations

import pytest

ENVIRONMENTS = ("test", "prod")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_output_is_the_dns_name_of_the_load_balancer(system, environment):
    written = system("two-tier-web").resolved("template.yaml", environment).expanded.tree
    assert written["Outputs"]["DnsName"]["Value"] == {"Fn::GetAtt": ["LoadBalancer", "DNSName"]}
    assert written["Resources"]["LoadBalancer"]["Properties"]["Scheme"] == "internet-facing"


def test_the_web_server_is_reached_through_the_load_balancer_alone(system):
    written = system("two-tier-web").resolved("template.yaml", "prod").expanded.tree["Resources"]
    groups = [item["Ref"] for item in written["WebServer"]["Properties"]["SecurityGroupIds"]]
    rules = [rule for name in groups for rule in written[name]["Properties"]["SecurityGroupIngress"]]
    front = [item["Ref"] for item in written["LoadBalancer"]["Properties"]["SecurityGroups"]]
    assert rules
    assert all("CidrIp" not in rule and rule["SourceSecurityGroupId"]["Ref"] in front for rule in rules)
    assert {target["Id"]["Ref"] for target in written["TargetGroup"]["Properties"]["Targets"]} == {
        "WebServer"
    }


def test_the_load_balancer_answers_in_clear_text_with_a_redirect_only(system):
    listeners = system("two-tier-web").resources(
        "template.yaml", "prod", "AWS::ElasticLoadBalancingV2::Listener"
    )
    actions = {
        listener["Protocol"]: [action["Type"] for action in listener["DefaultActions"]]
        for listener in listeners.values()
    }
    assert actions == {"HTTP": ["redirect"], "HTTPS": ["forward"]}


def test_a_deployment_without_an_instance_type_is_refused(system):
    nameless = system(
        "two-tier-web",
        (
            "config/test.json",
            ',\n  {\n    "ParameterKey": "InstanceType",\n    "ParameterValue": "t3.micro"\n  }',
            "",
        ),
    )
    assert "SP-PARAM-MISSING" in nameless.rules()


def test_a_web_server_without_an_instance_type_is_refused(system):
    typeless = system("two-tier-web", ("template.yaml", "      InstanceType: !Ref InstanceType\n", ""))
    assert "EC2_INSTANCE_TYPE_STATED" in typeless.refused("template.yaml", "network")


def test_an_instance_type_that_is_not_offered_is_refused(system):
    costly = system("two-tier-web", ("config/prod.json", '"t3.medium"', '"t3.2xlarge"'))
    assert any(rule.startswith("SP-PARAM-") for rule in costly.rules())
