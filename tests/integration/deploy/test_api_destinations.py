"""A SAM application that calls somebody else's HTTP API when an event comes, deployed as it stands."""

from __future__ import annotations

import json

APP = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  ApiKey: {Type: String, NoEcho: true, Default: k-9}
Resources:
  Tickets:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters:
        ApiKeyAuthParameters: {ApiKeyName: x-api-key, ApiKeyValue: !Ref ApiKey}
        InvocationHttpParameters:
          HeaderParameters: [{Key: x-team, Value: shop, IsValueSecret: false}]
  TicketApi:
    Type: AWS::Events::ApiDestination
    Properties:
      ConnectionArn: !GetAtt Tickets.Arn
      HttpMethod: POST
      InvocationEndpoint: https://tickets.example.com/queues/*/tickets
      InvocationRateLimitPerSecond: 10
  Calls:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sts:AssumeRole"}
      Policies:
        - PolicyName: call
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - {Effect: Allow, Action: "events:InvokeApiDestination", Resource: !GetAtt TicketApi.Arn}
  Dead: {Type: AWS::SQS::Queue}
  DeadPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Dead]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt Dead.Arn
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop], detail-type: [OrderFailed]}
      Targets:
        - Id: tickets
          Arn: !GetAtt TicketApi.Arn
          RoleArn: !GetAtt Calls.Arn
          HttpParameters: {PathParameterValues: [$.detail.queue]}
          InputTransformer:
            InputPathsMap: {order: $.detail.order}
            InputTemplate: '{"title": "Order <order> failed"}'
          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
          RetryPolicy: {MaximumRetryAttempts: 1}
Outputs:
  Secret: {Value: !GetAtt Tickets.SecretArn}
"""


def failed(aws, queue, order):
    detail = json.dumps({"queue": queue, "order": order})
    aws.events.put_events(Entries=[{"Source": "shop", "DetailType": "OrderFailed", "Detail": detail}])


def test_an_event_opens_a_ticket_and_what_is_refused_is_kept(stack, fabric, aws):
    made = stack(APP)
    for name in ("Tickets", "TicketApi", "Rule"):
        assert str(made[name].verdict.level) == "emulated"
    double = fabric.http.double(
        "https://tickets.example.com",
        {("POST", "/queues/a/tickets"): 201, ("POST", "/queues/b/tickets"): 500},
    )
    failed(aws, "a", "o-1")
    failed(aws, "b", "o-2")
    fabric.run_until_idle()
    first = double.requests[0]
    assert first.json() == {"title": "Order o-1 failed"}
    assert (first.header("x-api-key"), first.header("x-team")) == ("k-9", "shop")
    assert [request.path for request in double.requests].count("/queues/b/tickets") == 2
    (message,) = aws.sqs.receive_message(QueueUrl=made.queue("Dead"))["Messages"]
    assert json.loads(message["Body"])["detail"]["order"] == "o-2"


def test_connection_and_destination_are_changed_in_place_and_deleted(stack, aws, fabric):
    made = stack(APP)
    arns = {name: made[name].attributes["Arn"] for name in ("Tickets", "TicketApi")}
    made.update(APP.replace("InvocationRateLimitPerSecond: 10", "InvocationRateLimitPerSecond: 5"))
    made.update(APP.replace("Default: k-9", "Default: k-10"))
    assert {name: made[name].attributes["Arn"] for name in arns} == arns
    double = fabric.http.double("https://tickets.example.com")
    failed(aws, "a", "o-1")
    fabric.run_until_idle()
    assert double.requests[0].header("x-api-key") == "k-10"
    made.delete()
    assert aws.events.list_connections()["Connections"] == []
    assert aws.events.list_api_destinations()["ApiDestinations"] == []
