"""What handlers in Node.js call: AWS as their role, doubles, nothing else; in the world's time."""

from __future__ import annotations

import json
import shutil

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.fabric.choice import Seeded
from stackproof.fabric.http import Failure, Response
from stackproof.fabric.replay import record, stand
from stackproof.fabric.service import ServiceError

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
NODE = {"Runtime": "nodejs20.x", "Handler": "index.handler"}
LIBRARY = """
    const https = require("https");
    exports.request = (url, { method = "POST", headers = {}, body = "", timeout = 0 } = {}) =>
      new Promise((done, fail) => {
        const made = https.request(url, { method, headers }, (answer) => {
          const parts = [];
          answer.on("data", (part) => parts.push(part));
          answer.on("end", () => done({
            status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString(),
          }));
        });
        made.on("error", fail);
        if (timeout) made.setTimeout(timeout, () => made.destroy(new Error("too slow")));
        made.end(body);
      });
    exports.aws = async (host, target, body) => {
      const kind = { "content-type": "application/x-amz-json-1.0", "x-amz-target": target };
      const headers = { ...kind, host: `${host}.us-east-1.amazonaws.com` };
      const url = `https://${host}.us-east-1.amazonaws.com/`;
      const answer = await exports.request(url, { headers, body: JSON.stringify(body) });
      return { status: answer.status, ...JSON.parse(answer.text) };
    };
    """


@pytest.fixture
def node(lab):
    """``node(code)`` makes the function f; ``request``, ``aws`` and ``url`` (of the queue) are there."""
    url = lab.queue("q")

    def make(code: str, name: str = "f", **settings) -> str:
        index = f"const {{ request, aws }} = require('./library.js');\nconst url = '{url}';\n{code}"
        lab.function(name, {"index.js": index, "library.js": LIBRARY}, **(NODE | settings))
        return url

    return make


def table(lab):
    lab.backend.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


SEND = 'await aws("sqs", "AmazonSQS.SendMessage", { QueueUrl: url, MessageBody: event.text ?? "m" })'


def test_a_message_is_sent_as_the_functions_role(lab, node):
    url = node(f"exports.handler = async (event) => {SEND};")
    answer = lab.invoke("f", {"text": "hällo"}).value
    assert (answer["status"], sorted(answer)) == (200, ["MD5OfMessageBody", "MessageId", "status"])
    assert lab.bodies(url) == ["hällo"]
    (entry,) = lab.world.journal.entries(verb="sqs.SendMessage")
    assert entry.actor == "f"
    callers = []
    lab.world.guards.append(lambda service, operation, params, caller: callers.append(caller.arn))
    lab.invoke("f")
    assert "arn:aws:sts::123456789012:assumed-role/runs-functions/f" in callers


def test_what_is_refused_is_refused_in_the_words_of_the_protocol(lab, node):
    def deny(service, operation, params, caller):
        if service == "sqs" and operation == "SendMessage":
            raise ServiceError("AccessDeniedException", "not you", status=403)

    node(f"""
        exports.handler = async (event) => [
          {SEND}, await aws("sqs", "AmazonSQS.GetQueueUrl", {{ QueueName: "none" }}),
        ];
        """)
    lab.world.guards.append(deny)
    denied, none = lab.invoke("f").value
    assert (denied["status"], denied["__type"], denied["message"]) == (
        403,
        "AccessDeniedException",
        "not you",
    )
    assert (none["status"], none["__type"]) == (400, "QueueDoesNotExist")


PROTOCOLS = {
    "query": (
        """request("https://sns.us-east-1.amazonaws.com/", {
             headers: { "content-type": "application/x-www-form-urlencoded" },
             body: "Action=CreateTopic&Version=2010-03-31&Name=made",
           })""",
        "<TopicArn>arn:aws:sns:us-east-1:123456789012:made</TopicArn>", ["sns.CreateTopic"],
    ),
    "an error in query": (
        """request("https://sns.us-east-1.amazonaws.com/", {
             headers: { "content-type": "application/x-www-form-urlencoded" },
             body: "Action=Publish&Message=m&TopicArn=arn:aws:sns:us-east-1:123456789012:none",
           })""",
        "<Code>NotFound</Code>", ["sns.Publish"],
    ),
    "rest with XML": (
        """request("https://bucket.s3.us-east-1.amazonaws.com/a/b%20c", { method: "PUT", body: "content" })
             .then(() => request("https://s3.us-east-1.amazonaws.com/bucket/a/b%20c", { method: "GET" }))""",
        "content", ["s3.PutObject", "s3.GetObject"],
    ),
    "an error in rest with XML": (
        'request("https://bucket.s3.us-east-1.amazonaws.com/none", { method: "GET" })',
        "<Code>NoSuchKey</Code>", ["s3.GetObject"],
    ),
    "a body in chunks": (
        """request("https://bucket.s3.us-east-1.amazonaws.com/k", {
             method: "PUT", headers: { "content-encoding": "aws-chunked" },
             body: "3\\r\\nabc\\r\\n2;chunk-signature=0\\r\\nde\\r\\n0\\r\\nx-amz-trailer:A\\r\\n\\r\\n",
           }).then(() => request("https://bucket.s3.us-east-1.amazonaws.com/k", { method: "GET" }))""",
        "abcde", ["s3.PutObject", "s3.GetObject"],
    ),
    "rest with JSON": (
        """request(
             "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/g/invocations", { body: "[1]" },
           )""",
        '{"got": [1]}', ["lambda.Invoke"],
    ),
    "fetch": (
        """fetch("https://sqs.us-east-1.amazonaws.com", {
             method: "POST", body: JSON.stringify({ QueueName: "q" }),
             headers: {
               "x-amz-target": "AmazonSQS.GetQueueUrl", "content-type": "application/x-amz-json-1.0",
             },
           }).then(async (answer) => ({ text: await answer.text() }))""",
        '{"QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q"}', ["sqs.GetQueueUrl"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_understood(lab, node, protocol):
    call, text, verbs = PROTOCOLS[protocol]
    lab.backend.client("s3").create_bucket(Bucket="bucket")
    lab.function("g", "def handler(event, context):\n    return {'got': event}")
    node(f"exports.handler = async () => (await {call}).text;")
    assert text in lab.invoke("f").value
    seen = [entry.verb for entry in lab.world.journal.entries(actor="f")]
    assert [verb for verb in seen if verb in verbs] == verbs


def test_a_protocol_that_nobody_reads_is_said(lab, node):
    node("""exports.handler = async () => {
        const headers = { "smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor" };
        try { await request("https://monitoring.us-east-1.amazonaws.com/service/x", { headers }); } catch {}
        return "swallowed";
    };""")
    with pytest.raises(CapabilityMissing, match=r"monitoring.*of f: its protocol is rpc-v2-cbor"):
        lab.invoke("f")


def test_it_stands_before_and_after_each_call(lab, node):
    table(lab)
    node("""exports.handler = async () => {
        const key = { k: { S: "total" } };
        const found = (await aws("dynamodb", "DynamoDB_20120810.GetItem", { TableName: "t", Key: key })).Item;
        const total = Number(found?.n.N ?? 0) + 1;
        const Item = { ...key, n: { N: String(total) } };
        await aws("dynamodb", "DynamoDB_20120810.PutItem", { TableName: "t", Item });
    };""")
    for _ in range(2):
        lab.send_event("f")
    course = record(lab.world, chooser=Seeded(3))
    assert [point.label for point in course.points if point.run == 1] == [
        "before dynamodb.GetItem", "after dynamodb.GetItem",
        "before dynamodb.PutItem", "after dynamodb.PutItem",
    ]  # fmt: skip
    recorded = lab.world.journal.timeline()
    stand(lab.world, course, course.points[2]).go_on()
    assert lab.world.journal.timeline() == recorded
    totals = set()
    for seed in range(8):
        stand(lab.world, course, course.at("f", "after dynamodb.GetItem")).go_on(Seeded(seed))
        item = lab.backend.client("dynamodb").get_item(TableName="t", Key={"k": {"S": "total"}})["Item"]
        totals.add(item["n"]["N"])
    assert totals == {"1", "2"}


def test_a_double_answers_and_what_is_undeclared_is_refused(lab, node):
    hook = lab.world.http.double("https://hooks.slack.com", {("POST", "/x"): {"ok": True}})
    node("""exports.handler = async () => {
        const said = await request("https://hooks.slack.com/x", { body: "hi" });
        const other = await request("https://example.com/").catch((error) => [error.code, error.message]);
        const fetched = await fetch("https://example.org/").catch((error) => error.cause.message);
        return [said.status, said.text, other, fetched];
    };""")
    status, text, (code, other), fetched = lab.invoke("f").value
    assert (status, json.loads(text)) == (200, {"ok": True})
    assert [(one.actor, one.body) for one in hook.requests] == [("f", b"hi")]
    assert code == "ECONNREFUSED"
    assert "https://example.com/, which nothing declares" in other
    assert "https://example.org/, which nothing declares" in fetched


def test_the_time_of_an_answer_passes_and_timers_that_are_due_come_first(lab, node):
    lab.world.http.double("https://slow.example", Response(latency=5))
    node(
        """exports.handler = async () => {
        const order = [], started = Date.now();
        const mark = (name) => order.push([name, Date.now() - started]);
        setTimeout(() => mark("timer"), 2000);
        setTimeout(() => mark("later"), 7000);
        await request("https://slow.example/").then(() => mark("answer"));
        await request("https://slow.example/", { timeout: 1000 }).catch((error) => mark(error.message));
        await new Promise((done) => setTimeout(done, 10000));
        return order;
    };""",
        Timeout=60,
    )
    order = lab.invoke("f").value
    assert order[:3] == [["timer", 2000], ["answer", 5000], ["too slow", 6000]]
    assert order[3][0] == "later"
    assert lab.world.clock.elapsed == 16


@pytest.mark.parametrize(("failure", "code"), [("reset", "ECONNRESET"), ("refused", "ECONNREFUSED")])
def test_a_connection_that_fails_fails_as_nodes_do(lab, node, failure, code):
    lab.world.http.double("https://broken.example", Failure(failure))
    node('exports.handler = () => request("https://broken.example/").catch((error) => error.code);')
    assert lab.invoke("f").value == code


@pytest.mark.parametrize("beside", ["", "setInterval(() => {}, 1000);"])
def test_no_answer_is_a_timeout_of_the_function(lab, node, beside):
    lab.world.http.double("https://silent.example", Failure("timeout"))
    node(f'exports.handler = async () => {{ {beside} await request("https://silent.example/"); }};')
    assert lab.invoke("f").value["errorType"] == "Sandbox.Timedout"
    assert lab.world.clock.elapsed == 3


def test_calls_at_once_are_all_answered(lab, node):
    url = node("""exports.handler = async () => {
        const bodies = [...Array(20).keys()].map(String);
        const send = (body) => aws("sqs", "AmazonSQS.SendMessage", { QueueUrl: url, MessageBody: body });
        return (await Promise.all(bodies.map(send))).map((answer) => answer.status);
    };""")
    assert lab.invoke("f").value == [200] * 20
    assert sorted(map(int, lab.bodies(url))) == list(range(20))


def test_large_bodies_come_whole_both_ways_at_once(lab, node):
    lab.backend.client("s3").create_bucket(Bucket="bucket")
    node("""exports.handler = async () => {
        const place = "https://bucket.s3.us-east-1.amazonaws.com/k";
        const put = (n) => request(place + n, { method: "PUT", body: "x".repeat(3000000) });
        const get = (n) => request(place + n, { method: "GET" });
        await put(0);
        const answers = await Promise.all([get(0), put(1), get(0), put(2)]);
        return answers.map((answer) => answer.text.length);
    };""")
    assert lab.invoke("f").value == [3000000, 0, 3000000, 0]


RANDOM = """
    exports.handler = async () => {
      const drawn = [Math.random(), require("crypto").randomUUID(), crypto.randomUUID()];
      drawn.push(require("crypto").randomBytes(4).toString("hex"));
      drawn.push([...crypto.getRandomValues(new Uint8Array(3))]);
      drawn.push(require("crypto").randomInt(1000));
      await aws("sqs", "AmazonSQS.SendMessage", { QueueUrl: url, MessageBody: JSON.stringify(drawn) });
      return drawn;
    };
    """


def test_the_same_seed_gives_the_same_journal(make_lab):
    timelines, drawn = [], []
    for seed in (4, 4, 5):
        lab = make_lab(seed=seed)
        node.__wrapped__(lab)(RANDOM)
        first, second = lab.invoke("f").value, lab.invoke("f").value
        assert len({str(one) for one in first + second}) == 12
        drawn.append(first)
        timelines.append(lab.world.journal.timeline())
        lab.backend.close()
    assert timelines[0] == timelines[1]
    assert not {str(one) for one in drawn[0]} & {str(one) for one in drawn[2]}


def test_a_restore_says_why_a_worker_is_cold(lab, node):
    node("let n = 0;\nexports.handler = async () => ++n;")
    assert [lab.invoke("f").value, lab.invoke("f").value] == [1, 2]
    lab.world.restore(lab.world.snapshot())
    (entry,) = lab.world.journal.entries(verb="lambda.Cold")
    assert "its worker process (node)" in str(entry.detail)
    assert lab.invoke("f").value == 1
