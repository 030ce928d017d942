"""The rule on API authorization sees through the documents that SAM writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.model import Finding

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: a.b
      InlineCode: x
      Events:
        Asked: {Type: Api, Properties: {Path: /asked, Method: get, RestApiId: !Ref Api}}
        Open:
          {Type: Api, Properties: {Path: /open, Method: get, RestApiId: !Ref Api, Auth: {Authorizer: NONE}}}
        Implied: {Type: HttpApi, Properties: {Path: /implied, Method: post}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Cors: "'*'"
      Auth: {DefaultAuthorizer: AWS_IAM}
"""


def test_an_event_without_authorizer_is_found_where_it_is_written(
    judge: Callable[..., list[Finding]],
) -> None:
    found = {item.location.line: item for item in judge(TEMPLATE, "API-AUTH")}
    assert sorted(found) == [11, 13]
    assert "GET /open" in found[11].message
    assert "POST /implied" in found[13].message


@pytest.mark.parametrize("authorizer", ["AWS_IAM", "Pool"])
def test_with_an_authorizer_nothing_is_found(judge: Callable[..., list[Finding]], authorizer: str) -> None:
    pool = "Authorizers: {Pool: {UserPoolArn: 'arn:aws:cognito-idp:eu-west-1:123456789012:userpool/x'}}"
    text = TEMPLATE.replace("Authorizer: NONE", f"Authorizer: {authorizer}")
    text = text.replace("DefaultAuthorizer: AWS_IAM", f"DefaultAuthorizer: {authorizer}, {pool}")
    assert [item.location.line for item in judge(text, "API-AUTH")] == [13]
