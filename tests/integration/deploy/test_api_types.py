"""APIs, REST and HTTP, from definitions and from single resources: requests arrive, updates take effect."""

from __future__ import annotations

import json

import pytest

CODE = (
    "import json\n"
    "def handler(event, context):\n"
    "    path = event.get('rawPath') or event['path']\n"
    "    return {'statusCode': 200, 'body': json.dumps({'path': path, 'event': sorted(event)})}\n"
)
SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import json
        def handler(event, context):
            return {'statusCode': 200, 'body': json.dumps(event)}
      Events:
        Get: {Type: %s, Properties: {Path: "/items/{id}", Method: get}}
        %s
"""


def test_a_rest_api_of_sam_answers_and_its_next_version_does_too(stack, fabric):
    made = stack(SAM % ("Api", ""), require="emulated")
    base = made.url("ServerlessRestApi", "Prod")
    answer = fabric.request("GET", f"{base}/items/7?verbose=1")
    event = answer.json()
    assert answer.status == 200
    assert event["pathParameters"] == {"id": "7"}
    assert event["requestContext"]["stage"] == "Prod"
    assert fabric.request("POST", f"{base}/items", json={"a": 1}).status == 403
    deployment = made["ServerlessRestApiProdStage"].properties["DeploymentId"]
    made.update(SAM % ("Api", 'Post: {Type: Api, Properties: {Path: "/items", Method: post}}'))
    assert made["ServerlessRestApiProdStage"].properties["DeploymentId"] != deployment
    assert json.loads(fabric.request("POST", f"{base}/items", json={"a": 1}).json()["body"]) == {"a": 1}
    assert fabric.request("GET", f"{base}/items/7").status == 200
    made.delete()
    with pytest.raises(ConnectionError):
        fabric.request("GET", f"{base}/items/7")


def test_an_http_api_of_sam_answers_with_payload_2(stack, fabric):
    made = stack(SAM % ("HttpApi", ""), require="emulated")
    base = made.url("ServerlessHttpApi")
    event = fabric.request("GET", f"{base}/items/7").json()
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /items/{id}"
    made.update(SAM % ("HttpApi", "Any: {Type: HttpApi}"))
    assert fabric.request("PUT", f"{base}/elsewhere").json()["routeKey"] == "$default"


def test_a_rest_api_of_single_resources(stack, fabric, function):
    api = {"Ref": "Api"}
    uri = {
        "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
        "${Function.Arn}/invocations"
    }
    function["Function"]["Properties"]["Code"] = {"ZipFile": CODE}
    resources = {
        **function,
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orders"}},
        "Path": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {
                "RestApiId": api,
                "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "PathPart": "orders",
            },
        },
        "Method": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": api,
                "ResourceId": {"Ref": "Path"},
                "HttpMethod": "GET",
                "AuthorizationType": "NONE",
                "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri},
            },
        },
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": "Method",
            "Properties": {"RestApiId": api, "StageName": "live"},
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com",
            },
        },
    }
    made = stack({"Resources": resources}, require="emulated")
    assert fabric.request("GET", made.url("Api", "live") + "/orders").json()["path"] == "/orders"
    made.delete()
    assert made.client("apigateway").get_rest_apis()["items"] == []


def test_an_http_api_of_single_resources(stack, fabric, function):
    api = {"Ref": "Api"}
    function["Function"]["Properties"]["Code"] = {"ZipFile": CODE}
    resources = {
        **function,
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "orders", "ProtocolType": "HTTP"}},
        "Link": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": api,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": {"Fn::GetAtt": ["Function", "Arn"]},
                "PayloadFormatVersion": "2.0",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": api,
                "RouteKey": "GET /orders",
                "Target": {"Fn::Sub": "integrations/${Link}"},
            },
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": api, "StageName": "$default", "AutoDeploy": True},
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com",
            },
        },
    }
    made = stack({"Resources": resources}, require="emulated")
    assert fabric.request("GET", made.url("Api") + "/orders").json()["path"] == "/orders"
    resources["Route"]["Properties"]["RouteKey"] = "GET /moved"
    made.update({"Resources": resources})
    assert fabric.request("GET", made.url("Api") + "/orders").status == 404
    assert fabric.request("GET", made.url("Api") + "/moved").status == 200


def test_a_function_url_answers(stack, fabric, function):
    url = {"TargetFunctionArn": {"Fn::GetAtt": ["Function", "Arn"]}, "AuthType": "NONE"}
    anybody = {
        "FunctionName": {"Ref": "Function"},
        "Action": "lambda:InvokeFunctionUrl",
        "Principal": "*",
        "FunctionUrlAuthType": "NONE",
    }
    resources = {
        **function,
        "Url": {"Type": "AWS::Lambda::Url", "Properties": url},
        "Anybody": {"Type": "AWS::Lambda::Permission", "Properties": anybody},
    }
    made = stack({"Resources": resources})
    assert fabric.request("GET", made.url("Url") + "/x").json()["rawPath"] == "/x"
    assert made.url("Function") == made.url("Url")


def test_what_the_gateway_here_does_not_check_is_named(stack, function):
    method = {
        "RestApiId": {"Ref": "Api"},
        "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
        "HttpMethod": "GET",
        "AuthorizationType": "AWS_IAM",
        "Integration": {"Type": "HTTP_PROXY", "IntegrationHttpMethod": "GET", "Uri": "http://example.com"},
    }
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orders"}},
        "Method": {"Type": "AWS::ApiGateway::Method", "Properties": method},
    }
    made = stack({"Resources": resources})
    assert set(made["Method"].verdict.left_out) == {"AuthorizationType", "Integration.Type"}


def test_a_definition_in_a_file_beside_the_template_or_in_a_bucket(stack, fabric, aws, tmp_path):
    definition = (
        "openapi: 3.0.1\n"
        "paths:\n"
        "  /ping:\n"
        "    get:\n"
        "      x-amazon-apigateway-integration:\n"
        "        type: mock\n"
        "        requestTemplates: {application/json: '{\"statusCode\": 204}'}\n"
        "        responses: {default: {statusCode: '204'}}\n"
    )
    (tmp_path / "api.yaml").write_text(definition)
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Api: {Type: AWS::Serverless::Api, Properties: {StageName: live, DefinitionUri: api.yaml}}\n"
    )
    made = stack(tmp_path)
    assert fabric.request("GET", made.url("Api", "live") + "/ping").status == 204
    aws.s3.create_bucket(Bucket="definitions")
    aws.s3.put_object(Bucket="definitions", Key="api.yaml", Body=definition.encode())
    stored = {"Name": "stored", "BodyS3Location": {"Bucket": "definitions", "Key": "api.yaml"}}
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": stored},
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "live"},
        },
    }
    other = stack({"Resources": resources}, name="other")
    assert fabric.request("GET", other.url("Api", "live") + "/ping").status == 204


GUARDED = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Guarded:
    Type: AWS::Serverless::%s
    Properties:
      StageName: live
      Auth:
        DefaultAuthorizer: Guard
        Authorizers:
          Guard: {FunctionArn: !GetAtt Guard.Arn%s}
  Guard:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context):
            names = {name.lower(): value for name, value in (event.get('headers') or {}).items()}
            token = event.get('authorizationToken') or names['authorization']
            effect = 'Allow' if token == 'good' else 'Deny'
            statement = {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': '*'}
            policy = {'Version': '2012-10-17', 'Statement': [statement]}
            return {'principalId': 'pat', 'policyDocument': policy, 'context': {'team': 'blue'}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import json
        def handler(event, context):
            return {'statusCode': 200, 'body': json.dumps(event['requestContext']['authorizer'])}
      Events:
        Get:
          Type: %s
          Properties: {Path: /items, Method: get, %s: !Ref Guarded}
"""
KINDS = {
    "rest": ("Api", "", "Api", "RestApiId"),
    "http": (
        "HttpApi",
        ", AuthorizerPayloadFormatVersion: '2.0', EnableFunctionDefaultPermissions: true,"
        " Identity: {Headers: [Authorization]}",
        "HttpApi",
        "ApiId",
    ),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_lambda_authorizer_of_sam_guards_its_api(stack, fabric, kind):
    made = stack(GUARDED % KINDS[kind], require="emulated")
    url = made.url("Guarded", "live") + "/items"
    answer = fabric.request("GET", url, headers={"Authorization": "good"})
    assert answer.status == 200
    said = answer.json()
    assert (said if kind == "rest" else said["lambda"])["team"] == "blue"
    assert fabric.request("GET", url, headers={"Authorization": "bad"}).status == 403
    assert fabric.request("GET", url).status == 401


CHECKED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      EndpointConfiguration: {Type: REGIONAL}
      Models:
        Order:
          type: object
          required: [item]
          properties:
            item: {type: string}
            count: {type: integer, minimum: 1}
            note: {$ref: '#/definitions/note'}
        Note: {type: string, maxLength: 3}
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: |
        def handler(event, context):
            return {"statusCode": 201, "body": "made"}
      Events:
        Make:
          Type: Api
          Properties:
            RestApiId: !Ref Api
            Path: /orders
            Method: post
            RequestModel: {Model: Order, ValidateBody: true, ValidateParameters: true}
            RequestParameters: [method.request.querystring.who: {Required: true}]
"""


def test_requests_are_held_against_the_model_and_the_parameters(stack, fabric):
    made = stack(CHECKED, require="emulated")
    url = made.url("Api") + "/orders"

    def posted(body, query="?who=me"):
        answer = fabric.request("POST", url + query, json=body)
        return answer.status, answer.text

    wrong = (400, '{"message": "Invalid request body"}')
    assert posted({"item": "x", "count": 2}) == (201, "made")
    for body in ({"count": 2}, {"item": "x", "count": 0}, {"item": 1}, {"item": "x", "note": "long"}, []):
        assert posted(body) == wrong
    missing = (400, '{"message": "Missing required request parameters: [who]"}')
    assert posted({"item": "x"}, "") == missing


def test_an_included_definition_puts_messages_into_a_queue(stack, fabric, aws):
    template = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Inbox: {Type: AWS::SQS::Queue}
      Gate:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: apigateway.amazonaws.com}}
      Web:
        Type: AWS::Serverless::HttpApi
        Properties:
          DefinitionBody:
            openapi: 3.0.1
            info: {title: web}
            paths:
              /in:
                post:
                  x-amazon-apigateway-integration:
                    type: aws_proxy
                    integrationSubtype: SQS-SendMessage
                    credentials: !GetAtt Gate.Arn
                    payloadFormatVersion: '1.0'
                    requestParameters: {MessageBody: $request.body.text, QueueUrl: !Ref Inbox}
    """
    made = stack(template, require="emulated")
    assert fabric.request("POST", made.url("Web") + "/in", json={"text": "hello"}).status == 200
    (message,) = aws("sqs").receive_message(QueueUrl=made.queue("Inbox"))["Messages"]
    assert message["Body"] == "hello"


def test_an_integration_with_a_service_that_nobody_emulates_is_partial(stack):
    template = """
    Resources:
      Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: flows}}
      Start:
        Type: AWS::ApiGateway::Method
        Properties:
          RestApiId: !Ref Api
          ResourceId: !GetAtt Api.RootResourceId
          HttpMethod: POST
          AuthorizationType: NONE
          Integration:
            Type: AWS
            IntegrationHttpMethod: POST
            Uri: !Sub arn:aws:apigateway:${AWS::Region}:states:action/StartExecution
    """
    verdict = stack(template)["Start"].verdict
    assert verdict.level.value == "partial"
    assert "states is not emulated" in str(verdict)
