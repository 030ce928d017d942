"""Function URLs: who gets in, and what comes back."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import CapabilityMissing

ECHO = """
import json
def handler(event, context):
    if event["rawPath"] == "/broken":
        raise RuntimeError("broken")
    return {"statusCode": 201, "body": json.dumps(event), "headers": {"X-Who": "f"}}
"""
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
TRUST = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def url(lab):
    """``url("AWS_IAM")``: the address of an echoing function."""

    def make(kind, **settings):
        lab.function("f", ECHO)
        return lab.aws.create_function_url_config(FunctionName="f", AuthType=kind, **settings)["FunctionUrl"]

    return make


def permit(lab, kind, principal="*", name="f"):
    lab.aws.add_permission(
        FunctionName=name, StatementId="in", Action="lambda:InvokeFunctionUrl", Principal=principal,
        FunctionUrlAuthType=kind,
    )  # fmt: skip


def role(lab, name, effect="Allow", resource=FUNCTION, action="lambda:InvokeFunctionUrl"):
    iam = lab.backend.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    return made


def test_everybody_needs_a_statement_that_lets_everybody_in(lab, url):
    address = url("NONE")
    assert lab.world.http.request("GET", address).status == 403
    permit(lab, "AWS_IAM")
    assert lab.world.http.request("GET", address).status == 403
    lab.aws.remove_permission(FunctionName="f", StatementId="in")
    permit(lab, "NONE")
    answer = lab.world.http.request("GET", address + "a/b?x=1&x=2")
    event = answer.json()
    assert answer.status == 201
    assert (event["rawPath"], event["queryStringParameters"]) == ("/a/b", {"x": "1,2"})
    assert event["requestContext"]["accountId"] == "anonymous"
    assert "authorizer" not in event["requestContext"]


def test_an_unsigned_request_does_not_get_into_a_url_of_iam(lab, url):
    address = url("AWS_IAM")
    permit(lab, "AWS_IAM")
    assert lab.world.http.request("GET", address).status == 403
    assert not lab.invocations


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 201),
        ({"action": "lambda:Invoke*"}, 201),
        ({"resource": "*"}, 201),
        ({"resource": FUNCTION + "-other"}, 403),
        ({"action": "lambda:InvokeFunction"}, 403),
        ({"effect": "Deny"}, 403),
    ],
)
def test_a_role_gets_in_by_its_own_policy(settings, status, lab, url):
    address = url("AWS_IAM")
    arn = role(lab, "caller", **settings)
    assert lab.world.http.request("POST", address, identity=arn).status == status


def test_the_functions_policy_lets_a_role_in_and_another_account(lab, url):
    address = url("AWS_IAM")
    arn = role(lab, "caller", resource="arn:aws:lambda:us-east-1:1:function:none")
    assert lab.world.http.request("GET", address, identity=arn).status == 403
    permit(lab, "AWS_IAM", arn)
    event = lab.world.http.request("GET", address, identity=arn).json()
    assert event["requestContext"]["authorizer"]["iam"]["userArn"] == arn
    assert event["requestContext"]["accountId"] == ACCOUNT
    stranger = "arn:aws:iam::210987654321:root"
    assert lab.world.http.request("GET", address, identity=stranger).status == 403
    lab.aws.remove_permission(FunctionName="f", StatementId="in")
    permit(lab, "AWS_IAM", "210987654321")
    assert lab.world.http.request("GET", address, identity=stranger).status == 201


def test_a_function_that_signs_calls_as_its_role(lab, url):
    address = url("AWS_IAM")
    lab.function(
        "g",
        """
        import os, urllib.request, urllib.error
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import Session
        def handler(event, context):
            request = AWSRequest("GET", os.environ["URL"])
            SigV4Auth(Session().get_credentials(), "lambda", "us-east-1").add_auth(request)
            try:
                return urllib.request.urlopen(
                    urllib.request.Request(os.environ["URL"], headers=dict(request.headers))).status
            except urllib.error.HTTPError as error:
                return error.code
        """,
        variables={"URL": address},
    )
    assert lab.invoke("g").value == 403
    role(lab, "runs-functions")
    assert lab.invoke("g").value == 201


def test_errors_and_throttles_as_the_service_answers_them(lab, url):
    address = url("NONE")
    permit(lab, "NONE")
    assert lab.world.http.request("GET", address + "broken").status == 502
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert lab.world.http.request("GET", address).status == 429


def test_preflights_are_answered_without_the_function(lab, url):
    cors = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["POST"], "MaxAge": 60}
    address = url("NONE", Cors=cors)
    permit(lab, "NONE")
    ask = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = lab.world.http.request("OPTIONS", address, ask)
    assert (answer.status, answer.header("Access-Control-Allow-Methods")) == (200, "POST")
    assert not lab.invocations
    assert lab.world.http.request("POST", address, ask).header("Access-Control-Allow-Origin") == ask["Origin"]
    stranger = {**ask, "Origin": "https://other.example"}
    assert not lab.world.http.request("POST", address, stranger).header("Access-Control-Allow-Origin")


def test_streamed_answers_are_refused_by_name(lab, url):
    address = url("NONE", InvokeMode="RESPONSE_STREAM")
    permit(lab, "NONE")
    with pytest.raises(CapabilityMissing, match="RESPONSE_STREAM"):
        lab.world.http.request("GET", address)
