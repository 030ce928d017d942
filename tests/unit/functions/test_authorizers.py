"""Lambda authorizers in front of APIs."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import CapabilityMissing

ACCOUNT = "123456789012"
ECHO = """
    import json
    def handler(event, context):
        return {"statusCode": 200, "body": json.dumps(event)}
    """
GUARD = """
    calls = []
    def handler(event, context):
        calls.append(event)
        headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
        token = event.get("authorizationToken") or headers["x-token"]
        if token == "unknown":
            raise Exception("Unauthorized")
        if token == "broken":
            raise ValueError("no")
        if token == "odd":
            return {"principalId": "p"}
        resource = event.get("methodArn") or event["routeArn"]
        if token == "elsewhere":
            resource = resource.rpartition("/")[0] + "/other"
        effect = "Deny" if token == "deny" else "Allow"
        statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
        return {
            "principalId": "pat",
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": {"text": "a", "number": 7, "yes": True, "calls": len(calls)},
        }
    """
SIMPLE = """
    def handler(event, context):
        return {"isAuthorized": event["identitySource"] == ["good"], "context": {"who": "pat", "deep": [1]}}
    """


def uri(name):
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"


class Guarded:
    def __init__(self, lab):
        self.lab = lab
        lab.function("echo", ECHO)
        self.guard = lab.function("guard", GUARD)
        for name in ("echo", "guard"):
            self.permit(name)

    def permit(self, name, source="*"):
        self.lab.aws.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{source}",
        )  # fmt: skip

    def rest(self, kind="TOKEN", name="guard", **settings):
        client = self.lab.backend.client("apigateway")
        api = client.create_rest_api(name="api")["id"]
        given = {"identitySource": "method.request.header.X-Token", **settings}
        authorizer = client.create_authorizer(
            restApiId=api, name="a", type=kind, authorizerUri=uri(name), **given
        )["id"]
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        part = client.create_resource(restApiId=api, parentId=root, pathPart="{item}")["id"]
        for method in ("GET", "PUT"):
            place = {"restApiId": api, "resourceId": part, "httpMethod": method}
            client.put_method(**place, authorizationType="CUSTOM", authorizerId=authorizer)
            client.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri("echo"))
        client.create_deployment(restApiId=api, stageName="prod", variables={"color": "red"})
        return f"https://{api}.execute-api.us-east-1.amazonaws.com/prod"

    def http(self, name="guard", sources=("$request.header.X-Token",), version="2.0", **settings):
        client = self.lab.backend.client("apigatewayv2")
        api = client.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        authorizer = client.create_authorizer(
            ApiId=api, Name="a", AuthorizerType="REQUEST", AuthorizerUri=uri(name),
            IdentitySource=list(sources), AuthorizerPayloadFormatVersion=version, **settings,
        )["AuthorizerId"]  # fmt: skip
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:echo"
        target = client.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        client.create_route(
            ApiId=api, RouteKey="GET /{item}", Target=f"integrations/{target}", AuthorizationType="CUSTOM",
            AuthorizerId=authorizer,
        )  # fmt: skip
        client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        return f"https://{api}.execute-api.us-east-1.amazonaws.com"

    def get(self, url, token="", method="GET"):
        headers = {"X-Token": token} if token else {}
        return self.lab.world.http.request(method, url, headers)

    def asked(self, name="guard"):
        return self.lab.events(name)


@pytest.fixture
def apis(lab):
    return Guarded(lab)


@pytest.mark.parametrize("kind", ["TOKEN", "REQUEST"])
def test_a_rest_function_learns_what_the_authorizer_said_as_text(apis, kind):
    answer = apis.get(apis.rest(kind) + "/a", "good")
    assert answer.status == 200
    said = answer.json()["requestContext"]["authorizer"]
    assert said.pop("integrationLatency") >= 0
    assert said == {"principalId": "pat", "text": "a", "number": "7", "yes": "true", "calls": "1"}


def test_a_token_authorizer_gets_the_token_and_the_method(apis):
    url = apis.rest()
    apis.get(url + "/a", "good", method="PUT")
    api = url.split("/")[2].split(".")[0]
    arn = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/prod/PUT/a"
    assert apis.asked() == [{"type": "TOKEN", "methodArn": arn, "authorizationToken": "good"}]


def test_a_request_authorizer_gets_the_request_without_its_body(apis):
    apis.get(apis.rest("REQUEST") + "/a?x=1", "good")
    (event,) = apis.asked()
    assert (event["type"], event["resource"], event["path"]) == ("REQUEST", "/{item}", "/a")
    assert event["queryStringParameters"] == {"x": "1"}
    assert (event["pathParameters"], event["stageVariables"]) == ({"item": "a"}, {"color": "red"})
    assert event["headers"]["X-Token"] == "good"
    assert event["requestContext"]["stage"] == "prod"
    assert "body" not in event


REFUSALS = [
    ("", 401, {"message": "Unauthorized"}),
    ("unknown", 401, {"message": "Unauthorized"}),
    ("deny", 403, {"Message": "User is not authorized to access this resource with an explicit deny"}),
    ("elsewhere", 403, {"Message": "User is not authorized to access this resource"}),
    ("broken", 500, {"message": None}),
    ("odd", 500, {"message": None}),
]


@pytest.mark.parametrize(("token", "status", "said"), REFUSALS)
def test_who_a_rest_api_refuses_never_reaches_the_function(apis, token, status, said):
    answer = apis.get(apis.rest() + "/a", token)
    assert (answer.status, answer.json()) == (status, said)
    assert apis.asked("echo") == []
    assert len(apis.asked()) == (1 if token else 0)


def test_a_token_that_does_not_look_right_is_refused_unasked(apis):
    url = apis.rest(identityValidationExpression="go+d")
    assert apis.get(url + "/a", "bad").status == 401
    assert apis.asked() == []
    assert apis.get(url + "/a", "good").status == 200


def test_all_identity_sources_must_be_there(apis):
    sources = "method.request.header.X-Token, method.request.querystring.q, stageVariables.color"
    url = apis.rest("REQUEST", identitySource=sources)
    assert apis.get(url + "/a", "good").status == 401
    assert apis.get(url + "/a?q=", "good").status == 401
    assert apis.get(url + "/a?q=1", "good").status == 200
    assert len(apis.asked()) == 1


def test_what_was_said_is_kept_for_its_time_on_the_virtual_clock(lab, apis):
    url = apis.rest(authorizerResultTtlInSeconds=60)
    for token in ("good", "good", "fine"):
        assert apis.get(url + "/a", token).status == 200
    assert len(apis.asked()) == 2
    # A kept policy allows what it names, and nothing else.
    assert apis.get(url + "/b", "good").status == 403
    lab.world.advance(59)
    assert apis.get(url + "/b", "good").status == 403
    lab.world.advance(2)
    assert apis.get(url + "/b", "good").status == 200
    assert len(apis.asked()) == 3


@pytest.mark.parametrize(("settings", "asked"), [({}, 1), ({"authorizerResultTtlInSeconds": 0}, 3)])
def test_a_rest_api_keeps_five_minutes_unless_told_otherwise(apis, settings, asked):
    url = apis.rest(**settings)
    for _ in range(3):
        apis.get(url + "/a", "good")
    assert len(apis.asked()) == asked


def test_what_is_kept_is_part_of_a_snapshot(lab, apis):
    url = apis.rest()
    state = lab.world.snapshot()
    apis.get(url + "/a", "good")
    lab.world.restore(state)
    before = len(apis.asked())
    apis.get(url + "/a", "good")
    assert len(apis.asked()) == before + 1


def test_an_authorizer_that_the_gateway_may_not_invoke_is_an_error(lab, apis):
    lab.function("other", GUARD)
    assert apis.get(apis.rest(name="other") + "/a", "good").status == 500
    apis.permit("other", "*/authorizers/*")
    assert apis.get(apis.rest(name="other") + "/a", "good").status == 200


@pytest.mark.parametrize(("token", "status"), [
    ("good", 200), ("deny", 403), ("elsewhere", 403), ("", 401), ("broken", 500), ("odd", 500),
])  # fmt: skip
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_an_http_api_takes_a_policy(apis, version, token, status):
    answer = apis.get(apis.http(version=version) + "/a", token)
    assert answer.status == status
    if status == 200:
        said = answer.json()["requestContext"]["authorizer"]["lambda"]
        assert said == {"principalId": "pat", "text": "a", "number": 7, "yes": True, "calls": 1}
    else:
        words = {403: "Forbidden", 401: "Unauthorized", 500: "Internal Server Error"}
        assert answer.json() == {"message": words[status]}


@pytest.mark.parametrize(("token", "status"), [("good", 200), ("bad", 403), ("", 401)])
def test_an_http_api_takes_a_simple_answer(lab, apis, token, status):
    lab.function("simple", SIMPLE)
    apis.permit("simple")
    answer = apis.get(apis.http("simple", EnableSimpleResponses=True) + "/a", token)
    assert answer.status == status
    if status == 200:
        said = answer.json()["requestContext"]["authorizer"]["lambda"]
        assert said == {"who": "pat", "deep": [1]}


def test_the_events_of_http_authorizers(apis):
    apis.get(apis.http(version="2.0") + "/a?x=1", "good")
    apis.get(apis.http(version="1.0") + "/a?x=1", "good")
    second, first = apis.asked()
    assert (second["version"], second["type"], second["routeKey"]) == ("2.0", "REQUEST", "GET /{item}")
    assert second["identitySource"] == ["good"]
    assert second["routeArn"].endswith("/$default/GET/a")
    assert (second["pathParameters"], second["rawQueryString"]) == ({"item": "a"}, "x=1")
    assert (first["version"], first["type"], first["identitySource"]) == ("1.0", "REQUEST", "good")
    assert first["methodArn"].endswith("/$default/GET/a")


@pytest.mark.parametrize(("settings", "asked"), [({}, 3), ({"AuthorizerResultTtlInSeconds": 60}, 1)])
def test_an_http_api_keeps_only_when_told(apis, settings, asked):
    url = apis.http(**settings)
    for _ in range(3):
        assert apis.get(url + "/a", "good").status == 200
    assert len(apis.asked()) == asked


def test_other_authorizations_are_refused_by_name(lab, apis):
    client = lab.backend.client("apigatewayv2")
    api = client.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
    target = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri("echo"), PayloadFormatVersion="2.0"
    )["IntegrationId"]
    for key, kind in (("GET /iam", "AWS_IAM"), ("GET /jwt", "JWT")):
        client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{target}", AuthorizationType=kind)
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    base = f"https://{api}.execute-api.us-east-1.amazonaws.com"
    for path, kind in (("iam", "AWS_IAM"), ("jwt", "JWT")):
        with pytest.raises(CapabilityMissing, match=f"not emulated: authorization {kind} .*GET /{path}"):
            apis.get(f"{base}/{path}")


def test_the_journal_shows_who_was_asked(lab, apis):
    apis.get(apis.rest() + "/a", "good")
    runs = [entry.target for entry in lab.world.journal.entries(verb="lambda.Run")]
    assert runs == ["guard", "echo"]
    assert json.loads(apis.lab.invocations[0].payload)["type"] == "TOKEN"
