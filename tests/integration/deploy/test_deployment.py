"""What a deployment does as a whole: order, values, updates, rollback, deletion."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import DeploymentFailed, NotEmulated, UsageError

QUEUE = "AWS::SQS::Queue"


def queue(**properties):
    return {"Type": QUEUE, "Properties": properties} if properties else {"Type": QUEUE}


def stored(name, value, **attributes):
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": name, "Type": "String", "Value": value},
        **attributes,
    }


def names(aws):
    return {url.rpartition("/")[2] for url in aws.sqs.list_queues().get("QueueUrls", [])}


def statuses(made, logical_id):
    return [event.status for event in made.events if event.logical_id == logical_id]


def value(aws, name):
    return aws.ssm.get_parameter(Name=name)["Parameter"]["Value"]


def test_resources_come_after_what_they_refer_to_or_depend_on(stack):
    sub = {"Fn::Sub": ["${Url}/${Q.QueueName}", {"Url": {"Ref": "Other"}}]}
    made = stack(
        {
            "Resources": {
                "A": {**stored("/a", sub), "DependsOn": ["Z"]},
                "Q": queue(),
                "Other": queue(),
                "Z": stored("/z", "1"),
            }
        }
    )
    order = list(made.resources)
    assert order.index("A") > max(order.index(name) for name in ("Q", "Other", "Z"))
    assert made["A"].properties["Value"] == f"{made.queue('Other')}/{made['Q'].attributes['QueueName']}"


def test_conditions_parameters_and_pseudo_parameters_decide(stack, aws):
    template = {
        "Parameters": {
            "Size": {"Type": "Number", "Default": 5},
            "Secret": {"Type": "String", "NoEcho": True},
        },
        "Conditions": {"Large": {"Fn::Equals": [{"Ref": "Size"}, "50"]}},
        "Resources": {
            "Big": {**queue(), "Condition": "Large"},
            "P": stored(
                "/p", {"Fn::Sub": "${AWS::StackName} ${AWS::AccountId} ${AWS::Region} ${Size} ${Secret}"}
            ),
            "Z": stored("/z", {"Fn::Select": [1, {"Fn::GetAZs": ""}]}),
        },
        "Outputs": {
            "Url": {"Condition": "Large", "Value": {"Ref": "Big"}},
            "Id": {"Value": {"Ref": "AWS::StackId"}},
        },
    }
    made = stack(template, parameters={"Secret": "hush"}, name="small")
    assert "Big" not in made.resources
    assert value(aws, "/p") == "small 123456789012 us-east-1 5 hush"
    assert value(aws, "/z") == "us-east-1b"
    assert made.outputs == {"Id": made.id}
    assert made.id.startswith("arn:aws:cloudformation:us-east-1:123456789012:stack/small/")
    made.update(parameters={"Size": 50})
    assert made.outputs["Url"] == made.queue("Big")
    assert value(aws, "/p").endswith("50 hush")


def test_dynamic_references_and_parameters_of_the_store_are_read(stack, aws):
    aws.ssm.put_parameter(Name="/network/vpc", Value="vpc-1", Type="String")
    aws.secretsmanager.create_secret(Name="db", SecretString=json.dumps({"user": "app"}))
    made = stack(
        {
            "Parameters": {"Vpc": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/network/vpc"}},
            "Resources": {
                "A": stored("/a", {"Ref": "Vpc"}),
                "B": stored(
                    "/b", {"Fn::Sub": "user={{resolve:secretsmanager:db:SecretString:user}} in ${Vpc}"}
                ),
                "C": stored("/c", "{{resolve:ssm:/network/vpc}}"),
            },
        }
    )
    assert [value(aws, name) for name in ("/a", "/b", "/c")] == ["vpc-1", "user=app in vpc-1", "vpc-1"]
    assert made.status == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "Size"),
        ({"Size": "7"}, "'7'"),
        ({"Size": "5", "Other": "1"}, r"Parameters: \[Other\] do not exist"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_is_made(stack, aws, parameters, message):
    template = {
        "Parameters": {"Size": {"Type": "String", "AllowedValues": ["5", "6"]}},
        "Resources": {"Q": queue(VisibilityTimeout={"Ref": "Size"})},
    }
    with pytest.raises(DeploymentFailed, match=message):
        stack(template, parameters=parameters)
    assert names(aws) == set()


def test_an_attribute_that_there_is_not_names_the_resource_that_asks(stack, aws):
    with pytest.raises(DeploymentFailed, match="P: Requested attribute Colour of Q") as caught:
        stack({"Resources": {"Q": queue(), "P": stored("/p", {"Fn::GetAtt": ["Q", "Colour"]})}})
    assert caught.value.logical_id == "P"
    assert names(aws) == set()


def test_a_failed_creation_leaves_nothing_behind_and_tells_awss_error(stack, aws):
    template = {"Resources": {"Good": queue(), "Bad": {**queue(DelaySeconds=5000), "DependsOn": "Good"}}}
    with pytest.raises(DeploymentFailed) as caught:
        stack(template)
    assert caught.value.logical_id == "Bad"
    assert "DelaySeconds" in caught.value.reason
    assert caught.value.line > 1
    assert names(aws) == set()
    template["Resources"]["Bad"]["Properties"]["DelaySeconds"] = 5
    assert stack(template).status == "CREATE_COMPLETE"


def test_a_failed_update_leaves_the_stack_as_it_was(stack, aws):
    def template(delay, bad):
        return {
            "Resources": {
                "Changed": queue(QueueName="changed", DelaySeconds=delay),
                "Replaced": queue(QueueName=f"replaced-{delay}"),
                "Bad": {**queue(QueueName="bad", DelaySeconds=bad), "DependsOn": ["Changed", "Replaced"]},
                **({"New": queue(QueueName="new")} if bad else {}),
            }
        }

    made = stack(template(1, 0))
    before = (made.outputs, dict(made.resources))
    with pytest.raises(DeploymentFailed, match="Bad: "):
        made.update(template(2, 5000))
    assert made.status == "UPDATE_ROLLBACK_COMPLETE"
    assert (made.outputs, dict(made.resources)) == before
    assert names(aws) == {"changed", "replaced-1", "bad"}
    found = aws.sqs.get_queue_attributes(QueueUrl=made.queue("Changed"), AttributeNames=["DelaySeconds"])
    assert found["Attributes"]["DelaySeconds"] == "1"
    made.update(template(3, 7))
    assert names(aws) == {"changed", "replaced-3", "bad", "new"}


def test_removed_resources_go_after_the_others_are_updated_and_in_reverse(stack):
    first = {"Resources": {"A": queue(), "B": stored("/b", {"Ref": "A"}), "C": stored("/c", "1")}}
    made = stack(first)
    made.update({"Resources": {"C": stored("/c", "2")}})
    tail = [(event.logical_id, event.status) for event in made.events[-6:]]
    assert tail == [
        ("C", "UPDATE_IN_PROGRESS"),
        ("C", "UPDATE_COMPLETE"),
        ("B", "DELETE_IN_PROGRESS"),
        ("B", "DELETE_COMPLETE"),
        ("A", "DELETE_IN_PROGRESS"),
        ("A", "DELETE_COMPLETE"),
    ]


def test_an_update_that_changes_nothing_calls_nothing(stack, fabric):
    template = {"Resources": {"Q": queue(DelaySeconds=1), "P": stored("/p", {"Ref": "Q"})}}
    made = stack(template)
    calls = len(fabric.journal)
    made.update(template)
    assert len(fabric.journal) == calls


def test_retained_resources_stay(stack, aws):
    kept = {**queue(QueueName="kept"), "DeletionPolicy": "Retain"}
    made = stack({"Resources": {"Kept": kept, "Gone": queue(QueueName="gone")}})
    made.delete()
    assert names(aws) == {"kept"}
    assert statuses(made, "Kept")[-1] == "DELETE_SKIPPED"


def test_an_update_keeps_what_is_retained_and_deletes_the_rest(stack, aws):
    def template(name, **more):
        attributes = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        return {"Resources": {"Replaced": {**queue(QueueName=name), **attributes}, **more}}

    removed = {
        "Kept": {**queue(QueueName="kept"), "DeletionPolicy": "Retain"},
        "Gone": queue(QueueName="gone"),
    }
    made = stack(template("first", **removed))
    planned = {one.logical_id: one.action for one in made.changes(template("second", New=queue()))}
    assert planned == {"Replaced": "replace", "New": "create", "Kept": "retain", "Gone": "delete"}
    made.update(template("second"))
    assert names(aws) == {"first", "second", "kept"}
    assert list(made.resources) == ["Replaced"]


def test_a_property_is_an_attribute_too(stack, aws):
    key = {"Type": "AWS::KMS::Key", "Properties": {"Description": "orders"}}
    stack({"Resources": {"K": key, "P": stored("/p", {"Fn::GetAtt": ["K", "Description"]})}})
    assert value(aws, "/p") == "orders"


def test_a_custom_name_stands_in_the_way_of_a_replacement(stack, aws):
    def table(key):
        properties = {
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        }
        return {"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}

    made = stack(table("a"))
    with pytest.raises(DeploymentFailed, match=r"custom-named resource requires replacing\. Rename orders"):
        made.update(table("b"))
    assert aws.dynamodb.describe_table(TableName="orders")["Table"]["KeySchema"][0]["AttributeName"] == "a"


def test_a_resource_cannot_change_its_type(stack):
    made = stack({"Resources": {"It": queue()}})
    with pytest.raises(DeploymentFailed, match="Update of resource type is not permitted"):
        made.update({"Resources": {"It": {"Type": "AWS::SNS::Topic"}}})
    assert made["It"].type == QUEUE


def test_exports_are_imported_and_hold_their_stack(stack, aws):
    exported = {
        "Value": {"Fn::GetAtt": ["Q", "Arn"]},
        "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-arn"}},
    }
    first = stack({"Resources": {"Q": queue()}, "Outputs": {"Arn": exported}}, name="first")
    imports = {"Resources": {"P": stored("/p", {"Fn::ImportValue": "first-arn"})}}
    second = stack(imports, name="second")
    assert value(aws, "/p") == first["Q"].arn
    with pytest.raises(
        DeploymentFailed, match="Export first-arn cannot be deleted as it is in use by second"
    ):
        first.delete()
    exported["Export"]["Name"] = "first-arn"
    with pytest.raises(DeploymentFailed, match="already exported"):
        stack({"Resources": {"Q": queue()}, "Outputs": {"Arn": exported}}, name="third")
    second.delete()
    first.delete()
    with pytest.raises(DeploymentFailed, match="No export named first-arn found"):
        stack(imports, name="second")


def test_a_name_is_taken_once(stack):
    stack({"Resources": {"Q": queue()}}, name="twice")
    with pytest.raises(DeploymentFailed, match=r"Stack \[twice\] already exists"):
        stack({"Resources": {"Q": queue()}}, name="twice")


def test_what_nobody_emulates_still_lets_the_rest_deploy_and_is_told(stack, aws):
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
    template = {"Resources": {"V": vpc, "P": stored("/p", {"Ref": "V"})}}
    made = stack(template)
    assert value(aws, "/p").startswith("vpc-")
    assert str(made["V"].verdict.level) == "not emulated"
    with pytest.raises(NotEmulated, match=r"AWS::EC2::VPC \(V\) is not emulated"):
        made.require("partial")
    with pytest.raises(NotEmulated):
        stack({"Resources": {"V": vpc}}, name="other", require="partial")


def test_the_same_stack_has_the_same_names_in_every_world(stack):
    from stackproof.backends.embedded import EmbeddedBackend
    from stackproof.deploy.deployer import Deployer

    template = {"Resources": {"Q": queue(), "T": {"Type": "AWS::SNS::Topic"}}}
    here = stack(template)
    with EmbeddedBackend(seed=7) as backend:
        there = Deployer(backend, here._deployer.library).deploy(template)
        assert [one.physical_id for one in there.resources.values()] == [
            one.physical_id for one in here.resources.values()
        ]


def test_an_unknown_resource_of_a_stack_is_told_with_those_there_are(stack):
    made = stack({"Resources": {"Q": queue()}})
    with pytest.raises(UsageError, match="no resource 'Queue'; there are: Q"):
        made.queue("Queue")
    with pytest.raises(UsageError, match="'Q' is AWS::SQS::Queue"):
        made.table("Q")


def test_tags_of_the_stack_reach_its_resources(stack, aws):
    made = stack(
        {"Resources": {"Q": queue(Tags=[{"Key": "a", "Value": "own"}])}}, tags={"a": "stack", "b": "stack"}
    )
    assert aws.sqs.list_queue_tags(QueueUrl=made.queue("Q"))["Tags"] == {"a": "own", "b": "stack"}


@pytest.mark.parametrize("removed", [False, True])
def test_what_another_stack_imports_keeps_its_value(stack, aws, removed):
    def exporting(value):
        output = {"Value": value, "Export": {"Name": "shared"}}
        return {"Resources": {"Q": queue()}, "Outputs": {"Out": output} if value else {}}

    first = stack(exporting("one"), name="first")
    second = stack({"Resources": {"P": stored("/p", {"Fn::ImportValue": "shared"})}}, name="second")
    verb = "deleted" if removed else "updated"
    with pytest.raises(DeploymentFailed, match=f"Export shared cannot be {verb} as it is in use by second"):
        first.update(exporting("" if removed else "two"))
    assert first.status == "UPDATE_ROLLBACK_COMPLETE"
    first.update({**exporting("one"), "Description": "the value stays"})
    second.delete()
    first.update(exporting("" if removed else "two"))


@pytest.mark.parametrize("kind", ["AWS::Sqs::Queu", "AWS::SQS::queue"])
def test_a_type_that_cloudformation_does_not_know_is_refused_where_it_stands(stack, aws, tmp_path, kind):
    file = tmp_path / "template.yaml"
    file.write_text(f"Resources:\n  Q:\n    Type: AWS::SQS::Queue\n  X:\n    Type: {kind}\n")
    with pytest.raises(
        DeploymentFailed, match="Template format error: Unrecognized resource types"
    ) as caught:
        stack(file)
    assert f"[{kind}]" in str(caught.value)
    assert caught.value.line == 5
    assert "QueueUrls" not in aws.sqs.list_queues()


def test_a_type_of_somebody_else_is_not_refused_for_its_name(stack):
    assert str(stack({"Resources": {"X": {"Type": "Org::Service::Thing"}}})["X"].verdict) == "not emulated"


def test_types_of_sam_without_its_transform_are_refused(stack):
    template = {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b"}}}}
    with pytest.raises(DeploymentFailed, match=r"Unrecognized resource types: \[AWS::Serverless::Function\]"):
        stack(template)
