"""APIs behind user pools and JSON Web Tokens, deployed from SAM: who passes, and what the function learns."""

from __future__ import annotations

import json

import pytest

ECHO = {
    "InlineCode": "import json\ndef handler(event, context):\n"
    "    return {'statusCode': 200, 'body': json.dumps(event['requestContext'].get('authorizer'))}\n",
    "Handler": "index.handler",
    "Runtime": "python3.13",
}
POOL = {
    "Pool": {
        "Type": "AWS::Cognito::UserPool",
        "Properties": {"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]},
    },
    "Client": {
        "Type": "AWS::Cognito::UserPoolClient",
        "Properties": {
            "UserPoolId": {"Ref": "Pool"},
            "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        },
    },
    "Editors": {
        "Type": "AWS::Cognito::UserPoolGroup",
        "Properties": {"GroupName": "editors", "UserPoolId": {"Ref": "Pool"}},
    },
}
OWN = "aws.cognito.signin.user.admin"
ISSUER = {"Fn::Sub": "https://cognito-idp.${AWS::Region}.amazonaws.com/${Pool}"}


def function(kind, api, **auth):
    events = {
        "Closed": {"Path": "/closed"},
        "Scoped": {"Path": "/scoped", "Auth": {"Authorizer": "Pool", "AuthorizationScopes": [OWN]}},
        "Foreign": {
            "Path": "/foreign",
            "Auth": {"Authorizer": "Pool", "AuthorizationScopes": ["books/write"]},
        },
        "Open": {"Path": "/open", "Auth": {"Authorizer": "NONE"}},
    }
    named = "RestApiId" if kind == "Api" else "ApiId"
    made = {
        name: {"Type": kind, "Properties": {"Method": "get", named: {"Ref": "Web"}, **event}}
        for name, event in events.items()
    }
    web = {"Type": f"AWS::Serverless::{kind}", "Properties": {**api, "Auth": auth}}
    echo = {"Type": "AWS::Serverless::Function", "Properties": {**ECHO, "Events": made}}
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": {**POOL, "Web": web, "Echo": echo}}


def rest():
    pools = {"UserPoolArn": {"Fn::GetAtt": ["Pool", "Arn"]}}
    auth = {"DefaultAuthorizer": "Pool", "Authorizers": {"Pool": pools}}
    return function("Api", {"StageName": "Prod"}, **auth)


def http():
    config = {"issuer": ISSUER, "audience": [{"Ref": "Client"}]}
    one = {"JwtConfiguration": config, "IdentitySource": "$request.header.Authorization"}
    return function("HttpApi", {}, DefaultAuthorizer="Pool", Authorizers={"Pool": one})


@pytest.fixture
def signed_in(aws):
    """The identity token and the access token of a user of a deployed pool."""

    def tokens(made):
        pool, client = made["Pool"].physical_id, made["Client"].physical_id
        idp = aws("cognito-idp")
        idp.admin_create_user(UserPoolId=pool, Username="ada@example.com")
        who = {"UserPoolId": pool, "Username": "ada@example.com"}
        idp.admin_set_user_password(**who, Password="Correct-horse-1", Permanent=True)
        idp.admin_add_user_to_group(**who, GroupName="editors")
        parameters = {"USERNAME": "ada@example.com", "PASSWORD": "Correct-horse-1"}
        result = idp.admin_initiate_auth(
            UserPoolId=pool, ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
        )["AuthenticationResult"]
        return result["IdToken"], result["AccessToken"]

    return tokens


@pytest.fixture(params=[rest, http], ids=["REST", "HTTP"])
def web(request, stack, fabric):
    """The deployed API, and how to ask it."""
    made = stack(request.param(), name="web", require="emulated")
    base = made.url("Web", "Prod") if request.param is rest else made.url("Web")

    def ask(path, token=""):
        headers = {"Authorization": token} if token else {}
        answer = fabric.request("GET", base + path, headers=headers)
        return answer.status, json.loads(answer.body)

    return made, ask


def test_a_token_of_the_pool_passes_and_its_claims_are_told(web, signed_in):
    made, ask = web
    identity, _ = signed_in(made)
    status, told = ask("/closed", f"Bearer {identity}")
    assert status == 200
    claims = told["claims"] if "claims" in told else told["jwt"]["claims"]
    assert claims["email"] == "ada@example.com"
    assert claims["aud"] == made["Client"].physical_id
    assert claims["iss"].endswith(made["Pool"].physical_id)
    shown = {"claims": ("editors", "Thu Jan 01 01:00:00 UTC 2026"), "jwt": ("[editors]", "1767229200")}
    assert (claims["cognito:groups"], claims["exp"]) == shown["jwt" if "jwt" in told else "claims"]


def test_who_has_no_token_of_the_pool_does_not_pass(web, signed_in):
    made, ask = web
    identity, _ = signed_in(made)
    refused = (401, {"message": "Unauthorized"})
    assert ask("/closed") == refused
    assert ask("/closed", "Bearer nonsense") == refused
    assert ask("/closed", identity[:-8] + "AAAAAAAA") == refused
    assert ask("/open") == (200, None)


def test_a_scope_wants_an_access_token_that_has_it(web, signed_in, fabric):
    made, ask = web
    identity, access = signed_in(made)
    assert ask("/scoped", access)[0] == 200
    assert ask("/scoped", identity)[0] in (401, 403)
    status, told = ask("/foreign", access)
    assert (status, next(iter(told.values()))) in (
        (403, "User is not authorized to access this resource"),
        (403, "Forbidden"),
    )


def test_a_token_ends(web, signed_in, fabric):
    made, ask = web
    identity, _ = signed_in(made)
    fabric.advance(3599)
    assert ask("/closed", identity)[0] == 200
    fabric.advance(1)
    assert ask("/closed", identity)[0] == 401


def test_a_token_of_another_pool_is_nobodys(web, signed_in, stack):
    _, ask = web
    other = stack({"Resources": POOL}, name="other")
    identity, access = signed_in(other)
    assert ask("/closed", identity)[0] == ask("/scoped", access)[0] == 401


def test_another_issuer_is_asked_for_its_keys(stack, fabric):
    from joserfc import jwk, jwt

    key = jwk.RSAKey.generate_key(2048, {"kid": "k"})
    login = "https://login.example.com"
    published = {"keys": [key.as_dict(private=False)]}
    fabric.http.double(
        login,
        {
            ("GET", "/.well-known/openid-configuration"): {"jwks_uri": f"{login}/keys"},
            ("GET", "/keys"): published,
        },
    )
    template = http()
    template["Resources"]["Web"]["Properties"]["Auth"]["Authorizers"]["Pool"]["JwtConfiguration"] = {
        "issuer": login,
        "audience": ["books"],
    }
    made = stack(template)

    def ask(signer=key, **claims):
        given = {"iss": login, "aud": ["books", "films"], "sub": "ada", **claims}
        token = jwt.encode({"alg": "RS256", "kid": "k"}, given, signer)
        answer = fabric.request("GET", made.url("Web") + "/closed", headers={"Authorization": token})
        return answer.status, answer.json()

    status, told = ask()
    assert (status, told["jwt"]["claims"]) == (200, {"iss": login, "aud": "[books films]", "sub": "ada"})
    assert ask(aud="films")[0] == ask(iss="https://else.example.com")[0] == ask(exp=1)[0] == 401
    assert ask(jwk.RSAKey.generate_key(2048, {"kid": "k"}))[0] == 401


def test_a_function_that_verifies_a_token_itself_finds_the_keys_of_the_pool(stack, signed_in, aws):
    code = """
import json, os, urllib.request
from joserfc import jwk, jwt
def handler(event, context):
    place = f"https://cognito-idp.{os.environ['AWS_REGION']}.amazonaws.com/{os.environ['POOL']}"
    with urllib.request.urlopen(f"{place}/.well-known/jwks.json") as answer:
        keys = jwk.KeySet.import_key_set(json.load(answer))
    return jwt.decode(event["token"], keys).claims["email"]
"""
    variables = {"Environment": {"Variables": {"POOL": {"Ref": "Pool"}}}}
    verify = {"Type": "AWS::Serverless::Function", "Properties": {**ECHO, "InlineCode": code, **variables}}
    made = stack({"Transform": "AWS::Serverless-2016-10-31", "Resources": {**POOL, "Verify": verify}})
    payload = json.dumps({"token": signed_in(made)[0]})
    answer = aws("lambda").invoke(FunctionName=made.function("Verify"), Payload=payload)
    assert json.loads(answer["Payload"].read()) == "ada@example.com"


def test_what_is_not_emulated_of_a_pool_is_named(stack):
    trigger = {"Type": "AWS::Serverless::Function", "Properties": ECHO}
    pool = {"LambdaConfig": {"PreSignUp": {"Fn::GetAtt": ["Echo", "Arn"]}}}
    resources = {"Echo": trigger, "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": pool}}
    made = stack({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources})
    assert made["Pool"].verdict.reasons == {"LambdaConfig": "triggers of user pools are not run"}


def test_a_pool_is_changed_in_place_and_goes_with_its_stack(stack, aws):
    template = {"Resources": {name: dict(one) for name, one in POOL.items()}}
    made = stack(template)
    before = made["Pool"].physical_id, made["Client"].physical_id
    template["Resources"]["Pool"] = {
        "Type": "AWS::Cognito::UserPool",
        "Properties": {**POOL["Pool"]["Properties"], "MfaConfiguration": "OPTIONAL"},
    }
    template["Resources"]["Client"] = {
        "Type": "AWS::Cognito::UserPoolClient",
        "Properties": {**POOL["Client"]["Properties"], "IdTokenValidity": 2},
    }
    made.update(template)
    assert (made["Pool"].physical_id, made["Client"].physical_id) == before
    idp = aws("cognito-idp")
    assert idp.describe_user_pool(UserPoolId=before[0])["UserPool"]["MfaConfiguration"] == "OPTIONAL"
    client = idp.describe_user_pool_client(UserPoolId=before[0], ClientId=before[1])["UserPoolClient"]
    assert client["IdTokenValidity"] == 2
    made.delete()
    assert idp.list_user_pools(MaxResults=10)["UserPools"] == []
