"""REST and HTTP APIs that call services (and functions without a proxy) by mapping templates."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.fabric.apigateway import velocity

ROLE = "arn:aws:iam::123456789012:role/gateway"
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}


@pytest.fixture
def post(lab):
    """``post(url, what, kind)``: the answer to what was posted, JSON unless it is text."""

    def send(url, what, kind="application/json"):
        body = what if isinstance(what, str) else json.dumps(what)
        return lab.world.http.request("POST", url, {"Content-Type": kind}, body)

    return send


@pytest.fixture
def gateway(lab):
    """``gateway(path, method, integration, responses)``: the base URL of an API with one method."""
    client = lab.backend.client("apigateway")

    def make(uri, templates=None, responses=None, **more):
        api = client.create_rest_api(name="api")["id"]
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        resource = client.create_resource(restApiId=api, parentId=root, pathPart="{name}")["id"]
        place = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}
        client.put_method(**place, authorizationType="NONE")
        settings = {"credentials": ROLE, **more}
        client.put_integration(
            **place,
            type="AWS",
            integrationHttpMethod="POST",
            uri=uri,
            requestTemplates=templates or {},
            **settings,
        )
        for code, response in (responses or {"200": {}}).items():
            client.put_method_response(**place, statusCode=code)
            client.put_integration_response(**place, statusCode=code, **response)
        client.create_deployment(restApiId=api, stageName="prod")
        return f"https://{api}.execute-api.us-east-1.amazonaws.com/prod"

    return make


def uri(service, place):
    return f"arn:aws:apigateway:us-east-1:{service}:{place}"


def test_a_template_sends_a_message_with_an_attribute(lab, gateway, post):
    url = lab.queue("inbox")
    text = (
        "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
        "&MessageAttribute.1.Name=who&MessageAttribute.1.Value.DataType=String"
        "&MessageAttribute.1.Value.StringValue=$input.params('name')"
    )
    answers = {"200": {"responseTemplates": {"application/json": '{"id": "$input.path(\'$..x\')"}'}}}
    base = gateway(uri("sqs", "path/123456789012/inbox"), {"application/json": text}, requestParameters=FORM)
    answer = post(f"{base}/jo", {"a": "1 & 2"})
    assert answer.status == 200
    assert answer.json()["SendMessageResponse"]["SendMessageResult"]["MessageId"]
    client = lab.backend.client("sqs")
    (message,) = client.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"]) == {"a": "1 & 2"}
    assert message["MessageAttributes"]["who"]["StringValue"] == "jo"
    base = gateway(
        uri("sqs", "path/123456789012/inbox"), {"application/json": text}, answers, requestParameters=FORM
    )
    assert post(f"{base}/jo", {}).status == 500


def test_records_of_a_list_reach_a_stream(lab, gateway, post):
    client = lab.backend.client("kinesis")
    client.create_stream(StreamName="s", ShardCount=1)
    template = """
    {"StreamName": "$input.params('name')", "Records": [
      #foreach($one in $input.path('$.records'))
        {"Data": "$util.base64Encode($one.text)", "PartitionKey": "$one.the-key"}#if($foreach.hasNext),#end
      #end
    ]}"""
    shown = {
        "200": {"responseTemplates": {"application/json": '{"failed": $input.json("$.FailedRecordCount")}'}}
    }
    base = gateway(uri("kinesis", "action/PutRecords"), {"application/json": template}, shown)
    records = [{"text": "one", "the-key": "a"}, {"text": "two", "the-key": "b"}]
    answer = post(f"{base}/s", {"records": records})
    assert (answer.status, answer.json()) == (200, {"failed": 0})
    shard = client.list_shards(StreamName="s")["Shards"][0]["ShardId"]
    start = client.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    got = client.get_records(ShardIterator=start["ShardIterator"])["Records"]
    assert [(one["Data"], one["PartitionKey"]) for one in got] == [(b"one", "a"), (b"two", "b")]


def test_an_error_of_the_service_takes_the_response_of_its_pattern(lab, gateway, post):
    responses = {
        "200": {},
        "404": {
            "selectionPattern": "4\\d{2}",
            "responseTemplates": {"application/json": '{"no": "$input.params().path.name"}'},
        },
    }
    template = '{"TableName": "$input.params(\'name\')", "Key": {"id": {"S": "1"}}}'
    base = gateway(uri("dynamodb", "action/GetItem"), {"application/json": template}, responses)
    answer = post(f"{base}/nothing", {})
    assert (answer.status, answer.json()) == (404, {"no": "nothing"})


def test_a_function_without_a_proxy_gets_what_the_template_makes(lab, gateway, post):
    lab.function(
        "f",
        """
        def handler(event, context):
            if event["count"] > 2:
                raise ValueError("too many: %d" % event["count"])
            return {"seen": event}
        """,
    )
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    responses = {
        "200": {
            "responseTemplates": {
                "application/json": "#set($all = $input.path('$'))$all.seen.who.toUpperCase()"
            }
        },
        "400": {
            "selectionPattern": "too many.*",
            "responseTemplates": {"application/json": "$input.path('$.errorMessage')"},
            "responseParameters": {"method.response.header.X-Why": "'count'"},
        },
    }
    template = '{"who": "$input.params(\'name\')", "count": $input.json(\'$.count\')}'
    base = gateway(
        uri("lambda", f"path/2015-03-31/functions/{arn}/invocations"),
        {"application/json": template},
        responses,
    )
    assert post(f"{base}/jo", {"count": 1}).text == "JO"
    answer = post(f"{base}/jo", {"count": 3})
    assert (answer.status, answer.text, answer.header("X-Why")) == (400, "too many: 3", "count")


def test_a_body_without_a_template_goes_through_or_is_refused(lab, gateway, post):
    url = lab.queue("inbox")
    place = uri("sqs", "action/SendMessage")
    query = {"integration.request.querystring.QueueUrl": f"'{url}'",
             "integration.request.querystring.MessageBody": "method.request.body"}  # fmt: skip
    base = gateway(place, requestParameters=query)
    assert post(f"{base}/x", "hello", "text/plain").status == 200
    assert lab.bodies(url) == ["hello"]
    base = gateway(place, {"application/json": "x"}, passthroughBehavior="NEVER")
    assert post(f"{base}/x", "a", "text/plain").status == 415


def test_a_service_that_is_not_emulated_is_refused_by_name(lab, gateway, post):
    base = gateway(uri("states", "action/StartExecution"), {"application/json": "{}"})
    with pytest.raises(CapabilityMissing, match="integrations with states"):
        post(f"{base}/x", {})


def test_an_http_api_puts_a_message_and_an_event(lab, post):
    url = lab.queue("inbox", FifoQueue="true", ContentBasedDeduplication="true")
    client = lab.backend.client("apigatewayv2")
    api = client.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
    message = {"QueueUrl": url, "MessageBody": "$request.body"}
    event = {"Source": "web", "DetailType": "$request.path.kind"}
    actions = {
        "POST /orders": ("SQS-SendMessage", {**message, "MessageGroupId": "$request.body.group"}),
        "POST /events/{kind}": ("EventBridge-PutEvents", {**event, "Detail": "$request.body"}),
        "POST /flows": ("StepFunctions-StartExecution", {"StateMachineArn": "x"}),
    }  # fmt: skip
    for key, (subtype, params) in actions.items():
        made = client.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationSubtype=subtype, RequestParameters=params,
            PayloadFormatVersion="1.0", CredentialsArn=ROLE,
        )  # fmt: skip
        client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    base = f"https://{api}.execute-api.us-east-1.amazonaws.com"
    assert post(f"{base}/orders", {"group": "g", "n": 1}).status == 200
    assert [json.loads(body) for body in lab.bodies(url)] == [{"group": "g", "n": 1}]
    assert post(f"{base}/orders", {"n": 1}).status == 400
    answer = post(f"{base}/events/made", {"n": 1})
    assert answer.json()["FailedEntryCount"] == 0
    with pytest.raises(CapabilityMissing, match="StepFunctions-StartExecution"):
        post(f"{base}/flows", {})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$a.b.c|$!a.nothing|$a.list[1]|$a.list.size()", "1||y|2"),
        ("#if($a.n > 2 && !$a.off)big#elseif($a.n == 2)two#{else}small#end", "two"),
        ("#set($x = {'k': [1..3]})#foreach($i in $x.k)$i#if(!$foreach.hasNext).#end#end", "123."),
        ("## a remark\n#* another *#$5 and #hash", "$5 and #hash"),
        ('#set($t = "n is $a.n")$t.replace("is", "was")', "n was 2"),
        ("#foreach($e in $a.b.entrySet())$e.key=$e.value#end", "c=1"),
        ("#if($a.n + 1 >= 3 || $nothing)yes#end#stop never", "yes"),
    ],
)
def test_the_template_language(template, text):
    values = {"a": {"b": {"c": 1}, "list": ["x", "y"], "n": 2, "off": False}}
    assert velocity.rendered(template, values) == text


@pytest.mark.parametrize(
    "template", ["#if($a)", "#end", "#parse('x')", "#set($a 1)", "#foreach($a of $b)#end"]
)
def test_a_broken_template_says_so(template):
    with pytest.raises(velocity.BadTemplate):
        velocity.rendered(template, {})
