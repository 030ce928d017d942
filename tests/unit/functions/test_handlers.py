"""What a Python handler sees, and what becomes of its result."""

from __future__ import annotations

import os
import sys
import time

import pytest


def test_a_handler_gets_its_event_and_answers(lab):
    lab.function("echo", "def handler(event, context):\n    return {'got': event}\n")
    assert lab.invoke("echo", {"a": [1, None, "ü"]}).value == {"got": {"a": [1, None, "ü"]}}


def test_the_context_is_that_of_lambda(lab):
    lab.function(
        "f",
        """
        def handler(event, context):
            return {
                "name": context.function_name, "version": context.function_version,
                "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
                "group": context.log_group_name, "stream": context.log_stream_name,
                "remaining": context.get_remaining_time_in_millis(), "request": context.aws_request_id,
                "custom": context.client_context.custom if context.client_context else None,
            }
        """,
        Timeout=7,
        MemorySize=256,
    )
    answer = lab.invoke("f", ClientContext="eyJjdXN0b20iOiB7ImEiOiAxfX0=")
    assert answer.value["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:f"
    assert answer.value["memory"] == "256"
    assert answer.value["remaining"] == 7000
    assert answer.value["group"] == "/aws/lambda/f"
    assert answer.value["stream"].startswith("2026/01/01/[$LATEST]")
    assert answer.value["custom"] == {"a": 1}
    assert answer.value["request"] in answer.log


def test_the_environment_is_the_functions_own(lab, monkeypatch):
    monkeypatch.setenv("OF_THE_TEST", "1")
    lab.function(
        "f",
        """
        import os
        def handler(event, context):
            os.environ["LEFT"] = "behind"
            return dict(os.environ)
        """,
        variables={"TABLE": "t"},
    )
    seen = lab.invoke("f").value
    assert seen["TABLE"] == "t"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert seen["AWS_REGION"] == "us-east-1"
    assert "OF_THE_TEST" not in seen
    assert "LEFT" not in os.environ
    assert os.environ["OF_THE_TEST"] == "1"


def test_globals_survive_within_an_environment(lab):
    lab.function(
        "f", "calls = []\ndef handler(event, context):\n    calls.append(1)\n    return len(calls)\n"
    )
    assert [lab.invoke("f").value for _ in range(3)] == [1, 2, 3]


def test_two_functions_with_one_module_name_do_not_meet(lab):
    for name in ("a", "b"):
        files = {"app.py": "import helper\ndef handler(event, context):\n    return helper.NAME\n"}
        lab.function(name, {**files, "helper.py": f"NAME = {name!r}\n"})
    assert [lab.invoke(name).value for name in "abab"] == ["a", "b", "a", "b"]
    assert "app" not in sys.modules
    assert "helper" not in sys.modules


def test_a_module_that_is_loaded_anew_hides_nothing(lab):
    """Libraries (moto's S3) take the last module out and put it in again."""
    code = """
        import sys
        def handler(event, context):
            own = (__name__, "_stackproof_last")
            last = next(name for name in reversed(sys.modules) if name not in own)
            sys.modules[last] = sys.modules.pop(last)
        """
    lab.function("before", "def handler(event, context): return 1\n")
    lab.invoke("before")  # nothing else is loaded any more
    lab.function("f", code)
    assert not lab.invoke("f").error
    assert "app" not in sys.modules


def test_a_module_imported_within_the_handler_is_the_functions_own(lab):
    for name in ("a", "b"):
        files = {"app.py": "def handler(event, context):\n    import late\n    return late.NAME\n"}
        lab.function(name, {**files, "late/__init__.py": f"NAME = {name!r}\n"})
    assert [lab.invoke(name).value for name in "aab"] == ["a", "a", "b"]
    assert "late" not in sys.modules


def test_modules_of_the_test_are_out_of_sight(lab, tmp_path, monkeypatch):
    (tmp_path / "only_in_the_test.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_in_the_test  # noqa: F401 - it must be loaded

    lab.function("f", "import only_in_the_test\ndef handler(event, context):\n    return 1\n")
    answer = lab.invoke("f")
    assert answer.value["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'only_in_the_test'" in answer.value["errorMessage"]


def test_boto3_within_a_handler_acts_as_its_role(lab):
    lab.function(
        "f",
        """
        import boto3
        def handler(event, context):
            boto3.client("sqs").create_queue(QueueName="made-inside")
        """,
    )
    guarded = []
    lab.world.guards.append(lambda service, operation, params, caller: guarded.append((operation, caller)))
    lab.invoke("f")
    caller = next(caller for operation, caller in guarded if operation == "CreateQueue")
    assert caller.arn == "arn:aws:sts::123456789012:assumed-role/runs-functions/f"
    assert lab.sqs.get_queue_url(QueueName="made-inside")["QueueUrl"]


def test_sleeping_takes_virtual_time_only(lab):
    lab.function(
        "f",
        """
        import time, datetime
        def handler(event, context):
            before = time.time()
            time.sleep(100)
            return [time.time() - before, context.get_remaining_time_in_millis(),
                    datetime.datetime.now(datetime.timezone.utc).isoformat()]
        """,
        Timeout=120,
    )
    real = time.perf_counter()
    answer = lab.invoke("f")
    assert answer.value == [100.0, 20_000, "2026-01-01T00:01:40+00:00"]
    assert "Duration: 100000.00 ms" in answer.log
    assert time.perf_counter() - real < 50


def test_random_values_repeat_with_the_seed(make_lab):
    code = """
    import os, random, uuid
    def handler(event, context):
        return [random.random(), str(uuid.uuid4()), os.urandom(4).hex(), context.aws_request_id]
    """
    seen = []
    for seed in (1, 1, 2):
        lab = make_lab(seed=seed)
        lab.function("f", code)
        seen.append(lab.invoke("f").value)
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_an_error_has_lambdas_shape_and_the_users_frames_only(lab):
    lab.function("f", {
        "app.py": "from lib.deep import fail\ndef handler(event, context):\n    fail()\n",
        "lib/deep.py": "def fail():\n    raise KeyError('gone')\n",
    })  # fmt: skip
    answer = lab.invoke("f")
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "KeyError"
    assert answer.value["errorMessage"] == "'gone'"
    assert answer.value["requestId"]
    assert answer.value["stackTrace"] == [
        '  File "/var/task/app.py", line 3, in handler\n    fail()\n',
        "  File \"/var/task/lib/deep.py\", line 2, in fail\n    raise KeyError('gone')\n",
    ]
    assert "[ERROR] KeyError: 'gone'\nTraceback (most recent call last):\n" in answer.log


@pytest.mark.parametrize(
    ("code", "settings", "kind", "message"),
    [
        ("import nowhere\n", {}, "Runtime.ImportModuleError",
         "Unable to import module 'app': No module named 'nowhere'"),
        ("x = 1\n", {}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def broken(:\n", {}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("def handler(e, c):\n    return 1\n", {"Handler": "app"}, "Runtime.MalformedHandlerName",
         "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
        ("1 / 0\n", {}, "ZeroDivisionError", "division by zero"),
    ],
)  # fmt: skip
def test_an_environment_that_cannot_start_says_why(lab, code, settings, kind, message):
    lab.function("f", code, **settings)
    answer = lab.invoke("f")
    assert (answer.error, answer.value["errorType"]) == ("Unhandled", kind)
    assert answer.value["errorMessage"].startswith(message)


def test_after_a_failed_start_the_next_invocation_tries_again(lab):
    lab.function("f", "import os\nos.stat(os.environ['FILE'])\ndef handler(e, c):\n    return 'up'\n",
                 variables={"FILE": str(lab.folder / "f" / "flag")})  # fmt: skip
    assert lab.invoke("f").value["errorType"] == "FileNotFoundError"
    (lab.folder / "f" / "flag").write_text("")
    assert lab.invoke("f").value == "up"


def test_a_result_that_is_no_json_is_a_marshal_error(lab):
    lab.function("f", "def handler(event, context):\n    return {1, 2}\n")
    answer = lab.invoke("f")
    assert answer.value["errorType"] == "Runtime.MarshalError"
    assert answer.value["errorMessage"].startswith("Unable to marshal response: Object of type set")


def test_a_decimal_becomes_a_number(lab):
    lab.function("f", "import decimal\ndef handler(e, c):\n    return {'n': decimal.Decimal('1.10')}\n")
    response = lab.aws.invoke(FunctionName="f")
    assert response["Payload"].read() == b'{"n": 1.10}'


def test_exit_ends_the_environment(lab):
    lab.function("f", "import sys\ncalls = []\ndef handler(event, context):\n    calls.append(1)\n"
                 "    if event.get('exit'):\n        sys.exit(3)\n    return len(calls)\n")  # fmt: skip
    assert lab.invoke("f").value == 1
    answer = lab.invoke("f", {"exit": True})
    assert answer.value["errorType"] == "Runtime.ExitError"
    assert answer.value["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert lab.invoke("f").value == 1


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("exit 0", "Runtime exited without providing a reason"),
        ("exit 7", "Runtime exited with error: exit status 7"),
        ("kill -KILL $$", "Runtime exited with error: signal: killed"),
    ],
)
@pytest.mark.parametrize("call", ["execv('/bin/sh', args)", "execvpe('sh', args, {})"])
def test_a_handler_that_executes_another_program_ends_its_environment(lab, call, program, reason):
    lab.function(
        "f",
        f"import os\nargs = ['sh', '-c', {program!r}]\n"
        "def handler(event, context):\n    try:\n"
        f"        os.{call}\n    except Exception:\n        return 'here'\n",
    )
    assert lab.invoke("f").value["errorMessage"].endswith(f"Error: {reason}")


@pytest.mark.parametrize("swallows", ["except:", "except BaseException as e:"])
def test_a_handler_that_swallows_everything_is_timed_out_all_the_same(lab, swallows):
    lab.function("f", "import time\ncalls = []\ndef handler(event, context):\n    calls.append(1)\n    try:\n"
                 f"        time.sleep(event.get('sleep', 0))\n    {swallows}\n        pass\n"
                 "    return len(calls)\n", Timeout=3)  # fmt: skip
    assert lab.invoke("f").value == 1
    answer = lab.invoke("f", {"sleep": 30})
    assert (answer.error, answer.value["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert lab.world.clock.elapsed == 3
    assert lab.invoke("f").value == 1


def test_a_timeout_is_virtual_and_costs_the_environment(lab):
    lab.function("f", "import time\ncalls = []\ndef handler(event, context):\n    calls.append(1)\n"
                 "    time.sleep(event.get('sleep', 0))\n    return len(calls)\n", Timeout=3)  # fmt: skip
    assert lab.invoke("f").value == 1
    answer = lab.invoke("f", {"sleep": 30})
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "Sandbox.Timedout"
    assert answer.value["errorMessage"].endswith("Error: Task timed out after 3.00 seconds")
    assert "Task timed out after 3.00 seconds" in answer.log
    assert lab.world.clock.elapsed == 3
    assert lab.invoke("f").value == 1


def test_nothing_runs_after_a_timeout(lab):
    lab.queue("q")
    lab.function(
        "f",
        """
        import time, boto3
        def handler(event, context):
            sqs = boto3.client("sqs")
            try:
                time.sleep(10)
            finally:
                sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="q")["QueueUrl"], MessageBody="late")
        """,
    )
    lab.invoke("f")
    assert lab.bodies(lab.sqs.get_queue_url(QueueName="q")["QueueUrl"]) == []


def test_print_and_logging_go_to_the_log_group(lab):
    lab.function(
        "f",
        """
        import logging, sys
        logger = logging.getLogger(__name__)
        def handler(event, context):
            print("plain", "text")
            print("no newline", end="", file=sys.stderr)
            logger.warning("careful: %s", event["n"])
            logger.info("not shown at the default level")
        """,
    )
    lab.invoke("f", {"n": 1})
    events = lab.backend.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    messages = [event["message"] for event in events]
    assert messages[0].startswith("START RequestId: ")
    assert messages[1] == "plain text\n"
    assert any(text.startswith("no newline") for text in messages)
    assert any("[WARNING]\t2026-01-01T00:00:00.000Z\t" in text and "careful: 1" in text for text in messages)
    assert not any("not shown" in text for text in messages)
    assert messages[-1].startswith("REPORT RequestId: ")


def test_loggers_of_two_functions_do_not_meet(lab):
    loud = "import logging\nlogging.getLogger().setLevel('DEBUG')\ndef handler(e, c):\n    return 1\n"
    lab.function("loud", loud)
    lab.function("calm", "import logging\ndef handler(e, c):\n    return logging.getLogger().level\n")
    lab.invoke("loud")
    assert lab.invoke("calm").value == 30


def test_the_working_directory_is_the_code(lab):
    files = {"app.py": "def handler(e, c):\n    return open('data.txt').read()\n", "data.txt": "here"}
    lab.function("f", files)
    before = os.getcwd()
    assert lab.invoke("f").value == "here"
    assert os.getcwd() == before


def test_a_handler_in_a_folder_of_its_own(lab):
    lab.function("f", {"src/app.py": "def handler(e, c):\n    return __name__\n"}, Handler="src/app.handler")
    assert lab.invoke("f").value == "src.app"


def test_changed_code_is_loaded_after_an_update(lab):
    lab.function("f", "def handler(e, c):\n    return 1\n")
    assert lab.invoke("f").value == 1
    (lab.folder / "f" / "app.py").write_text("def handler(e, c):\n    return 2\n")
    assert lab.invoke("f").value == 1
    lab.aws.update_function_code(FunctionName="f", ZipFile=b"-")
    assert lab.invoke("f").value == 2


def test_a_thread_of_a_handler_runs_under_the_fabric(lab):
    lab.function(
        "f",
        """
        import time
        from concurrent.futures import ThreadPoolExecutor
        def work(n):
            time.sleep(n)
            return n
        def handler(event, context):
            started = time.time()
            with ThreadPoolExecutor(3) as pool:
                found = list(pool.map(work, [1, 2, 3]))
            return [found, time.time() - started]
        """,
        Timeout=30,
    )
    assert lab.invoke("f").value == [[1, 2, 3], 3.0]


def test_an_unknown_runtime_is_said_loudly(lab):
    from stackproof.errors import CapabilityMissing

    lab.function("f", {"bootstrap": ""}, Runtime="provided.al2023", Handler="x")
    with pytest.raises(CapabilityMissing, match=r"not emulated: runtime provided\.al2023"):
        lab.invoke("f")


WRITER = """
import os, tempfile
def handler(event, context):
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as file:
        file.write("fine")
    try:
        if event.get("remove"):
            os.remove("data.txt")
        else:
            open("new.txt", "w")
    except OSError as error:
        return [type(error).__name__, error.errno, error.filename]
    return "written"
"""


@pytest.mark.parametrize("event", [{}, {"remove": True}])
def test_on_request_only_tmp_can_be_written(lab, event):
    lab.service.read_only = True
    lab.function("f", {"app.py": WRITER, "data.txt": "kept"})
    name = "data.txt" if event else "new.txt"
    assert lab.invoke("f", event).value == ["OSError", 30, name]
    assert (lab.folder / "f" / "data.txt").read_text() == "kept"
    (lab.folder / "of-the-test").write_text("free")


@pytest.mark.parametrize("event", [{}, {"remove": True}])
def test_without_request_the_folder_of_the_code_alone_is_read_only(lab, event):
    lab.function("f", {"app.py": WRITER, "data.txt": "kept"})
    name = "data.txt" if event else "new.txt"
    assert lab.invoke("f", event).value == ["OSError", 30, name]
    assert sorted(path.name for path in (lab.folder / "f").iterdir()) == ["app.py", "data.txt"]


def test_nothing_is_moved_into_the_folder_of_the_code_and_nothing_compiled_beside_it(lab):
    lab.function("f", {"app.py": """
        import importlib.util, os
        def handler(event, context):
            spec = importlib.util.spec_from_file_location("other", os.path.abspath("other.py"))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            with open("/tmp/fine.txt", "w") as file:
                file.write("fine")
            try:
                os.rename("/tmp/fine.txt", os.path.abspath("fine.txt"))
            except OSError as error:
                return [module.value, error.errno]
    """, "other.py": "value = 1"})  # fmt: skip
    assert lab.invoke("f").value == [1, 30]
    assert sorted(path.name for path in (lab.folder / "f").iterdir()) == ["app.py", "other.py"]
