"""A snapshot shares what does not change, and nothing that changes."""

from __future__ import annotations

import pytest

KEYS = {
    "hash": [("k", "HASH", "S")],
    "hash and range": [("k", "HASH", "S"), ("r", "RANGE", "N")],
}


@pytest.fixture(params=sorted(KEYS))
def table(request, backend):
    parts = KEYS[request.param]
    backend.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind, _ in parts],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, _, kind in parts],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return {"k": {"S": "1"}} | ({"r": {"N": "1"}} if len(parts) == 2 else {})


def items(backend):
    return backend.client("dynamodb").scan(TableName="t")["Items"]


UPDATES = {
    "expression": {
        "UpdateExpression": "SET n = n + :one, m.a = :one ADD s :s REMOVE gone",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":s": {"SS": ["new"]}},
    },
    "attributes": {"AttributeUpdates": {"n": {"Action": "ADD", "Value": {"N": "5"}}}},
}


@pytest.mark.parametrize("how", sorted(UPDATES))
def test_an_item_that_is_updated_in_place_stays_as_it_was_in_every_snapshot(backend, world, table, how):
    client = backend.client("dynamodb")
    item = table | {"n": {"N": "1"}, "m": {"M": {"a": {"N": "0"}}}, "s": {"SS": ["x"]}, "gone": {"S": "y"}}
    client.put_item(TableName="t", Item=item)
    first = world.snapshot()
    client.update_item(TableName="t", Key=table, **UPDATES[how])
    changed = items(backend)
    assert changed != [item]
    second = world.snapshot()
    client.update_item(TableName="t", Key=table, **UPDATES["attributes"])
    for state, expected in ((first, [item]), (second, changed), (first, [item])):
        world.restore(state)
        assert items(backend) == expected
        client.update_item(TableName="t", Key=table, **UPDATES["attributes"])
        client.put_item(TableName="t", Item=table | {"k": {"S": "2"}})
        client.delete_item(TableName="t", Key=table)


def test_a_failed_transaction_after_a_restore_changes_nothing(backend, world, table):
    client = backend.client("dynamodb")
    client.put_item(TableName="t", Item=table | {"n": {"N": "1"}})
    state = world.snapshot()
    update = {
        "TableName": "t",
        "Key": table,
        "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "2"}},
    }
    check = {"TableName": "t", "Key": table | {"k": {"S": "9"}}, "ConditionExpression": "attribute_exists(k)"}
    for _ in range(2):
        world.restore(state)
        with pytest.raises(client.exceptions.TransactionCanceledException):
            client.transact_write_items(TransactItems=[{"Update": update}, {"ConditionCheck": check}])
        assert items(backend) == [table | {"n": {"N": "1"}}]


def test_objects_come_back_with_their_bytes_tags_and_versions(backend, world):
    s3 = backend.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    made = s3.put_object(Bucket="bucket", Key="k", Body=b"one", Metadata={"a": "b"}, Tagging="t=1")
    s3.put_object(Bucket="bucket", Key="k", Body=b"two")
    state = world.snapshot()
    for _ in range(2):
        s3.put_object(Bucket="bucket", Key="k", Body=b"three")
        s3.delete_object(Bucket="bucket", Key="k", VersionId=made["VersionId"])
        s3.delete_object(Bucket="bucket", Key="k")
        world.restore(state)
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"two"
        old = s3.get_object(Bucket="bucket", Key="k", VersionId=made["VersionId"])
        assert (old["Body"].read(), old["Metadata"]) == (b"one", {"a": "b"})
        tags = s3.get_object_tagging(Bucket="bucket", Key="k", VersionId=made["VersionId"])["TagSet"]
        assert tags == [{"Key": "t", "Value": "1"}]
        assert len(s3.list_object_versions(Bucket="bucket")["Versions"]) == 2
        assert "DeleteMarkers" not in s3.list_object_versions(Bucket="bucket")


def test_large_and_multipart_objects_come_back(backend, world):
    s3 = backend.client("s3")
    s3.create_bucket(Bucket="bucket")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="bucket", Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 6_000_000)
    state = world.snapshot()
    s3.complete_multipart_upload(
        Bucket="bucket",
        Key="k",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
    )
    done = world.snapshot()
    world.restore(state)
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")
    world.restore(done)
    assert s3.head_object(Bucket="bucket", Key="k")["ContentLength"] == 6_000_000


def test_log_events_written_later_are_not_in_a_snapshot(backend, world):
    logs = backend.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")

    def write(text):
        event = {"timestamp": world.clock.ms, "message": text}
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])

    write("kept")
    state = world.snapshot()
    for _ in range(2):
        write("later")
        world.restore(state)
        found = logs.filter_log_events(logGroupName="g")["events"]
        assert [event["message"] for event in found] == ["kept"]


def test_parameters_come_back_with_their_versions(backend, world):
    ssm = backend.client("ssm")
    ssm.put_parameter(Name="/a", Value="1", Type="String")
    state = world.snapshot()
    for _ in range(2):
        ssm.put_parameter(Name="/a", Value="2", Type="String", Overwrite=True)
        ssm.put_parameter(Name="/b", Value="1", Type="String")
        world.restore(state)
        assert [one["Value"] for one in ssm.get_parameter_history(Name="/a")["Parameters"]] == ["1"]
        assert ssm.get_parameters(Names=["/a", "/b"])["InvalidParameters"] == ["/b"]
