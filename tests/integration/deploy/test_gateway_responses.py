"""What a REST API itself answers is what its gateway responses say."""

from __future__ import annotations

import pytest

SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Auth:
        Authorizers:
          Guard: {FunctionArn: !GetAtt Guard.Arn}
      GatewayResponses:
        %s
  Guard:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context):
            if event['authorizationToken'] == 'broken':
                raise ValueError
            effect = 'Allow' if event['authorizationToken'] == 'good' else 'Deny'
            statement = {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': '*'}
            policy = {'Version': '2012-10-17', 'Statement': [statement]}
            return {'principalId': 'pat', 'policyDocument': policy}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import time
        def handler(event, context):
            what = (event['queryStringParameters'] or {}).get('what')
            if what == 'raise':
                raise ValueError
            if what == 'slow':
                time.sleep(40)
            return {'statusCode': 404, 'body': 'mine', 'headers': {'X-Own': 'kept'}}
      Timeout: 60
      Events:
        Get: {Type: Api, Properties: {Path: /items, Method: get, RestApiId: !Ref Api}}
        Guarded:
          Type: Api
          Properties: {Path: /guarded, Method: get, RestApiId: !Ref Api, Auth: {Authorizer: Guard}}
"""
DEFAULTS = """
        DEFAULT_4XX:
          ResponseParameters: {Headers: {Access-Control-Allow-Origin: "'*'"}}
        DEFAULT_5XX:
          StatusCode: 599
          ResponseParameters: {Headers: {X-Path: context.path, X-Asked: method.request.header.X-Ask}}
          ResponseTemplates:
            application/json: '{"what": "$context.error.responseType", "said": $context.error.messageString}'
        UNAUTHORIZED:
          StatusCode: 418
          ResponseTemplates:
            application/json: '{"no": "${context.error.message}", "at": "$context.stage", "#set": "$input"}'
            text/plain: 'go away'
"""


@pytest.fixture
def get(stack, fabric):
    made = stack(SAM % DEFAULTS.strip(), require="emulated")

    def ask(path, **headers):
        return fabric.request("GET", made.url("Api") + path, headers=headers)

    return ask


def test_a_default_holds_for_every_answer_of_its_class(get):
    for path, headers, text in (
        ("/nowhere", {}, '{"message":"Missing Authentication Token"}'),
        ("/guarded", {"Authorization": "bad"}, '"message":"User is not authorized to access this resource'),
    ):
        answer = get(path, **headers)
        assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (403, "*")
        assert text in answer.text


def test_a_type_of_its_own_comes_before_the_default(get):
    answer = get("/guarded")
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (418, "")
    assert answer.json() == {"no": "Unauthorized", "at": "live", "#set": "$input"}
    plain = get("/guarded", Accept="text/plain, */*")
    assert (plain.text, plain.header("Content-Type")) == ("go away", "text/plain")


@pytest.mark.parametrize(("path", "headers", "kind", "said"), [
    ("/items?what=raise", {}, "INTEGRATION_FAILURE", "Internal server error"),
    ("/items?what=slow", {}, "INTEGRATION_TIMEOUT", "Endpoint request timed out"),
    ("/guarded", {"Authorization": "broken"}, "AUTHORIZER_CONFIGURATION_ERROR", None),
])  # fmt: skip
def test_failures_have_status_headers_and_body_as_asked(get, path, headers, kind, said):
    answer = get(path, **headers, **{"X-Ask": "me"})
    assert (answer.status, answer.json()) == (599, {"what": kind, "said": said})
    assert answer.header("X-Path") == f"/live{path.partition('?')[0]}"
    assert answer.header("X-Asked") == "me"


def test_what_the_function_answers_is_left_alone(get):
    answer = get("/items")
    assert (answer.status, answer.text, answer.header("X-Own")) == (404, "mine", "kept")
    assert answer.header("Access-Control-Allow-Origin") == ""
    assert get("/guarded", Authorization="good").status == 404


def test_another_definition_takes_their_place(stack, fabric):
    made = stack(SAM % DEFAULTS.strip())
    assert fabric.request("GET", made.url("Api") + "/guarded").status == 418
    made.update(SAM % "{DEFAULT_4XX: {StatusCode: 444}}")
    assert fabric.request("GET", made.url("Api") + "/guarded").status == 444


def single(**properties):
    uri = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/none/invocations"}
    place = {"RestApiId": {"Ref": "Api"}}
    method = {
        **place, "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "HttpMethod": "GET",
        "AuthorizationType": "NONE",
        "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri},
    }  # fmt: skip
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "one"}},
        "Method": {"Type": "AWS::ApiGateway::Method", "Properties": method},
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment", "DependsOn": "Method",
            "Properties": {**place, "StageName": "v1"},
        },
    }  # fmt: skip
    if properties:
        given = {**place, "ResponseType": "MISSING_AUTHENTICATION_TOKEN", **properties}
        resources["Own"] = {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": given}
    return {"Resources": resources}


def test_a_resource_is_made_changed_and_taken_away(stack, fabric):
    made = stack(single(StatusCode="404"), name="one")
    assert made["Own"].verdict.level.value == "emulated"
    url = f"https://{made['Api'].physical_id}.execute-api.us-east-1.amazonaws.com/v1/nowhere"
    assert fabric.request("GET", url).status == 404
    made.update(single(StatusCode="410", ResponseTemplates={"application/json": "gone"}))
    answer = fabric.request("GET", url)
    assert (answer.status, answer.text) == (410, "gone")
    made.update(single())
    assert fabric.request("GET", url).status == 403


def test_a_variable_that_has_no_value_here_is_named(stack):
    template = {"application/json": '{"why": "$context.error.validationErrorString"}'}
    made = stack(single(ResponseTemplates=template), name="one")
    assert made["Own"].verdict.level.value == "partial"
