"""Queues, topics, subscriptions and their policies: deployed, described, changed, deleted."""

from __future__ import annotations

import json

from stackproof.deploy.changes import Action


def attributes(aws, url):
    return aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def allow(service, action, resource):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_queue_has_its_attributes_and_what_is_removed_goes_back(one, changed, aws, refused):
    dead = {"Dead": {"Type": "AWS::SQS::Queue"}}
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
    made = one("AWS::SQS::Queue", dead, VisibilityTimeout=90, RedrivePolicy=redrive, DelaySeconds="7")
    url = made["It"].physical_id
    found = attributes(aws, url)
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("90", "7")
    assert json.loads(found["RedrivePolicy"])["deadLetterTargetArn"] == made["Dead"].arn
    assert made["It"].arn == found["QueueArn"]
    changed(made, VisibilityTimeout=None, RedrivePolicy=None, DelaySeconds=8)
    found = attributes(aws, url)
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("30", "8")
    assert "RedrivePolicy" not in found
    assert made["It"].physical_id == url
    made.delete()
    assert (
        refused(aws.sqs.get_queue_url, QueueName=url.rpartition("/")[2])
        == "AWS.SimpleQueueService.NonExistentQueue"
    )


def test_a_fifo_queue_without_a_name_is_called_fifo(one, aws):
    made = one("AWS::SQS::Queue", FifoQueue=True, ContentBasedDeduplication=True)
    assert made.queue("It").endswith(".fifo")
    assert attributes(aws, made.queue("It"))["ContentBasedDeduplication"] == "true"


def test_a_queue_keeps_its_tags_and_loses_removed_ones(one, changed, aws):
    made = one("AWS::SQS::Queue", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    changed(made, Tags=[{"Key": "b", "Value": "3"}])
    assert aws.sqs.list_queue_tags(QueueUrl=made.queue("It"))["Tags"] == {"b": "3"}


def test_a_changed_queue_name_replaces_the_queue_and_what_refers_to_it(stack, aws, refused):
    def template(name):
        policy = {
            "Queues": [{"Ref": "Q"}],
            "PolicyDocument": allow("sns.amazonaws.com", "sqs:SendMessage", "*"),
        }
        return {
            "Resources": {
                "Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
                "P": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
            }
        }

    made = stack(template("first"))
    changes = {change.logical_id: change for change in made.changes(template("second"))}
    assert changes["Q"].action is Action.REPLACE
    assert changes["Q"].properties == ("QueueName",)
    assert changes["P"].action is Action.MODIFY
    made.update(template("second"))
    assert made["Q"].attributes["QueueName"] == "second"
    assert "Policy" in attributes(aws, made.queue("Q"))
    assert refused(aws.sqs.get_queue_url, QueueName="first")


def test_a_queue_policy_comes_and_goes(one, changed, aws):
    queues = {name: {"Type": "AWS::SQS::Queue"} for name in ("A", "B")}
    policy = allow("sns.amazonaws.com", "sqs:SendMessage", "*")
    made = one("AWS::SQS::QueuePolicy", queues, Queues=[{"Ref": "A"}], PolicyDocument=policy)
    assert json.loads(attributes(aws, made.queue("A"))["Policy"]) == policy
    changed(made, Queues=[{"Ref": "B"}])
    assert "Policy" not in attributes(aws, made.queue("A"))
    assert json.loads(attributes(aws, made.queue("B"))["Policy"]) == policy


def test_a_topic_with_its_subscription(one, changed, aws):
    queue = {"Q": {"Type": "AWS::SQS::Queue"}}
    inline = [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]}}]
    made = one("AWS::SNS::Topic", queue, DisplayName="orders", Subscription=inline)
    arn = made.topic("It")
    listed = aws.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert [item["Endpoint"] for item in listed] == [made["Q"].arn]
    changed(made, Subscription=None, DisplayName="other")
    assert aws.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] == []
    assert aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "other"


def test_a_subscription_filters_as_its_template_says(one, changed, aws, fabric):
    others = {"T": {"Type": "AWS::SNS::Topic"}, "Q": {"Type": "AWS::SQS::Queue"}}
    others["P"] = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [{"Ref": "Q"}],
            "PolicyDocument": allow("sns.amazonaws.com", "sqs:SendMessage", "*"),
        },
    }
    made = one(
        "AWS::SNS::Subscription",
        others,
        TopicArn={"Ref": "T"},
        Protocol="sqs",
        Endpoint={"Fn::GetAtt": ["Q", "Arn"]},
        FilterPolicy={"kind": ["order"]},
        FilterPolicyScope="MessageBody",
        RawMessageDelivery=True,
    )

    def publish(kind):
        aws.sns.publish(TopicArn=made.topic("T"), Message=json.dumps({"kind": kind}))

    def arrived():
        fabric.run_until_idle()
        messages = aws.sqs.receive_message(QueueUrl=made.queue("Q"), MaxNumberOfMessages=10).get(
            "Messages", []
        )
        for message in messages:
            aws.sqs.delete_message(QueueUrl=made.queue("Q"), ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["kind"] for message in messages]

    publish("order")
    publish("refund")
    assert arrived() == ["order"]
    changed(made, FilterPolicy={"kind": ["refund"]})
    publish("order")
    publish("refund")
    assert arrived() == ["refund"]
    changed(made, FilterPolicy=None, FilterPolicyScope=None)
    publish("order")
    assert arrived() == ["order"]


def test_a_topic_policy_gives_way_to_the_default(one, aws):
    topic = {"T": {"Type": "AWS::SNS::Topic"}}
    policy = allow("events.amazonaws.com", "sns:Publish", "*")
    made = one("AWS::SNS::TopicPolicy", topic, Topics=[{"Ref": "T"}], PolicyDocument=policy)
    arn = made.topic("T")
    assert json.loads(aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) == policy
    made.update({"Resources": topic})
    left = json.loads(aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert left["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": "123456789012"}}
