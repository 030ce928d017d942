"""The hooks into moto's IAM, its copies, S3's objects and signals still are where they are expected."""

from __future__ import annotations

import json
import signal

from stackproof.backends.compat import copies, iam


def test_motos_iam_has_the_hooks() -> None:
    from moto.iam.models import AWSManagedPolicy, IAMBackend
    from moto.iam.policy_validation import IAMPolicyDocumentValidator

    for name in iam._NAMED_BY:
        method = getattr(IAMBackend, name)
        original = getattr(method, "__wrapped__", method)
        assert original.__code__.co_varnames[1] == "policy_arn"
    assert callable(IAMPolicyDocumentValidator._validate_version)
    assert callable(AWSManagedPolicy.from_data)


def test_motos_iam_loads_a_managed_policy_when_it_is_named(lone_backend) -> None:
    client = lone_backend.client("iam")
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    assert client.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == "AWSLambdaBasicExecutionRole"
    document = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
    assert client.create_policy(PolicyName="without-version", PolicyDocument=document)["Policy"]["Arn"]


def test_motos_state_has_the_containers_that_copies_share(lone_backend) -> None:
    from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
    from moto.dynamodb.models.table import Table
    from moto.logs.models import logs_backends
    from moto.s3.models import FakeKey, s3_backends
    from moto.ssm.models import ssm_backends

    assert callable(DynamoDBBackend.update_item)
    assert callable(Table.get_item)
    holders = (dynamodb_backends, s3_backends, logs_backends, ssm_backends)
    assert {holder.service_name for holder in holders} == set(copies._FILLS)
    lone_backend.client("s3").create_bucket(Bucket="bucket")
    lone_backend.client("s3").put_object(Bucket="bucket", Key="k", Body=b"x")
    stored = s3_backends[lone_backend.account]["aws"].buckets["bucket"].keys["k"]
    assert isinstance(stored, FakeKey)
    assert {"_value_buffer", "_metadata", "lock", "disposed", "multipart"} <= vars(stored).keys()
    lone_backend.client("logs").create_log_group(logGroupName="g")
    lone_backend.client("logs").create_log_stream(logGroupName="g", logStreamName="s")
    group = logs_backends[lone_backend.account]["us-east-1"].groups["g"]
    assert group.streams["s"].events == []
    assert isinstance(ssm_backends[lone_backend.account]["us-east-1"]._parameters, dict)


def test_handlers_of_the_main_thread_stay_with_the_process(lone_backend) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    signal.signal(signal.SIGUSR1, before)


def test_tempfile_has_what_environments_keep_apart() -> None:
    import bz2
    import random
    import tarfile
    import tempfile

    assert {"tempdir", "_name_sequence", "_TemporaryFileCloser"} <= vars(tempfile).keys()
    assert callable(tarfile.bltn_open)
    assert callable(bz2._builtin_open)
    assert random.Random.seed.__code__.co_varnames[:3] == ("self", "a", "version")


def test_httpx_and_aiohttp_have_the_hooks() -> None:
    import aiohttp.connector
    import httpx
    from aiohttp.client_proto import ResponseHandler

    assert callable(httpx.HTTPTransport.handle_request)
    assert callable(httpx.AsyncHTTPTransport.handle_async_request)
    assert callable(aiohttp.connector.TCPConnector._create_connection)
    assert {"set_exception", "connection_lost", "data_received"} <= set(dir(ResponseHandler))
