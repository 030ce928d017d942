"""API destinations: the requests that EventBridge makes, their authorization, rate and retries."""

from __future__ import annotations

import base64
import json

import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.errors import UsageError
from stackproof.fabric.choice import Seeded
from stackproof.fabric.http import Failure, Response

ROLE = "arn:aws:iam::123456789012:role/caller"
BASIC = {"BasicAuthParameters": {"Username": "u", "Password": "secret"}}
KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k-1"}}
OAUTH = {
    "OAuthParameters": {
        "ClientParameters": {"ClientID": "me", "ClientSecret": "hush"},
        "AuthorizationEndpoint": "https://login.example.com/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "write"}]},
    }
}
KINDS = {"BasicAuthParameters": "BASIC", "ApiKeyAuthParameters": "API_KEY",
         "OAuthParameters": "OAUTH_CLIENT_CREDENTIALS"}  # fmt: skip


class Outside:
    """A connection, an API destination and a rule that has it as its target."""

    def __init__(self, estate):
        self.estate, self.world, self.events = estate, estate.world, estate.events

    def connect(self, auth=KEY, name="api", **more):
        kind = next(KINDS[one] for one in auth if one in KINDS)
        return self.events.create_connection(
            Name=name, AuthorizationType=kind, AuthParameters={**auth, **more}
        )["ConnectionArn"]

    def destination(self, connection, url="https://api.example.com/orders", method="POST", **more):
        return self.events.create_api_destination(
            Name="orders", ConnectionArn=connection, InvocationEndpoint=url, HttpMethod=method, **more
        )["ApiDestinationArn"]

    def aimed(self, destination, **target):
        self.estate.rule("r", {"Arn": destination, "RoleArn": ROLE, **target})

    def seen(self):
        return self.world.http.requests

    def put(self, detail=None, count=1):
        for _ in range(count):
            self.estate.put(detail)
        self.world.run_until_idle()


@pytest.fixture
def outside(estate):
    return Outside(estate)


def test_an_event_is_a_request_with_the_headers_that_aws_sends(outside):
    double = outside.world.http.double("https://api.example.com")
    outside.aimed(outside.destination(outside.connect()))
    outside.put({"n": 1})
    (request,) = double.requests
    assert (request.method, request.url) == ("POST", "https://api.example.com/orders")
    assert (request.json()["detail"], request.json()["source"]) == ({"n": 1}, "shop")
    assert dict(request.headers) == {
        "Content-Type": "application/json; charset=utf-8",
        "X-Key": "k-1",
        "User-Agent": "Amazon/EventBridge/ApiDestinations",
        "Range": "bytes=0-1048575",
        "Accept-Encoding": "gzip,deflate",
        "Connection": "close",
        "Host": "api.example.com",
        "Content-Length": str(len(request.body)),
    }
    assert any(entry.actor == "r" and entry.verb == "http.POST" for entry in outside.world.journal)


def test_basic_authorization(outside):
    double = outside.world.http.double("https://api.example.com")
    outside.aimed(outside.destination(outside.connect(BASIC)))
    outside.put()
    given = double.requests[0].header("Authorization")
    assert base64.b64decode(given.removeprefix("Basic ")) == b"u:secret"


def test_parameters_of_target_and_connection_and_the_connection_wins(outside):
    double = outside.world.http.double("https://api.example.com")
    always = {
        "HeaderParameters": [{"Key": "X-Who", "Value": "connection"}],
        "QueryStringParameters": [{"Key": "v", "Value": "2"}],
        "BodyParameters": [{"Key": "team", "Value": "a"}],
    }
    connection = outside.connect(InvocationHttpParameters=always)
    url = "https://api.example.com/customers/*/orders/*?fixed=1"
    http = {
        "PathParameterValues": ["$.detail.who", "new/one"],
        "HeaderParameters": {"x-who": "target", "X-Id": "$.id", "User-Agent": "mine"},
        "QueryStringParameters": {"v": "1", "n": "$.detail.n"},
    }
    outside.aimed(
        outside.destination(connection, url, "PUT"), HttpParameters=http, Input=json.dumps({"a": 1})
    )
    outside.put({"who": "jo", "n": 7})
    (request,) = double.requests
    assert request.method == "PUT"
    assert request.url == "https://api.example.com/customers/jo/orders/new%2Fone?fixed=1&v=2&n=7"
    assert request.header("X-Who") == "connection"
    assert len(request.header("X-Id")) == 36
    assert request.header("User-Agent") == "Amazon/EventBridge/ApiDestinations"
    assert request.json() == {"a": 1, "team": "a"}


def test_a_token_is_asked_for_once_and_anew_before_its_end(outside):
    login = outside.world.http.double(
        "https://login.example.com", {("POST", "/token"): {"access_token": "t", "expires_in": 3600}}
    )
    api = outside.world.http.double("https://api.example.com")
    outside.aimed(outside.destination(outside.connect(OAUTH)))
    outside.put(count=2)
    assert [request.header("Authorization") for request in api.requests] == ["Bearer t", "Bearer t"]
    (asked,) = login.requests
    form = asked.body.decode()
    assert form == "grant_type=client_credentials&client_id=me&client_secret=hush&scope=write"
    outside.world.advance(3550)
    outside.put()
    assert len(login.requests) == 2


def test_a_token_that_is_refused_is_asked_for_anew(outside):
    login = outside.world.http.double(
        "https://login.example.com", {("POST", "/token"): [{"access_token": "old"}, {"access_token": "new"}]}
    )

    def answer(request):
        return 401 if request.header("Authorization") == "Bearer old" else 200

    api = outside.world.http.double("https://api.example.com", answer)
    outside.aimed(outside.destination(outside.connect(OAUTH)))
    outside.put()
    assert len(login.requests) == 2
    assert [request.header("Authorization") for request in api.requests] == ["Bearer old", "Bearer new"]


def test_what_is_over_the_rate_waits_on_the_virtual_clock(outside):
    times = []
    outside.world.http.double("https://api.example.com", lambda request: times.append(outside.world.clock.ms))
    outside.aimed(outside.destination(outside.connect(), InvocationRateLimitPerSecond=2))
    began = outside.world.clock.ms
    outside.put(count=5)
    assert [ms - began for ms in times] == [0, 0, 1000, 1000, 2000]


@pytest.mark.parametrize("status", [401, 407, 409, 429, 500, 503])
def test_what_may_pass_is_tried_again(outside, status):
    double = outside.world.http.double(
        "https://api.example.com", {("POST", "/orders"): [status, status, 200]}
    )
    outside.aimed(outside.destination(outside.connect()))
    outside.put()
    assert len(double.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 403, 404])
def test_what_is_final_goes_to_the_dead_letter_queue_at_once(outside, status):
    double = outside.world.http.double("https://api.example.com", {("POST", "/orders"): status})
    queue = outside.estate.queue("dead")
    outside.aimed(outside.destination(outside.connect()), DeadLetterConfig={"Arn": queue})
    outside.put({"n": 1})
    (message,) = outside.estate.messages(queue)
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    assert str(status) in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert len(double.requests) == 1


def test_retries_end_with_the_policy(outside):
    double = outside.world.http.double("https://api.example.com", {("POST", "/orders"): 503})
    queue = outside.estate.queue("dead")
    outside.aimed(
        outside.destination(outside.connect()),
        DeadLetterConfig={"Arn": queue}, RetryPolicy={"MaximumRetryAttempts": 2},
    )  # fmt: skip
    outside.put()
    (message,) = outside.estate.messages(queue)
    facts = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert facts["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert (facts["RETRY_ATTEMPTS"], facts["ERROR_CODE"]) == ("2", "ERROR_FROM_TARGET")
    assert len(double.requests) == 3


@pytest.mark.parametrize(("header", "calls", "least"), [("100", 2, 100_000), ("-1", 1, 0)])
def test_retry_after_is_heeded(outside, header, calls, least):
    times = []

    def answer(request):
        times.append(outside.world.clock.ms)
        return Response(503, headers=(("Retry-After", header),)) if len(times) == 1 else 200

    outside.world.http.double("https://api.example.com", answer)
    outside.aimed(outside.destination(outside.connect()))
    outside.put()
    assert len(times) == calls
    assert times[-1] - times[0] >= least


@pytest.mark.parametrize("answer", [Response(200, latency=6.0), Failure("timeout"), Failure("refused")])
def test_an_endpoint_has_five_seconds(outside, answer):
    double = outside.world.http.double("https://api.example.com", {("POST", "/orders"): [answer, 200]})
    began = outside.world.clock.ms
    outside.aimed(outside.destination(outside.connect()))
    outside.put()
    assert len(double.requests) == 2
    waited = outside.world.clock.ms - began
    assert waited >= (0 if answer == Failure("refused") else 5000)


def test_an_undeclared_host_is_refused_by_name(outside):
    outside.aimed(outside.destination(outside.connect()))
    outside.estate.put()
    with pytest.raises(UsageError, match=r"api\.example\.com/orders, which nothing declares"):
        outside.world.run_until_idle()


def test_nothing_is_sent_over_a_connection_that_is_gone(outside):
    double = outside.world.http.double("https://api.example.com")
    destination = outside.destination(outside.connect())
    outside.aimed(destination)
    outside.events.deauthorize_connection(Name="api")
    assert outside.events.describe_api_destination(Name="orders")["ApiDestinationState"] == "INACTIVE"
    outside.put()
    outside.events.update_connection(Name="api", Description="again")
    outside.put()
    assert len(double.requests) == 1
    outside.events.delete_connection(Name="api")
    outside.put()
    outside.events.delete_api_destination(Name="orders")
    outside.put()
    assert len(double.requests) == 1


def test_what_is_told_has_no_secrets(outside):
    more = {
        "HeaderParameters": [{"Key": "A", "Value": "s", "IsValueSecret": True}, {"Key": "B", "Value": "o"}]
    }
    arn = outside.connect({**BASIC}, InvocationHttpParameters=more)
    found = outside.events.describe_connection(Name="api")
    assert found["AuthParameters"] == {
        "BasicAuthParameters": {"Username": "u"},
        "InvocationHttpParameters": {
            "HeaderParameters": [{"Key": "A", "IsValueSecret": True}, {"Key": "B", "Value": "o"}]
        },
    }
    assert (found["ConnectionArn"], found["ConnectionState"]) == (arn, "AUTHORIZED")
    assert "secret:events!connection/api/" in found["SecretArn"]
    assert [one["Name"] for one in outside.events.list_connections()["Connections"]] == ["api"]
    outside.destination(arn)
    (one,) = outside.events.list_api_destinations()["ApiDestinations"]
    assert (one["Name"], one["InvocationRateLimitPerSecond"], one["HttpMethod"]) == ("orders", 300, "POST")


def test_what_is_refused(outside, refused):
    connection = outside.connect()
    events = outside.events
    again = {"Name": "api", "AuthorizationType": "API_KEY", "AuthParameters": KEY}
    assert refused(events.create_connection, **again)[0] == "ResourceAlreadyExistsException"
    wrong = {"Name": "b", "AuthorizationType": "BASIC", "AuthParameters": KEY}
    assert refused(events.create_connection, **wrong)[0] == "ValidationException"
    assert refused(events.describe_connection, Name="no")[0] == "ResourceNotFoundException"
    assert refused(events.describe_api_destination, Name="no")[0] == "ResourceNotFoundException"
    plain = {
        "Name": "d",
        "ConnectionArn": connection,
        "InvocationEndpoint": "http://a.b",
        "HttpMethod": "GET",
    }
    assert refused(events.create_api_destination, **plain)[0] == "ValidationException"
    lost = {**plain, "InvocationEndpoint": "https://a.b", "ConnectionArn": connection.replace("api", "abc")}
    assert refused(events.create_api_destination, **lost)[0] == "ResourceNotFoundException"
    destination = outside.destination(connection)
    outside.estate.rule("r")
    target = {"Rule": "r", "Targets": [{"Id": "1", "Arn": destination}]}
    assert "RoleArn is required" in refused(events.put_targets, **target)[1]


def test_a_world_taken_back_has_its_token_and_rate(outside):
    outside.world.http.double("https://login.example.com", {("POST", "/token"): {"access_token": "t"}})
    outside.world.http.double("https://api.example.com")
    outside.aimed(outside.destination(outside.connect(OAUTH), InvocationRateLimitPerSecond=1))
    kept = outside.world.snapshot()
    outside.put(count=2)
    first = [(request.url, outside.world.clock.ms) for request in outside.seen()]
    outside.world.restore(kept)
    outside.put(count=2)
    assert [(request.url, outside.world.clock.ms) for request in outside.seen()] == first


def test_a_pipe_waits_for_the_answer(outside):
    double = outside.world.http.double("https://api.example.com", {("POST", "/orders/7"): [503, 200]})
    url = "https://api.example.com/orders/*"
    destination = outside.destination(outside.connect(), url)
    outside.estate.sqs.create_queue(QueueName="in", Attributes={"VisibilityTimeout": "5"})
    outside.estate.aws("pipes").create_pipe(
        Name="p", Source="arn:aws:sqs:us-east-1:123456789012:in", Target=destination, RoleArn=ROLE,
        TargetParameters={
            "InputTemplate": '{"order": <$.body.id>}',
            "HttpParameters": {"PathParameterValues": ["$.order"]},
        },
    )  # fmt: skip
    outside.world.advance(60)
    url = outside.estate.sqs.get_queue_url(QueueName="in")["QueueUrl"]
    outside.estate.sqs.send_message(QueueUrl=url, MessageBody='{"id": 7}')
    outside.world.run_until_idle()
    assert [request.json() for request in double.requests] == [{"order": 7}, {"order": 7}]


def test_the_same_seed_gives_the_same_journal(estate):
    def driven():
        with EmbeddedBackend(seed=5, chooser=Seeded(5)) as backend:
            outside = Outside(type(estate)(backend))
            outside.world.http.double(
                "https://login.example.com", {("POST", "/token"): {"access_token": "t"}}
            )
            outside.world.http.double("https://api.example.com", {("POST", "/orders"): [503, 429, 200]})
            outside.aimed(outside.destination(outside.connect(OAUTH), InvocationRateLimitPerSecond=1))
            outside.put(count=3)
            return [str(entry) for entry in outside.world.journal]

    assert driven() == driven()
