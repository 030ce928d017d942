"""Functions in Node.js, where it is installed."""

from __future__ import annotations

import shutil

import pytest

from stackproof.errors import CapabilityMissing

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
NODE = {"Runtime": "nodejs20.x", "Handler": "index.handler"}


def test_an_async_handler_answers(lab):
    code = "exports.handler = async (event, context) => ({ got: event, name: context.functionName });\n"
    lab.function("f", {"index.js": code}, **NODE)
    assert lab.invoke("f", {"a": 1}).value == {"got": {"a": 1}, "name": "f"}


def test_a_module_of_the_newer_kind(lab):
    lab.function("f", {"index.mjs": "export const handler = async () => 'up';\n"}, **NODE)
    assert lab.invoke("f").value == "up"


def test_a_callback_answers(lab):
    code = "exports.handler = (event, context, done) => setTimeout(() => done(null, 'later'), 2000);\n"
    lab.function("f", {"index.js": code}, **NODE)
    assert lab.invoke("f").value == "later"
    assert lab.world.clock.elapsed == 2


def test_globals_survive_and_time_is_virtual(lab):
    code = "let n = 0;\nexports.handler = async () => [++n, new Date().toISOString()];\n"
    lab.function("f", {"index.js": code}, **NODE)
    assert lab.invoke("f").value == [1, "2026-01-01T00:00:00.000Z"]
    lab.world.advance(60)
    assert lab.invoke("f").value == [2, "2026-01-01T00:01:00.000Z"]


def test_an_error_is_reported_and_logged(lab):
    code = "exports.handler = async () => { console.log('before', 1); throw new TypeError('no'); };\n"
    lab.function("f", {"index.js": code}, **NODE)
    answer = lab.invoke("f")
    assert (answer.error, answer.value["errorType"], answer.value["errorMessage"]) == (
        "Unhandled",
        "TypeError",
        "no",
    )
    assert answer.value["trace"][1].strip().startswith("at exports.handler (/var/task/index.js:1:")
    assert "\tINFO\tbefore 1\n" in answer.log


def test_a_timeout_is_virtual(lab):
    code = "exports.handler = () => new Promise((done) => setTimeout(done, 60000));\n"
    lab.function("f", {"index.js": code}, **NODE)
    assert lab.invoke("f").value["errorType"] == "Sandbox.Timedout"
    assert lab.world.clock.elapsed == 3


@pytest.mark.parametrize(("files", "kind"), [
    ({"other.js": ""}, "Runtime.ImportModuleError"),
    ({"index.js": "exports.other = 1;\n"}, "Runtime.HandlerNotFound"),
    ({"index.js": "exports.handler = async ( => {\n"}, "Runtime.UserCodeSyntaxError"),
    ({"index.js": "require('nowhere');\n"}, "Runtime.ImportModuleError"),
])  # fmt: skip
def test_a_handler_that_cannot_be_loaded(lab, files, kind):
    lab.function("f", files, **NODE)
    assert lab.invoke("f").value["errorType"] == kind


WAYS = {
    "a socket": "require('net').connect(80, 'sqs.us-east-1.amazonaws.com')",
    "HTTP/2": "require('http2').connect('https://kinesis.us-east-1.amazonaws.com')",
}


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("how", ["invoked", "by an event"])
def test_another_way_to_aws_is_refused_by_name_whatever_the_handler_makes_of_it(lab, way, how):
    code = f"""
        exports.handler = () => new Promise((done) => {{
          try {{
            {WAYS[way]}.on("error", () => done("swallowed"));
          }} catch (error) {{ done("swallowed"); }}
        }});
        """
    lab.function("f", {"index.js": code}, **NODE)
    if how == "by an event":
        lab.send_event("f")
    drive = lab.run if how == "by an event" else lambda: lab.invoke("f")
    with pytest.raises(
        CapabilityMissing, match=r"not emulated: what f \(nodejs20\.x\) wanted of \w+\.us-east-1"
    ):
        drive()


def test_another_place_of_this_machine_is_not_aws(lab):
    code = """
        const http = require("http");
        exports.handler = () => new Promise((done) => {
          http.get("http://127.0.0.1:1/", () => done("answered")).on("error", () => done("closed"));
        });
        """
    lab.function("f", {"index.js": code}, **NODE)
    assert lab.invoke("f").value == "closed"


TMP = {
    "index.js": """
        const fs = require("fs");
        exports.handler = async () => {
          fs.appendFileSync("/tmp/kept", "x");
          await fs.promises.mkdir("/tmp/folder", { recursive: true });
          await fs.promises.rename("/tmp/kept", "/tmp/folder/kept");
          fs.copyFileSync("/tmp/folder/kept", "/tmp/kept");
          const kept = fs.readFileSync("/tmp/kept", "utf8");
          return [fs.readdirSync("/tmp").sort(), kept, fs.existsSync("/tmp/none")];
        };
        """,
    "index.mjs": """
        import { appendFileSync, readFileSync, readdirSync, mkdirSync, existsSync } from "node:fs";
        export const handler = async () => {
          appendFileSync("/tmp/kept", "x");
          mkdirSync("/tmp/folder", { recursive: true });
          return [readdirSync("/tmp").sort(), readFileSync("/tmp/kept", "utf8"), existsSync("/tmp/none")];
        };
        """,
}


@pytest.mark.parametrize("file", sorted(TMP))
def test_tmp_is_the_environments_own(lab, file):
    for name in ("f", "g"):
        lab.function(name, {file: TMP[file]}, **NODE)
        assert lab.invoke(name).value == [["folder", "kept"], "x", False]
    assert lab.invoke("f").value == [["folder", "kept"], "xx", False]
    lab.service.runner.cool()
    assert lab.invoke("f").value == [["folder", "kept"], "x", False]
