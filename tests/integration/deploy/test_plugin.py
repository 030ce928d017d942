"""The pytest plugin, run in processes of its own: what a test author sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os, socket
import boto3, pytest
from stackproof.errors import CapabilityMissing

TEMPLATE = {
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    }
}

def test_first_world(stack, aws):
    made = stack(TEMPLATE)
    aws.sqs.send_message(QueueUrl=made.queue("Queue"), MessageBody="only here")

def test_second_world_knows_nothing_of_the_first(fabric, aws):
    assert "QueueUrls" not in aws.sqs.list_queues()
    assert len(fabric.journal) == 1

def test_fails(stack, aws, fabric):
    made = stack(TEMPLATE)
    aws.sqs.send_message(QueueUrl=made.queue("Queue"), MessageBody="the message")
    assert fabric.now == "never"

def test_cannot_deploy(stack):
    stack({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5000}}}})

def test_needs_more_than_there_is(fabric):
    fabric.need("time-travel")

@pytest.mark.stack_backend("localstack")
def test_of_another_backend(stack):
    raise AssertionError

@pytest.mark.fabric(region="eu-west-1", journal="counts")
def test_elsewhere(stack):
    assert stack(TEMPLATE).id.split(":")[3] == "eu-west-1"

@pytest.mark.fabric(colour="red")
def test_wrong_marker(fabric):
    raise AssertionError

def test_credentials_are_fake_and_nothing_leaves_the_machine(fabric):
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "stackproof"
    assert boto3.client("sts", region_name="us-east-1").get_caller_identity()["Account"] == "123456789012"
    with pytest.raises(Exception, match="refused"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)

def test_old_runtime(stack):
    function = {
        "Runtime": "python3.8", "Handler": "index.handler", "Role": "arn:aws:iam::123456789012:role/r",
        "Code": {"ZipFile": "def handler(event, context): pass"},
    }
    stack({"Resources": {"Old": {"Type": "AWS::Lambda::Function", "Properties": function}}})

def test_snapshot_takes_stacks_along(stack, fabric, aws):
    made = stack(TEMPLATE)
    before = fabric.snapshot()
    made.delete()
    other = stack({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}, name="other")
    fabric.restore(before)
    assert made.status == "CREATE_COMPLETE"
    assert aws.sqs.list_queues()["QueueUrls"] == [made.queue("Queue")]
    assert other.status == "DELETE_COMPLETE"
"""


def run(folder: Path, *arguments: str, code: int | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "AWS_"))}
    workers = () if "-n2" in arguments else ("-p", "no:xdist")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *workers, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    assert code is None or done.returncode == code, text
    return text


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_it.py").write_text(TESTS)
    return run(folder, "-rA", "test_it.py", code=1)


def outcome(output, name):
    found = re.search(rf"^(PASSED|FAILED|ERROR) test_it\.py::{name}\b", output, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize(
    "name",
    [
        "test_first_world",
        "test_second_world_knows_nothing_of_the_first",
        "test_elsewhere",
        "test_credentials_are_fake_and_nothing_leaves_the_machine",
        "test_snapshot_takes_stacks_along",
    ],
)
def test_a_world_for_each_test(output, name):
    assert outcome(output, name) == "PASSED", output


def section(output, name):
    return output.split(f"____ {name} ____")[1].split("\n____")[0]


def test_a_failure_shows_the_users_line_and_the_journal(output):
    text = section(output, "test_fails")
    assert '>       assert fabric.now == "never"' in text
    assert "fabric journal at 2026-01-01T00:00:00.000Z" in text
    assert "test: sqs.SendMessage" in text
    assert '"MessageBody":"the message"' in text


def test_a_failed_deployment_shows_the_reason_and_none_of_our_frames(output):
    text = section(output, "test_cannot_deploy")
    assert "Queue: Invalid value for the parameter DelaySeconds" in text
    assert "test_it.py:" in text
    assert "stackproof/deploy" not in text
    assert "botocore" not in text


def test_a_missing_capability_and_another_backend_are_skips_by_name(output):
    assert re.search(r"^SKIPPED .*embedded lacks 'time-travel'", output, re.MULTILINE)
    assert re.search(r"^SKIPPED .*runs on localstack, not on embedded", output, re.MULTILINE)


def test_a_marker_with_a_wrong_option_is_told(output):
    assert "@pytest.mark.fabric has no option 'colour'; there are: seed, journal" in output


def test_the_summary_names_what_is_not_emulated_once(output):
    summary = output.split("stackproof: not wholly emulated")[1]
    assert summary.count("not emulated: AWS::EC2::VPC (Vpc) at <template>:") == 1


def test_the_summary_says_what_aws_would_say(output):
    remarks = output.split("stackproof: AWS would say")[1]
    assert remarks.count("AWS::Lambda::Function (Old): AWS deprecated python3.8 on 2024-10-14") == 1


def test_parallel_workers_do_not_see_each_other_and_their_summaries_join(tmp_path):
    pytest.importorskip("xdist")
    (tmp_path / "test_it.py").write_text(TESTS)
    text = run(tmp_path, "-n2", "-k", "world", "test_it.py", code=0)
    assert "2 passed" in text
    assert "not emulated: AWS::EC2::VPC (Vpc)" in text


def test_starting_pytest_imports_nothing_heavy(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "HEAVY = ('boto3', 'botocore', 'moto', 'cfnlint', 'samtranslator', 'networkx')\n"
        "HEAVY += ('hypothesis', 'msgspec')\n"
        "def pytest_sessionfinish(session):\n"
        "    found = [name for name in HEAVY if name in sys.modules]\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('stackproof.'))\n"
        "    print('imported:', found, ours)\n"
    )
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    text = run(tmp_path, "-s", "-p", "no:hypothesispytest", "-p", "no:_hypothesis_pytestplugin", code=0)
    names = ("backends", "backends.compat", "backends.compat.seccomp", "hosts", "hosts.registered")
    names += ("plugin", "plugin.hosts", "plugin.jobs")
    light = [f"stackproof.{name}" for name in names]
    assert f"imported: [] {light}" in text
    assert re.search(
        r"^stackproof: .*, stacks on embedded, hash seed (random|\d+)(, sockets of .*)?$", text, re.MULTILINE
    )


def test_an_unknown_backend_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    text = run(tmp_path, "-o", "stack_backend=azure", code=4)
    assert "stack_backend is 'azure', expected one of embedded" in text


def test_the_seed_decides_ids_and_the_level_can_be_demanded_of_all(tmp_path):
    (tmp_path / "test_seed.py").write_text(
        "def test_id(stack, aws):\n"
        "    made = stack({'Resources': {'Q': {'Type': 'AWS::SQS::Queue'}}})\n"
        "    print('id', aws.sqs.send_message(QueueUrl=made.queue('Q'), MessageBody='x')['MessageId'])\n"
        "def test_level(stack):\n"
        "    vpc = {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.0.0.0/16'}}\n"
        "    stack({'Resources': {'V': vpc}})\n"
    )

    def drawn(seed):
        text = run(tmp_path, "-s", f"--fabric-seed={seed}", "--stack-require=partial", code=1)
        assert "NotEmulated: stack stack is not 'partial' on this backend" in text
        return re.search(r"id (\S+)", text)[1]

    assert drawn(1) != drawn(2)


def test_a_handler_that_swallows_a_call_that_nobody_emulates_fails_the_test_by_name(tmp_path):
    (tmp_path / "test_call.py").write_text(
        "CODE = '''\n"
        "import boto3\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        boto3.client('lexv2-runtime').delete_session(\n"
        "            botId='A' * 10, botAliasId='B' * 10, localeId='en_GB', sessionId='ab')\n"
        "    except Exception:\n"
        "        return 'no matter'\n"
        "'''\n"
        "def test_call(stack, aws):\n"
        "    function = {'Type': 'AWS::Serverless::Function', 'Properties': {\n"
        "        'InlineCode': CODE, 'Handler': 'index.handler', 'Runtime': 'python3.13'}}\n"
        "    made = stack({'Transform': 'AWS::Serverless-2016-10-31', 'Resources': {'F': function}})\n"
        "    answer = aws('lambda').invoke(FunctionName=made.function('F'))\n"
        "    assert answer['Payload'].read() == b'\"no matter\"'\n"
    )
    assert "not emulated: lexv2-runtime.DeleteSession" in run(tmp_path, code=1)


def test_a_handler_that_swallows_a_request_that_nothing_declares_fails_the_test_by_name(tmp_path):
    (tmp_path / "test_call.py").write_text(
        "CODE = '''\n"
        "import urllib.request\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        urllib.request.urlopen('https://hooks.example.com/x')\n"
        "    except Exception:\n"
        "        return 'no matter'\n"
        "'''\n"
        "def test_call(stack, aws):\n"
        "    function = {'Type': 'AWS::Serverless::Function', 'Properties': {\n"
        "        'InlineCode': CODE, 'Handler': 'index.handler', 'Runtime': 'python3.13'}}\n"
        "    made = stack({'Transform': 'AWS::Serverless-2016-10-31', 'Resources': {'F': function}})\n"
        "    answer = aws('lambda').invoke(FunctionName=made.function('F'))\n"
        "    assert answer['Payload'].read() == b'\"no matter\"'\n"
    )
    assert "called GET https://hooks.example.com/x, which nothing declares" in run(tmp_path, code=1)
