"""Streams and what reads them: deployed, described, changed, deleted."""

from __future__ import annotations

STREAM = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
HANDLER = "def handler(event, context):\n    return None\n"


def function(role):
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Code": {"ZipFile": HANDLER},
            "Role": role,
        },
    }


def summary(aws, name):
    return aws.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]


def test_a_stream_has_its_settings_and_changes_them_in_place(one, changed, aws, refused):
    made = one(
        "AWS::Kinesis::Stream",
        ShardCount=2,
        RetentionPeriodHours=48,
        StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert str(made["It"].verdict.level) == "emulated"
    name = made["It"].physical_id
    found = summary(aws, name)
    assert found["StreamARN"] == made["It"].attributes["Arn"]
    assert (found["OpenShardCount"], found["RetentionPeriodHours"]) == (2, 48)
    assert (found["EncryptionType"], found["KeyId"]) == ("KMS", "alias/aws/kinesis")
    changed(made, ShardCount=4, RetentionPeriodHours=24, StreamEncryption=None, MaxRecordSizeInKiB=2048)
    found = summary(aws, name)
    assert (found["OpenShardCount"], found["RetentionPeriodHours"]) == (4, 24)
    assert (found["EncryptionType"], found["MaxRecordSizeInKiB"]) == ("NONE", 2048)
    changed(made, ShardCount=None, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert summary(aws, name)["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert made["It"].physical_id == name
    made.delete()
    assert refused(aws.kinesis.describe_stream_summary, StreamName=name) == "ResourceNotFoundException"


def test_a_consumer_is_registered(one, aws):
    others = {"Stream": STREAM}
    arn = {"Fn::GetAtt": ["Stream", "Arn"]}
    made = one("AWS::Kinesis::StreamConsumer", others, ConsumerName="c", StreamARN=arn)
    consumer = aws.kinesis.describe_stream_consumer(ConsumerARN=made["It"].physical_id)["ConsumerDescription"]
    assert consumer["ConsumerName"] == "c"
    assert made["It"].attributes["ConsumerStatus"] == "ACTIVE"


def test_a_mapping_of_a_stream_is_emulated_with_all_its_settings(one, aws):
    others = {
        "Stream": STREAM,
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Function": function("arn:aws:iam::123456789012:role/any"),
    }
    made = one(
        "AWS::Lambda::EventSourceMapping",
        others,
        EventSourceArn={"Fn::GetAtt": ["Stream", "Arn"]},
        FunctionName={"Ref": "Function"},
        StartingPosition="TRIM_HORIZON",
        BatchSize=50,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=3,
        MaximumRecordAgeInSeconds=3600,
        ParallelizationFactor=2,
        TumblingWindowInSeconds=30,
        DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}},
    )
    verdict = made["It"].verdict
    assert (str(verdict.level), tuple(verdict.left_out)) == ("emulated", ())
    shown = aws("lambda").get_event_source_mapping(UUID=made["It"].physical_id)
    assert (shown["MaximumRetryAttempts"], shown["ParallelizationFactor"]) == (3, 2)
    assert shown["DestinationConfig"]["OnFailure"]["Destination"].startswith("arn:aws:sqs:")


def test_a_table_whose_view_changes_has_another_stream(one, changed, aws):
    keys = {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    made = one("AWS::DynamoDB::Table", **keys, StreamSpecification={"StreamViewType": "KEYS_ONLY"})
    before = made["It"].attributes["StreamArn"]
    changed(made, StreamSpecification={"StreamViewType": "NEW_IMAGE"})
    after = made["It"].attributes["StreamArn"]
    assert after != before
    streams = aws("dynamodbstreams")
    described = streams.describe_stream(StreamArn=after)["StreamDescription"]
    assert (described["StreamViewType"], described["StreamStatus"]) == ("NEW_IMAGE", "ENABLED")
    assert streams.describe_stream(StreamArn=before)["StreamDescription"]["StreamStatus"] == "DISABLED"
