"""Calls of AWS that nobody here emulates: said by name, and answered by a double of the endpoint."""

from __future__ import annotations

import pytest

from stackproof.errors import CallNotEmulated, NotEmulated

TRANSLATOR = """
    import boto3
    def handler(event, context):
        client = boto3.client("translate")
        languages = {"SourceLanguageCode": "en", "TargetLanguageCode": "de"}
        try:
            return client.translate_text(Text="cheese", **languages)["TranslatedText"]
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    """
ENDPOINT = "https://translate.us-east-1.amazonaws.com"


def test_a_call_that_nobody_emulates_is_named_also_when_the_handler_swallows_it(lab):
    name = lab.function("t", TRANSLATOR)
    said = lab.invoke(name).value
    assert said.startswith("CallNotEmulated: not emulated: translate.TranslateText")
    assert f'fabric.http.double("{ENDPOINT}"' in said
    assert [one.partition(" (")[0] for one in lab.backend.missing] == [
        "t: not emulated: translate.TranslateText"
    ]


def test_a_double_of_the_endpoint_answers_it(lab):
    double = lab.world.http.double(ENDPOINT, {"TranslatedText": "Käse"})
    assert lab.invoke(lab.function("t", TRANSLATOR)).value == "Käse"
    assert double.requests[0].json()["Text"] == "cheese"
    assert double.requests[0].header("X-Amz-Target").endswith("TranslateText")
    assert not lab.backend.missing


def test_the_error_of_a_double_is_the_error_of_aws(lab):
    from stackproof.fabric.http import Response

    refusal = Response(400, b'{"__type": "ThrottlingException", "message": "slow"}')
    lab.world.http.double(ENDPOINT, refusal)
    assert lab.invoke(lab.function("t", TRANSLATOR)).value.startswith(
        "ClientError: An error occurred (ThrottlingException)"
    )


def test_an_operation_that_a_known_service_lacks_is_named_to_the_test_as_well(lab):
    with pytest.raises(CallNotEmulated, match=r"codepipeline\.AcknowledgeJob"):
        lab.backend.client("codepipeline").acknowledge_job(jobId="0" * 36, nonce="n")
    assert issubclass(CallNotEmulated, NotEmulated)
    assert not lab.backend.missing  # the test has seen it


def test_what_is_not_there_is_an_answer(lab):
    """A HEAD has no body: its 404 says that the object is missing, not that S3 is."""
    from botocore.exceptions import ClientError

    lab.backend.client("s3").create_bucket(Bucket="bucket")
    with pytest.raises(ClientError) as caught:
        lab.backend.client("s3").head_object(Bucket="bucket", Key="nothing")
    assert caught.value.response["Error"]["Code"] == "404"


def test_what_motos_parser_cannot_read_is_named(lab):
    client = lab.backend.client("dynamodb")
    key = {"AttributeName": "id"}
    client.create_table(
        TableName="T",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        KeySchema=[{**key, "KeyType": "HASH"}],
    )
    client.execute_statement(Statement="INSERT INTO T VALUE {'id': '1', 'n': 5}")
    assert client.execute_statement(Statement="SELECT n FROM T")["Items"] == [{"n": {"N": "5"}}]
    with pytest.raises(CallNotEmulated, match=r"dynamodb\.ExecuteStatement \(moto cannot read"):
        client.execute_statement(Statement="UPDATE T SET n = 6 WHERE id = '1'")
