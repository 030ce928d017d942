"""Alarms, buses and rules: stored as the API has them, and named as without effect while they have none."""

from __future__ import annotations

import json

import pytest


def test_an_alarm(one, changed, aws):
    made = one(
        "AWS::CloudWatch::Alarm",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "orders"}],
        Statistic="Maximum",
        Period="300",
        EvaluationPeriods="2",
        Threshold="3",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    name = made["It"].physical_id

    def alarm():
        return aws.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    assert (alarm()["Threshold"], alarm()["Period"], alarm()["EvaluationPeriods"]) == (3.0, 300, 2)
    assert alarm()["AlarmArn"] == made["It"].arn
    changed(made, Threshold=5)
    assert alarm()["Threshold"] == 5.0
    made.delete()
    assert aws.cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_bus_with_a_rule_and_its_targets(one, changed, aws):
    others = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "orders"}},
    }
    target = {"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}
    made = one(
        "AWS::Events::Rule",
        others,
        EventBusName={"Ref": "Bus"},
        EventPattern={"source": ["orders"]},
        Targets=[target],
    )
    name = made["It"].physical_id.rpartition("|")[2]

    def targets():
        found = aws.events.list_targets_by_rule(Rule=name, EventBusName="orders")["Targets"]
        return {one["Id"]: one["Arn"] for one in found}

    rule = aws.events.describe_rule(Name=name, EventBusName="orders")
    assert json.loads(rule["EventPattern"]) == {"source": ["orders"]}
    assert rule["Arn"] == made["It"].arn
    assert targets() == {"queue": made["Queue"].arn}
    changed(made, Targets=[{**target, "Id": "other"}], State="DISABLED")
    assert list(targets()) == ["other"]
    assert aws.events.describe_rule(Name=name, EventBusName="orders")["State"] == "DISABLED"
    made.delete()
    assert [bus["Name"] for bus in aws.events.list_event_buses()["EventBuses"]] == ["default"]


def test_what_has_no_effect_yet_is_named_as_long_as_the_backend_lacks_it(one, fabric):
    made = one("AWS::Events::Rule", ScheduleExpression="rate(5 minutes)")
    named = "ScheduleExpression" in made["It"].verdict.left_out
    assert named is ("schedules" not in fabric.backend.capabilities)


def test_a_global_tables_replica_names_what_it_cannot(one):
    made = one(
        "AWS::DynamoDB::GlobalTable",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        Replicas=[{"Region": "us-east-1", "ContributorInsightsSpecification": {"Enabled": True}}],
    )
    assert made["It"].verdict.left_out == ("Replicas.ContributorInsightsSpecification",)


def test_a_topic_rule_routes_messages(one, changed, aws, fabric):
    others = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Thing": {"Type": "AWS::IoT::Thing", "Properties": {"AttributePayload": {"Attributes": {"a": "b"}}}},
    }
    action = {"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": "arn:aws:iam::123456789012:role/r"}}
    payload = {"Sql": "SELECT temperature AS t FROM 'sensors/+'", "Actions": [action], "RuleDisabled": False}
    made = one("AWS::IoT::TopicRule", others, TopicRulePayload=payload)
    assert made["It"].verdict.level == "emulated"

    def published():
        aws("iot-data").publish(topic="sensors/1", payload=b'{"temperature": 3}')
        fabric.run_until_idle()
        found = aws.sqs.receive_message(QueueUrl=made["Queue"].physical_id).get("Messages", [])
        return [message["Body"] for message in found]

    assert published() == ['{"t":3}']
    assert aws.iot.describe_thing(thingName=made["Thing"].physical_id)["attributes"] == {"a": "b"}
    changed(made, TopicRulePayload={**payload, "Sql": "SELECT * FROM 'elsewhere'"})
    assert published() == []
    made.delete()
    assert aws.iot.list_topic_rules()["rules"] == []


def test_groups_and_what_they_launch(one, changed, aws, fabric):
    group = {
        "MinSize": "1",
        "MaxSize": "4",
        "DesiredCapacity": "1",
        "AvailabilityZones": ["us-east-1a"],
        "LaunchTemplate": {
            "LaunchTemplateId": {"Ref": "Template"},
            "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
        },
    }
    data = {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}
    more = {"AdjustmentType": "ChangeInCapacity", "Cooldown": "120", "ScalingAdjustment": 1}
    alarm = {
        "Namespace": "Shop", "MetricName": "Load", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [{"Ref": "It"}],
    }  # fmt: skip
    others = {
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}},
        "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
    }
    made = one("AWS::AutoScaling::ScalingPolicy", others, AutoScalingGroupName={"Ref": "Group"}, **more)
    name = made["Group"].physical_id

    def capacity():
        found = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return found["AutoScalingGroups"][0]["DesiredCapacity"]

    aws.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Load", "Value": 9}])
    fabric.advance(60)
    assert capacity() == 2
    for _ in range(5):
        aws.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Load", "Value": 9}])
        fabric.advance(60)
    assert capacity() == 4, "one more every two minutes, four at most"
    made.delete()
    assert aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_a_sender_is_verified_while_its_identity_is_there(one, aws, refused):
    made = one("AWS::SES::EmailIdentity", EmailIdentity="shop@example.com")
    assert made["It"].physical_id == "shop@example.com"
    mail = {
        "Source": "shop@example.com",
        "Destination": {"ToAddresses": ["ada@example.com"]},
        "Message": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
    }
    assert aws("ses").send_email(**mail)["MessageId"]
    made.delete()
    assert refused(lambda: aws("ses").send_email(**mail)) == "MessageRejected"


def test_a_websocket_api_is_said_to_be_deaf(one, aws):
    from stackproof.errors import CallNotEmulated

    made = one("AWS::ApiGatewayV2::Api", Name="chat", ProtocolType="WEBSOCKET")
    reason = "WebSocket APIs are not emulated, nobody can connect"
    assert made["It"].verdict.reasons == {"ProtocolType": reason}
    with pytest.raises(CallNotEmulated, match="nobody can connect"):
        aws("apigatewaymanagementapi").post_to_connection(ConnectionId="c", Data=b"hello")
