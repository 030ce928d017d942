"""Requests to deployed APIs."""

from __future__ import annotations

import base64
import json

import pytest

from stackproof.errors import CapabilityMissing

ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event), "headers": {"X-Who": "f"}}
"""
ACCOUNT = "123456789012"


class Apis:
    """Makes APIs in front of functions."""

    def __init__(self, lab):
        self.lab = lab
        self.rest_client = lab.backend.client("apigateway")
        self.http_client = lab.backend.client("apigatewayv2")

    def permit(self, name, api="*"):
        self.lab.aws.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/*/*",
        )  # fmt: skip

    def rest(self, name, *places, variables=None, **settings):
        """A REST API with a proxy integration for each (method, path); its base URL."""
        client = self.rest_client
        api = client.create_rest_api(name="api", **settings)["id"]
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
        for method, path in places:
            client.put_method(
                restApiId=api,
                resourceId=self.resource(api, path),
                httpMethod=method,
                authorizationType="NONE",
            )
            client.put_integration(
                restApiId=api, resourceId=self.resource(api, path), httpMethod=method, type="AWS_PROXY",
                integrationHttpMethod="POST",
                uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
            )  # fmt: skip
        client.create_deployment(restApiId=api, stageName="prod", variables=variables or {})
        return f"https://{api}.execute-api.us-east-1.amazonaws.com/prod"

    def resource(self, api, path):
        items = {item["path"]: item["id"] for item in self.rest_client.get_resources(restApiId=api)["items"]}
        if path not in items:
            parent, _, part = path.rpartition("/")
            parent_id = self.resource(api, parent or "/")
            made = self.rest_client.create_resource(restApiId=api, parentId=parent_id, pathPart=part)
            return made["id"]
        return items[path]

    def http(self, name, *keys, version="2.0", stage="$default", variables=None, **settings):
        client = self.http_client
        api = client.create_api(Name="api", ProtocolType="HTTP", **settings)["ApiId"]
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
        integration = client.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion=version
        )["IntegrationId"]
        for key in keys:
            client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")
        client.create_stage(ApiId=api, StageName=stage, AutoDeploy=True, StageVariables=variables or {})
        return f"https://{api}.execute-api.us-east-1.amazonaws.com"


@pytest.fixture
def apis(lab):
    return Apis(lab)


@pytest.fixture
def get(lab):
    return lambda url, **headers: lab.world.http.request("GET", url, headers)


def test_a_rest_event_is_that_of_aws(lab, apis):
    from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel

    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.rest("f", ("ANY", "/items/{id}"), variables={"table": "t"})
    headers = {"X-Twice": "1", "User-Agent": "tests", "Content-Type": "application/json"}
    answer = lab.world.http.request("POST", f"{base}/items/7?a=1&a=2&b=", headers, '{"n": 1}')
    assert (answer.status, answer.header("x-who")) == (200, "f")
    event = answer.json()
    assert event["resource"] == "/items/{id}"
    assert event["path"] == "/items/7"
    assert event["httpMethod"] == "POST"
    assert event["pathParameters"] == {"id": "7"}
    assert event["queryStringParameters"] == {"a": "2", "b": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [""]}
    assert event["multiValueHeaders"]["X-Twice"] == ["1"]
    assert event["stageVariables"] == {"table": "t"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    assert event["requestContext"]["path"] == "/prod/items/7"
    assert event["requestContext"]["stage"] == "prod"
    assert APIGatewayProxyEventModel.model_validate(event).requestContext.identity.userAgent == "tests"


def test_the_most_specific_route_wins(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.rest("f", ("GET", "/a/{id}"), ("GET", "/a/list"), ("ANY", "/{proxy+}"))
    shown = {path: get(base + path).json()["resource"] for path in ("/a/list", "/a/1", "/a/1/b", "/z")}
    assert shown == {"/a/list": "/a/list", "/a/1": "/a/{id}", "/a/1/b": "/{proxy+}", "/z": "/{proxy+}"}
    assert get(f"{base}/x/y/z").json()["pathParameters"] == {"proxy": "x/y/z"}


def test_what_a_rest_api_does_not_have(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.rest("f", ("POST", "/a"))
    assert (get(f"{base}/a").status, get(f"{base}/a").json()) == (
        403,
        {"message": "Missing Authentication Token"},
    )
    assert get(base.replace("/prod", "/test/a")).json() == {"message": "Forbidden"}


def test_without_permission_the_gateway_fails(lab, apis, get):
    lab.function("f", ECHO)
    answer = get(apis.rest("f", ("GET", "/a")) + "/a")
    assert (answer.status, answer.json()) == (500, {"message": "Internal server error"})


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("{}", 502), ("'text'", 502), ("None", 502), ("{'statusCode': 200, 'wrong': 1}", 502),
        ("{'statusCode': 'x'}", 502), ("{'statusCode': 200, 'multiValueHeaders': {'a': 'b'}}", 502),
        ("{'statusCode': 200, 'body': {'a': 1}}", 502), ("{'statusCode': '201'}", 201),
        ("{'statusCode': 204}", 204), ("{'headers': {'a': 'b'}}", 200), ("1 / 0", 502),
    ],
)  # fmt: skip
def test_results_of_rest_integrations(lab, apis, get, result, status):
    lab.function("f", f"def handler(event, context):\n    return {result}\n")
    apis.permit("f")
    answer = get(apis.rest("f", ("GET", "/a")) + "/a")
    assert answer.status == status
    if status == 502:
        assert answer.json() == {"message": "Internal server error"}


def test_headers_of_both_kinds_are_joined(lab, apis, get):
    result = {
        "statusCode": 200,
        "multiValueHeaders": {"test-multi": ["value-multi"]},
        "headers": {"Test-Multi": "value-solo", "flag": True},
    }
    lab.function("f", f"def handler(event, context):\n    return {result!r}\n")
    apis.permit("f")
    answer = get(apis.rest("f", ("GET", "/a")) + "/a")
    assert answer.header("test-multi") == "value-multi, value-solo"
    assert answer.header("flag") == "true"


def test_binary_bodies_of_a_rest_api(lab, apis):
    png = bytes(range(256))
    lab.function(
        "f",
        """
        def handler(event, context):
            assert event["isBase64Encoded"]
            return {"statusCode": 200, "body": event["body"], "isBase64Encoded": True}
        """,
    )
    apis.permit("f")
    base = apis.rest("f", ("POST", "/a"), binaryMediaTypes=["image/png"])
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    assert lab.world.http.request("POST", f"{base}/a", headers, png).body == png
    without = lab.world.http.request("POST", f"{base}/a", {"Content-Type": "image/png"}, png)
    assert without.body == base64.b64encode(png)


SLOW = "import time\ndef handler(event, context):\n    time.sleep(40)\n    return {'statusCode': 200}\n"


def test_a_slow_function_behind_a_rest_api(lab, apis, get):
    lab.function("f", SLOW, Timeout=60)
    apis.permit("f")
    answer = get(apis.rest("f", ("GET", "/a")) + "/a")
    assert (answer.status, answer.json()) == (504, {"message": "Endpoint request timed out"})
    assert lab.world.clock.elapsed == 29
    lab.run()
    assert lab.invocations[0].outcome.error == ""


def test_a_slow_function_behind_an_http_api(lab, apis, get):
    lab.function("f", SLOW, Timeout=60)
    apis.permit("f")
    answer = get(apis.http("f", "GET /a") + "/a")
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


def test_a_throttled_function(lab, apis, get):
    lab.function("f", ECHO)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    apis.permit("f")
    assert get(apis.rest("f", ("GET", "/a")) + "/a").status == 500
    assert get(apis.http("f", "GET /a") + "/a").status == 503


def test_an_http_event_of_version_2(lab, apis):
    from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model

    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.http("f", "POST /items/{id}", variables={"a": "b"})
    headers = {"X-Up": "1", "Cookie": "a=1; b=2", "User-Agent": "tests"}
    event = lab.world.http.request("POST", f"{base}/items/7?a=1&a=2", headers, "text").json()
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /items/{id}")
    assert (event["rawPath"], event["rawQueryString"]) == ("/items/7", "a=1&a=2")
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-up"] == "1"
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["pathParameters"] == {"id": "7"}
    assert event["stageVariables"] == {"a": "b"}
    assert (event["body"], event["isBase64Encoded"]) == ("text", False)
    assert APIGatewayProxyEventV2Model.model_validate(event).requestContext.http.method == "POST"


def test_an_http_event_of_version_1(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f")
    event = get(apis.http("f", "ANY /items/{proxy+}", version="1.0") + "/items/a/b").json()
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/items/{proxy+}", "/items/a/b")
    assert event["pathParameters"] == {"proxy": "a/b"}


def test_routes_of_an_http_api(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.http("f", "GET /a", "ANY /a", "GET /a/{id}", "$default")
    assert get(f"{base}/a").json()["routeKey"] == "GET /a"
    assert lab.world.http.request("PUT", f"{base}/a").json()["routeKey"] == "ANY /a"
    assert get(f"{base}/a/1").json()["routeKey"] == "GET /a/{id}"
    assert get(f"{base}/z/z").json()["routeKey"] == "$default"


def test_a_named_stage_is_part_of_the_path(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.http("f", "GET /a", stage="prod")
    assert get(f"{base}/prod/a").json()["rawPath"] == "/prod/a"
    assert (get(f"{base}/a").status, get(f"{base}/a").json()) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ("'hello'", 200, "hello"), ("{'a': 1}", 200, '{"a": 1}'),
        ("{'statusCode': 201, 'body': 'x'}", 201, "x"),
        ("{'statusCode': 'x'}", 500, '{"message": "Internal Server Error"}'),
        ("1 / 0", 500, '{"message": "Internal Server Error"}'),
    ],
)  # fmt: skip
def test_results_of_version_2(lab, apis, get, result, status, body):
    lab.function("f", f"def handler(event, context):\n    return {result}\n")
    apis.permit("f")
    answer = get(apis.http("f", "GET /a") + "/a")
    assert (answer.status, answer.text) == (status, body)


def test_cookies_of_version_2(lab, apis, get):
    lab.function("f", "def handler(e, c):\n    return {'statusCode': 200, 'cookies': ['a=1', 'b=2']}\n")
    apis.permit("f")
    answer = get(apis.http("f", "GET /a") + "/a")
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]


def test_cors_of_an_http_api(lab, apis):
    lab.function("f", ECHO)
    apis.permit("f")
    cors = {"AllowOrigins": ["https://app.example.com"], "AllowMethods": ["GET"], "MaxAge": 60}
    base = apis.http("f", "GET /a", CorsConfiguration=cors)
    ask = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    answer = lab.world.http.request("OPTIONS", f"{base}/a", ask)
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (204, "https://app.example.com")
    other = lab.world.http.request("GET", f"{base}/a", {"Origin": "https://evil.example.com"})
    assert other.header("Access-Control-Allow-Origin") == ""


def test_a_mock_integration_answers_preflight_requests(lab, apis):
    lab.function("f", ECHO)
    base = apis.rest("f", ("GET", "/a"))
    api = base.split("//")[1].split(".")[0]
    place = {"restApiId": api, "resourceId": apis.resource(api, "/a"), "httpMethod": "OPTIONS"}
    client = apis.rest_client
    client.put_method(**place, authorizationType="NONE")
    client.put_method_response(**place, statusCode="200")
    template = {"application/json": '{"statusCode": 200}'}
    client.put_integration(**place, type="MOCK", requestTemplates=template)
    allowed = {"method.response.header.Access-Control-Allow-Origin": "'*'"}
    client.put_integration_response(
        **place, statusCode="200", responseParameters=allowed, responseTemplates={}
    )
    answer = lab.world.http.request("OPTIONS", f"{base}/a")
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (200, "*")


def test_an_integration_that_is_not_emulated_is_said(lab, apis):
    lab.function("f", ECHO)
    base = apis.rest("f", ("GET", "/a"))
    api = base.split("//")[1].split(".")[0]
    place = {"restApiId": api, "resourceId": apis.resource(api, "/a"), "httpMethod": "PUT"}
    apis.rest_client.put_method(**place, authorizationType="NONE")
    apis.rest_client.put_integration(
        **place, type="HTTP", integrationHttpMethod="POST", uri="https://example.com/"
    )
    with pytest.raises(CapabilityMissing, match="integration type HTTP "):
        lab.world.http.request("PUT", f"{base}/a")


def test_a_function_calls_an_api_with_requests(lab, apis):
    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.http("f", "GET /a")
    lab.function(
        "g",
        """
        import os, requests
        def handler(event, context):
            return requests.get(os.environ["BASE"] + "/a").json()["rawPath"]
        """,
        variables={"BASE": base},
    )
    assert lab.invoke("g").value == "/a"


def test_a_test_uses_requests_too(lab, apis):
    import requests

    lab.function("f", ECHO)
    apis.permit("f")
    assert requests.get(apis.http("f", "GET /a") + "/a", timeout=5).json()["rawPath"] == "/a"


def test_a_function_url(lab):
    lab.function("f", ECHO)
    url = lab.aws.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    lab.aws.add_permission(
        FunctionName="f", StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE",
    )  # fmt: skip
    event = lab.world.http.request("GET", url + "x?y=1").json()
    assert (event["rawPath"], event["routeKey"]) == ("/x", "$default")
    assert json.dumps(event["queryStringParameters"]) == '{"y": "1"}'


def test_a_nearer_path_wins_over_a_nearer_method(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f")
    base = apis.http("f", "ANY /a/list", "GET /a/{id}")
    assert get(f"{base}/a/list").json()["routeKey"] == "ANY /a/list"


def test_a_permission_for_another_api_does_not_count(lab, apis, get):
    lab.function("f", ECHO)
    apis.permit("f", api="another")
    assert get(apis.http("f", "GET /a") + "/a").status == 500


def test_an_integration_with_a_role_needs_no_permission_of_the_function(lab, apis, get):
    lab.function("f", ECHO)
    base = apis.rest("f", ("GET", "/x"))
    assert get(f"{base}/x").status == 500
    api = base.split("/")[2].split(".")[0]
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    apis.rest_client.put_integration(
        restApiId=api, resourceId=apis.resource(api, "/x"), httpMethod="GET", type="AWS_PROXY",
        integrationHttpMethod="POST", credentials=f"arn:aws:iam::{ACCOUNT}:role/gateway",
        uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
    )  # fmt: skip
    assert get(f"{base}/x").status == 200
