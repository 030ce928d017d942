"""Tables, buckets, secrets, parameters, keys and log groups: deployed, described, changed, deleted."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import DeploymentFailed

KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
TEXT = [{"AttributeName": "id", "AttributeType": "S"}]


def index(name, key):
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }


def table(**more):
    return {"BillingMode": "PAY_PER_REQUEST", "KeySchema": KEYS, "AttributeDefinitions": TEXT, **more}


def test_a_table_has_indexes_stream_and_settings(one, aws, refused):
    made = one(
        "AWS::DynamoDB::Table",
        **table(
            AttributeDefinitions=[*TEXT, {"AttributeName": "who", "AttributeType": "S"}],
            GlobalSecondaryIndexes=[index("by-who", "who")],
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
            TimeToLiveSpecification={"AttributeName": "until", "Enabled": "true"},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            SSESpecification={"SSEEnabled": True},
        ),
    )
    name = made.table("It")
    found = aws.dynamodb.describe_table(TableName=name)["Table"]
    assert [item["IndexName"] for item in found["GlobalSecondaryIndexes"]] == ["by-who"]
    assert found["LatestStreamArn"] == made["It"].attributes["StreamArn"]
    assert found["SSEDescription"]["Status"] == "ENABLED"
    ttl = aws.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    made.delete()
    assert refused(aws.dynamodb.describe_table, TableName=name) == "ResourceNotFoundException"


def test_a_table_gains_and_loses_an_index_in_place(one, changed, aws):
    made = one("AWS::DynamoDB::Table", **table())
    name = made.table("It")
    more = [*TEXT, {"AttributeName": "who", "AttributeType": "S"}]
    changed(made, AttributeDefinitions=more, GlobalSecondaryIndexes=[index("by-who", "who")])
    found = aws.dynamodb.describe_table(TableName=name)["Table"]
    assert [item["IndexName"] for item in found["GlobalSecondaryIndexes"]] == ["by-who"]
    changed(made, AttributeDefinitions=TEXT, GlobalSecondaryIndexes=None)
    assert not aws.dynamodb.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes")
    assert made.table("It") == name


def test_another_key_replaces_the_table(one, changed, aws):
    made = one("AWS::DynamoDB::Table", **table())
    before = made.table("It")
    changed(
        made,
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
    )
    after = made.table("It")
    assert after != before
    assert aws.dynamodb.list_tables()["TableNames"] == [after]


def test_a_change_set_says_what_hangs_on_an_id_that_only_the_deployment_tells(stack):
    def template(key):
        definitions = [{"AttributeName": key, "AttributeType": "S"}]
        properties = table(
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}], AttributeDefinitions=definitions
        )
        stored = {"Name": "/table", "Type": "String", "Value": {"Ref": "T"}}
        return {
            "Resources": {
                "T": {"Type": "AWS::DynamoDB::Table", "Properties": properties},
                "P": {"Type": "AWS::SSM::Parameter", "Properties": stored},
            }
        }

    made = stack(template("a"))
    replaced, modified = made.changes(template("b"))
    assert (replaced.action, replaced.certain) == ("replace", True)
    assert (modified.action, modified.properties, modified.certain) == ("modify", ("Value",), False)


def test_properties_without_effect_are_named(one):
    made = one(
        "AWS::DynamoDB::Table",
        **table(ContributorInsightsSpecification={"Enabled": True}),
    )
    verdict = made["It"].verdict
    assert str(verdict.level) == "partial"
    assert set(verdict.left_out) == {"ContributorInsightsSpecification"}


def test_a_global_table_is_its_own_region_and_says_so(one, aws):
    made = one(
        "AWS::DynamoDB::GlobalTable",
        **table(Replicas=[{"Region": "us-east-1"}, {"Region": "eu-west-1"}]),
    )
    assert aws.dynamodb.list_tables()["TableNames"] == [made.table("It")]
    assert "Replicas.eu-west-1" in made["It"].verdict.left_out


def test_a_bucket_has_its_settings(one, changed, aws, refused):
    rules = [
        {"Id": "old", "Status": "Enabled", "ExpirationInDays": 30, "Prefix": "logs/"},
        {
            "Id": "cold",
            "Status": "Enabled",
            "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 7}],
        },
    ]
    made = one(
        "AWS::S3::Bucket",
        VersioningConfiguration={"Status": "Enabled"},
        PublicAccessBlockConfiguration={"BlockPublicAcls": True, "RestrictPublicBuckets": "true"},
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        LifecycleConfiguration={"Rules": rules},
        Tags=[{"Key": "team", "Value": "orders"}],
    )
    bucket = made.bucket("It")
    assert bucket == bucket.lower()
    assert made["It"].arn == f"arn:aws:s3:::{bucket}"
    assert aws.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    block = aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block["BlockPublicAcls"]
    assert block["RestrictPublicBuckets"]
    kept = aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [rule["ID"] for rule in kept] == ["old", "cold"]
    assert kept[1]["Transitions"][0]["Days"] == 7
    assert aws.s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "orders"}]
    changed(made, LifecycleConfiguration=None, VersioningConfiguration=None, Tags=None)
    assert aws.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    assert refused(aws.s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"
    made.delete()
    assert aws.s3.list_buckets()["Buckets"] == []


def test_a_bucket_with_objects_is_not_deleted(one, aws):
    made = one("AWS::S3::Bucket", {"Q": {"Type": "AWS::SQS::Queue"}})
    bucket = made.bucket("It")
    aws.s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    with pytest.raises(DeploymentFailed, match=r"It: .*BucketNotEmpty"):
        made.delete()
    assert made.status == "DELETE_FAILED"
    assert list(made.resources) == ["It"]
    aws.s3.delete_object(Bucket=bucket, Key="a")
    made.delete()
    assert made.status == "DELETE_COMPLETE"


def test_a_bucket_policy_comes_and_goes(one, aws, refused):
    bucket = {"B": {"Type": "AWS::S3::Bucket"}}
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": {"Fn::GetAtt": ["B", "Arn"]},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    made = one("AWS::S3::BucketPolicy", bucket, Bucket={"Ref": "B"}, PolicyDocument=policy)
    found = json.loads(aws.s3.get_bucket_policy(Bucket=made.bucket("B"))["Policy"])
    assert found["Statement"][0]["Resource"] == made["B"].arn
    made.update({"Resources": bucket})
    assert refused(aws.s3.get_bucket_policy, Bucket=made.bucket("B")) == "NoSuchBucketPolicy"


def test_a_generated_secret_is_the_same_in_every_world_and_keeps_to_its_options(one, changed, aws):
    options = {
        "SecretStringTemplate": '{"user": "app"}',
        "GenerateStringKey": "password",
        "PasswordLength": 20,
        "ExcludePunctuation": True,
        "ExcludeCharacters": "abc",
    }
    made = one("AWS::SecretsManager::Secret", GenerateSecretString=options, Description="first")
    arn = made["It"].physical_id
    value = json.loads(aws.secretsmanager.get_secret_value(SecretId=arn)["SecretString"])
    assert value["user"] == "app"
    assert len(value["password"]) == 20
    assert value["password"].isalnum()
    assert not set("abc") & set(value["password"])
    changed(made, Description="second")
    assert json.loads(aws.secretsmanager.get_secret_value(SecretId=arn)["SecretString"]) == value
    assert aws.secretsmanager.describe_secret(SecretId=arn)["Description"] == "second"
    made.delete()
    assert aws.secretsmanager.list_secrets()["SecretList"] == []


def test_a_parameter_of_the_store(one, changed, aws, refused):
    made = one("AWS::SSM::Parameter", Name="/app/limit", Type="String", Value=5)
    assert aws.ssm.get_parameter(Name="/app/limit")["Parameter"]["Value"] == "5"
    changed(made, Value="6")
    assert aws.ssm.get_parameter(Name="/app/limit")["Parameter"]["Value"] == "6"
    made.delete()
    assert refused(aws.ssm.get_parameter, Name="/app/limit") == "ParameterNotFound"


def test_a_key_and_its_alias(one, changed, aws):
    alias = {
        "Type": "AWS::KMS::Alias",
        "Properties": {"AliasName": "alias/app", "TargetKeyId": {"Ref": "It"}},
    }
    made = one("AWS::KMS::Key", {"Alias": alias}, EnableKeyRotation=True, Description="first")
    key = made["It"].physical_id
    assert aws.kms.describe_key(KeyId="alias/app")["KeyMetadata"]["Arn"] == made["It"].arn
    assert aws.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    changed(made, EnableKeyRotation=False, Description="second", Enabled=False)
    assert not aws.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert aws.kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "second"
    assert not aws.kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
    made.delete()
    assert aws.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_log_group_keeps_its_retention(one, changed, aws):
    made = one("AWS::Logs::LogGroup", LogGroupName="/app/log", RetentionInDays="30")
    group = aws.logs.describe_log_groups(logGroupNamePrefix="/app/log")["logGroups"][0]
    assert group["retentionInDays"] == 30
    assert made["It"].arn == group["arn"].removesuffix(":*") + ":*"
    changed(made, RetentionInDays=None)
    assert (
        "retentionInDays" not in aws.logs.describe_log_groups(logGroupNamePrefix="/app/log")["logGroups"][0]
    )
    made.delete()
    assert aws.logs.describe_log_groups()["logGroups"] == []
