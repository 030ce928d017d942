"""What was asked of REST APIs in front of functions.

The recorded APIs were edge-optimised: CloudFront stood before the gateway and added headers to requests and
answers. The fabric has no CloudFront, so those headers (``EDGE``, ``HOP``) are added here; all others are its
own. Values that the recording hides by a literal text are hidden likewise, once they are there.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import functions
from stage import Mismatch, Stage, scenario

SOURCE = "apigateway-lambda"
ECHO = """
import json

def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event), "isBase64Encoded": False}
"""
AS_ASKED = """
import json

def handler(event, context):
    return json.loads(event["body"] or "{}")
"""
EDGE = {
    "CloudFront-Forwarded-Proto": "https", "CloudFront-Is-Desktop-Viewer": "true",
    "CloudFront-Is-Mobile-Viewer": "false", "CloudFront-Is-SmartTV-Viewer": "false",
    "CloudFront-Is-Tablet-Viewer": "false", "CloudFront-Viewer-ASN": "asn",
    "CloudFront-Viewer-Country": "country",
}  # fmt: skip
HIDDEN = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")
CLIENT = {"Accept-Encoding": "gzip, deflate", "Accept": "*/*", "Connection": "keep-alive"}
"""What the client of the recordings, python-requests, sends by itself."""


class Api:
    """A REST API with a proxy integration at each path; ``call`` makes a request to it."""

    def __init__(self, s: Stage, code: str, *paths: str, stage: str, **settings: Any) -> None:
        self._s = s
        client = s.backend.client("apigateway")
        arn = functions.create(s, code)["FunctionArn"]
        self.id = client.create_rest_api(name="api")["id"]
        root = client.get_resources(restApiId=self.id)["items"][0]["id"]
        given = {"integrationHttpMethod": "POST", **settings}
        for path in paths:
            resource = client.create_resource(restApiId=self.id, parentId=root, pathPart=path)["id"]
            place = {"restApiId": self.id, "resourceId": resource, "httpMethod": "ANY"}
            client.put_method(**place, authorizationType="NONE")
            client.put_integration(
                **place, type="AWS_PROXY", credentials=functions.ROLE,
                uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
                **given,
            )  # fmt: skip
        client.create_deployment(restApiId=self.id, stageName=stage)
        self.host = f"https://{self.id}.execute-api.us-east-1.amazonaws.com"
        self.base = f"{self.host}/{stage}"

    def call(self, method: str, url: str, body: str = "", status: int = 200, **headers: str) -> Any:
        sent = CLIENT | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._s.world.http.request(method, url, sent, body)
        if answer.status != status:
            raise Mismatch(f"{method} {url}: AWS {status}, here {answer.status} {answer.text}")
        return answer


def seen(event: dict[str, Any]) -> dict[str, Any]:
    """An event as it is behind CloudFront, with the hidden values hidden."""
    request = event["requestContext"]["requestId"]
    added = EDGE | {"Via": f"via {request}", "X-Amz-Cf-Id": f"id {request}"}
    for name in HIDDEN:
        if not event["headers"][name] or event["multiValueHeaders"][name] != [event["headers"][name]]:
            raise Mismatch(f"the header {name} is missing")
    hidden = {name: f"<{name}>" for name in HIDDEN}
    event["headers"] |= added | hidden
    event["multiValueHeaders"] |= {name: [value] for name, value in added.items()} | hidden
    return event


@scenario(SOURCE, "test_lambda_aws_proxy_integration")
def what_a_proxied_function_is_told(s: Stage) -> None:
    api = Api(s, ECHO, "{proxy+}", "hardcoded", stage="stage")

    def get(key: str, url: str) -> None:
        headers = {"User_Agent": "python-requests/testing", "tEsT_HEADeR": "aValUE"}
        answer = api.call("GET", url, authorization="random-value", **headers)
        s.match(f"invocation-{key}", seen(answer.json()))

    place = f"{api.base}/proxy-value"
    get("payload-without-trailing-slash", place)
    get("payload-with-trailing-slash", f"{place}/")
    get("payload-with-double-slash", f"{place}//double-slash")
    get("payload-with-prepended-slash-to-stage", f"{api.host}//stage/proxy-value")
    get("payload-with-prepended-slash", f"{api.base}//proxy-value")
    get("payload-without-trailing-slash-and-query-params", f"{place}?urlparam=test")
    get("payload-with-trailing-slash-and-query-params", f"{place}/?urlparam=test")
    mails = "user/test%2Balias@gmail.com/plus/test+alias@gmail.com"
    get("payload-with-path-encoded-email", f"{place}/api/{mails}")
    query = (
        "dateTimeOffset=2023-06-12T18:05:10.123456+00:00&email=test%2Balias@gmail.com&plus=test+alias@gmail.com"
        "&url=https://www.google.com/&whitespace=foo%20bar&zhash=abort/#&ignored=behind-the-hash"
    )
    get("payload-with-params-encoding", f"{place}/api?{query}")
    headers = {"Content_Type": "application/json;charset=utf-8", "User_Agent": "python-requests/testing"}
    answer = api.call(
        "POST", f"{place}?category=electronics&category=books&price=10&price=20&price=30",
        '{"message": "hello world"}', aUThorization="Bearer token123;API key456", **headers,
    )  # fmt: skip
    s.match("invocation-payload-with-params-encoding-multi", seen(answer.json()))
    get("hardcoded", f"{api.base}//hardcoded")


@scenario(SOURCE, "test_lambda_aws_proxy_integration_non_post_method")
def functions_are_invoked_by_post_only(s: Stage) -> None:
    api = Api(s, ECHO, "{proxy+}", stage="test", integrationHttpMethod="GET")
    answer = api.call("GET", f"{api.base}/test-path", status=500)
    s.match("invocation-payload-with-get-proxy-method", answer.json())


@scenario(SOURCE, "test_lambda_aws_proxy_integration_request_data_mapping")
def a_proxy_maps_no_parameters(s: Stage) -> None:
    mapped = {
        "integration.request.header.headerVar": "method.request.header.foobar",
        "integration.request.path.pathVar": "method.request.path.pathVariable",
        "integration.request.querystring.queryString": "method.request.querystring.testQueryString",
    }
    api = Api(s, ECHO, "{pathVariable}", stage="test", requestParameters=mapped)
    s.match("api_id", {"rest_api_id": api.id})
    headers = {
        "Content_Type": "application/json", "Accept": "application/json", "foobar": "mapped-value",
        "user_Agent": "test/integration", "headerVar": "request-value",
    }  # fmt: skip
    url = f"{api.base}/foobar?testQueryString=foo&testVar=bar"
    answer = api.call("POST", url, '{"message": "hello world"}', **headers)
    event = {"content": seen(answer.json()), "status_code": answer.status}
    s.match("http-proxy-invocation-data-mapping", event)


B64 = base64.b64encode(b"test-data").decode()
SOLO = {"statusCode": 200, "headers": {"test-multi": "value-solo"}}
OK = {"statusCode": 200}
ANSWERS: tuple[tuple[str, Any, int, bool], ...] = (
    ("no-body", OK, 200, False),
    ("with-headers", OK | {"headers": {"test-header": "value", "header-bool": True}}, 200, True),
    ("with-headers-null", OK | {"headers": None}, 200, True),
    ("wrong-format", OK | {"wrongValue": "value"}, 502, False),
    ("empty-response", {}, 502, False),
    ("b64-encoded-true", OK | {"body": B64, "isBase64Encoded": True}, 200, False),
    ("b64-encoded-false", OK | {"body": B64}, 200, False),
    ("multi-headers-valid", OK | {"multiValueHeaders": {"test-multi": ["value1", "value2"]}}, 200, True),
    ("multi-headers-overwrite", SOLO | {"multiValueHeaders": {"test-multi": ["value-multi"]}}, 200, True),
    (
        "multi-headers-overwrite-casing",
        SOLO | {"multiValueHeaders": {"tesT-Multi": ["value-multi"]}}, 200, True,
    ),
    ("multi-headers-invalid", OK | {"multiValueHeaders": {"test-multi-invalid": "value1"}}, 502, False),
    ("invalid-status-code", {"statusCode": "test"}, 502, False),
    ("status-code-str", {"statusCode": "201"}, 201, False),
    ("just-string", "justAString", 502, False),
    ("only-headers", {"headers": {"test-header": "value"}}, 200, False),
)  # fmt: skip
"""Name, what the function returns, the status that comes of it, whether headers are recorded."""


@scenario(SOURCE, "test_aws_proxy_response_payload_format_validation")
def what_a_proxied_function_may_answer(s: Stage) -> None:
    api = Api(s, AS_ASKED, "{proxy+}", stage="test")
    for name, result, status, with_headers in ANSWERS:
        body = json.dumps(result) if result else ""
        answer = api.call("POST", f"{api.base}/test", body, status=status)
        shown: dict[str, Any] = {"content": _content(answer.text)}
        if with_headers:
            shown["headers"] = _behind_the_edge(answer)
        s.match(f"invoke-api-{name}", shown)


def _content(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _behind_the_edge(answer: Any) -> dict[str, str]:
    """The headers of an answer with those of CloudFront and of the connection."""
    found = {name: answer.header(name) for name, _ in answer.headers}
    request = found["x-amzn-RequestId"]
    return found | {
        "Connection": "keep-alive", "Content-Length": str(len(answer.body)), "Date": "<date>",
        "Via": f"via {request}", "X-Amz-Cf-Id": f"id {request}", "X-Amz-Cf-Pop": "pop", "X-Cache": "cache",
    }  # fmt: skip
