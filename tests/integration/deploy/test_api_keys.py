"""REST APIs that want an API key: keys, usage plans, their rate and quota."""

from __future__ import annotations

import json

import pytest

VALUE = "a-value-that-is-long-enough"
APP = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: live, Auth: {ApiKeyRequired: true}}
  Open: {Type: AWS::Serverless::Api, Properties: {StageName: live, Auth: {ApiKeyRequired: true}}}
  It:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        import json
        def handler(event, context):
            return {"statusCode": 200, "body": json.dumps(event["requestContext"]["identity"])}
      Events:
        Keyed: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /k, Method: get}}
        Free:
          Type: Api
          Properties: {RestApiId: !Ref Api, Path: /f, Method: get, Auth: {ApiKeyRequired: false}}
        Other: {Type: Api, Properties: {RestApiId: !Ref Open, Path: /k, Method: get}}
  Key: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true, Value: a-value-that-is-long-enough}}
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    DependsOn: ApiliveStage
    Properties:
      ApiStages: [{ApiId: !Ref Api, Stage: live}]
      Throttle: {RateLimit: 1, BurstLimit: 2}
      Quota: {Limit: 3, Period: DAY}
  Member:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}
Outputs:
  Url: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/live"}
  Open: {Value: !Sub "https://${Open}.execute-api.${AWS::Region}.amazonaws.com/live"}
"""


@pytest.fixture
def get(fabric):
    """``get(url)``: the answer to a request with the key, or with another or none."""

    def ask(url, key=VALUE):
        return fabric.request("GET", url, headers={"x-api-key": key} if key else {})

    return ask


def test_a_key_of_a_plan_of_the_stage_opens_and_nothing_else_does(stack, get):
    made = stack(APP).require("emulated")
    url = made.outputs["Url"]
    answer = get(f"{url}/k")
    identity = json.loads(answer.body)
    assert (answer.status, identity["apiKey"], identity["apiKeyId"]) == (200, VALUE, made["Key"].physical_id)
    assert [get(f"{url}/k", key).status for key in ("", "another-value-that-is-long")] == [403, 403]
    assert get(f"{made.outputs['Open']}/k").status == 403
    assert get(f"{url}/f", "").status == 200


def test_rate_and_quota_hold_on_the_virtual_clock(stack, fabric, get):
    made = stack(APP)
    url = made.outputs["Url"] + "/k"
    assert [get(url).status for _ in range(3)] == [200, 200, 429]
    assert get(url).json() == {"message": "Too Many Requests"}
    fabric.advance(10)
    assert get(url).status == 200
    last = get(url)
    assert (last.status, last.json()) == (429, {"message": "Limit Exceeded"})
    fabric.advance(86_400)
    assert get(url).status == 200


def test_what_was_used_is_part_of_a_snapshot(stack, fabric, get):
    made = stack(APP)
    url = made.outputs["Url"] + "/k"
    kept = fabric.snapshot()
    statuses = [get(url).status for _ in range(3)]
    fabric.restore(kept)
    assert [get(url).status for _ in range(3)] == statuses


def test_plan_and_key_are_changed_in_place_and_deleted(stack, get, aws):
    made = stack(APP)
    plan, url = made["Plan"].physical_id, made.outputs["Url"] + "/k"
    made.update(
        APP.replace("      Throttle: {RateLimit: 1, BurstLimit: 2}\n", "").replace("Limit: 3", "Limit: 5")
    )
    assert made["Plan"].physical_id == plan
    assert [get(url).status for _ in range(6)] == [200] * 5 + [429]
    made.update(APP.replace("Enabled: true", "Enabled: false"))
    assert get(url).status == 403
    made.delete()
    assert aws("apigateway").get_api_keys()["items"] == []
    assert aws("apigateway").get_usage_plans()["items"] == []


def test_sam_makes_key_and_plan(stack, aws, get):
    auth = "Auth: {ApiKeyRequired: true}}}\n  It:"
    usage = "{CreateUsagePlan: PER_API, Quota: {Limit: 9, Period: WEEK}}"
    own = APP.replace(auth, f"Auth: {{ApiKeyRequired: true, UsagePlan: {usage}}}}}}}\n  It:")
    made = stack(own).require("emulated")
    key = aws("apigateway").get_api_key(apiKey=made["OpenApiKey"].physical_id, includeValue=True)["value"]
    assert get(f"{made.outputs['Open']}/k", key).status == 200
    assert get(f"{made.outputs['Url']}/k", key).status == 403
