"""Presigned URLs and forms of S3: what a browser sends to a bucket, checked as S3 checks it."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config

KEY = {"Bucket": "uploads", "Key": "a folder/ä.txt"}


@pytest.fixture(params=["s3", "s3v4"])
def signer(request, lab):
    """A client of the test's that signs with one of the two versions."""
    lab.s3 = lab.backend.client("s3")
    lab.s3.create_bucket(Bucket="uploads")
    return boto3.client("s3", region_name="us-east-1", config=Config(signature_version=request.param))


def send(lab, method, url, body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lab.world.http.request(method, url, named, body)


def code(answer):
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_an_object_is_put_and_read_by_its_url(lab, signer):
    put = send(lab, "PUT", signer.generate_presigned_url("put_object", Params=KEY), b"hello")
    assert put.status == 200
    assert put.header("ETag") == '"5d41402abc4b2a76b9719d911017c592"'
    got = send(lab, "GET", signer.generate_presigned_url("get_object", Params=KEY))
    assert (got.status, got.body) == (200, b"hello")
    gone = send(lab, "DELETE", signer.generate_presigned_url("delete_object", Params=KEY))
    assert gone.status == 204
    missing = send(lab, "GET", signer.generate_presigned_url("get_object", Params=KEY))
    assert (missing.status, code(missing)) == (404, "NoSuchKey")


def test_what_was_signed_is_what_must_come(lab, signer):
    url = signer.generate_presigned_url("put_object", Params={**KEY, "ContentType": "image/png"})
    assert code(send(lab, "PUT", url, b"x")) == "SignatureDoesNotMatch"
    assert code(send(lab, "PUT", url, b"x", Content_Type="image/gif")) == "SignatureDoesNotMatch"
    assert code(send(lab, "GET", url, Content_Type="image/png")) == "SignatureDoesNotMatch"
    other = url.replace(".txt", ".exe")
    assert code(send(lab, "PUT", other, b"x", Content_Type="image/png")) == "SignatureDoesNotMatch"
    assert send(lab, "PUT", url, b"x", Content_Type="image/png").status == 200
    assert lab.s3.head_object(**KEY)["ContentType"] == "image/png"


def test_a_url_ends_on_the_worlds_clock(lab, signer):
    lab.s3.put_object(**KEY, Body=b"x")
    url = signer.generate_presigned_url("get_object", Params=KEY, ExpiresIn=60)
    lab.world.advance(59)
    assert send(lab, "GET", url).status == 200
    lab.world.advance(1)
    late = send(lab, "GET", url)
    assert (late.status, code(late)) == (403, "AccessDenied")
    assert "Request has expired" in late.text


def test_the_answers_headers_can_be_asked_for(lab, signer):
    lab.s3.put_object(**KEY, Body=b"x")
    wanted = {**KEY, "ResponseContentDisposition": 'attachment; filename="a b.txt"'}
    got = send(lab, "GET", signer.generate_presigned_url("get_object", Params=wanted))
    assert got.header("Content-Disposition") == 'attachment; filename="a b.txt"'


def test_a_url_without_a_signature_is_nobodys(lab, signer):
    from stackproof.errors import UsageError

    with pytest.raises(UsageError, match="which nothing declares"):
        send(lab, "GET", "https://uploads.s3.amazonaws.com/x")


@pytest.mark.parametrize("library", ["urllib.request", "requests", "httpx"])
def test_a_function_uses_its_own_url(lab, signer, library):
    use = {
        "urllib.request": "urllib.request.urlopen(urllib.request.Request(u, b'up', h, method='PUT')).status",
        "requests": "requests.put(u, data=b'up', headers=h).status_code",
        "httpx": "httpx.put(u, content=b'up', headers=h).status_code",
    }[library]
    name = lab.function(
        "f",
        f"""
        import boto3, {library}
        def handler(event, context):
            h = {{"Content-Type": "text/plain"}}
            where = {{"Bucket": "uploads", "Key": "k", "ContentType": "text/plain"}}
            u = boto3.client("s3").generate_presigned_url("put_object", Params=where)
            return {use}
        """,
    )
    assert lab.invoke(name).value == 200
    assert lab.s3.get_object(Bucket="uploads", Key="k")["Body"].read() == b"up"


def test_a_test_may_use_any_client(lab, signer):
    import urllib.request

    url = signer.generate_presigned_url("put_object", Params={**KEY, "ContentType": "text/plain"})
    sent = urllib.request.Request(url, b"mine", {"Content-Type": "text/plain"}, method="PUT")
    with urllib.request.urlopen(sent) as answer:
        assert answer.status == 200
    assert lab.s3.get_object(**KEY)["Body"].read() == b"mine"


def form(given, name, data):
    lines = [f'--B\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in given.items()]
    file = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return "".join([*lines, file]).encode() + data + b"\r\n--B--\r\n"


def test_a_form_is_taken_as_its_policy_says(lab, signer):
    conditions = [["content-length-range", 2, 5], {"Content-Type": "text/plain"}]
    made = signer.generate_presigned_post(
        "uploads", "in/${filename}", Fields={"Content-Type": "text/plain"}, Conditions=conditions
    )

    def post(name="a.txt", data=b"four", **changed):
        body = form({**made["fields"], **changed}, name, data)
        return send(lab, "POST", made["url"], body, Content_Type="multipart/form-data; boundary=B")

    assert post().status == 204
    found = lab.s3.get_object(Bucket="uploads", Key="in/a.txt")
    assert (found["Body"].read(), found["ContentType"]) == (b"four", "text/plain")
    assert code(post(data=b"123456")) == "EntityTooLarge"
    assert code(post(data=b"1")) == "EntityTooSmall"
    assert code(post(key="out/a.txt")) == "AccessDenied"
    assert code(post(policy="e30=")) == "SignatureDoesNotMatch"
    lab.world.advance(3600)
    assert "Policy expired" in post().text


def test_what_arrives_by_a_url_is_told_to_who_listens(lab, signer):
    queue = lab.sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = lab.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    lab.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:Put"]}]}
    lab.s3.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration=wanted)
    lab.world.run_until_idle()
    lab.sqs.purge_queue(QueueUrl=queue)
    send(lab, "PUT", signer.generate_presigned_url("put_object", Params=KEY), b"hello")
    lab.world.run_until_idle()
    (message,) = lab.sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"] == "a+folder/%C3%A4.txt"
