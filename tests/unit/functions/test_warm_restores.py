"""Execution environments come back from a snapshot as they were, or cold with the reason in the journal."""

from __future__ import annotations

import json
import textwrap

import pytest

from stackproof.fabric.functions import frozen

KEEPS = {
    "a global": """
        n = 0
        def handler(e, c):
            global n
            n += 1
            return n
        """,
    "containers": """
        import array, collections
        l, d, s, q, b = [], {}, set(), collections.deque(maxlen=3), bytearray()
        o, f, a = collections.OrderedDict(), collections.defaultdict(list), array.array("i")
        count = collections.Counter()
        def handler(e, c):
            n = len(l)
            l.insert(0, n); d[n] = {"deep": [n]}; d[0]["deep"].append(n); s.add(n * 8); q.append(n)
            b.append(n); o[n] = n; o.move_to_end(0); f[n % 2].append(n); a.append(n); count.update("ab")
            return [l, list(d.items()), list(s), list(q), list(b), list(o), f, list(a), count]
        """,
    "instances, slots and classes": """
        import dataclasses, enum
        class Slots:
            __slots__ = ("n", "__secret")
            def more(self):
                self.n = getattr(self, "n", 0) + 1
                self.__secret = getattr(self, "_Slots__secret", 0) + 2
                return [self.n, self.__secret]
        @dataclasses.dataclass(frozen=True, slots=True)
        class Frozen:
            held: list
        class Kind(enum.Enum):
            A = 1
        class Box:
            total = 0
        slots, kept, box = Slots(), Frozen([]), Box()
        def handler(e, c):
            Box.total += 1
            box.__dict__ = {"n": getattr(box, "n", 0) + 1}
            if Box.total == 3:
                Box.extra = property(lambda self: "extra")
                Kind.A.note = "late"
            kept.held.append(1)
            extra = [getattr(box, "extra", ""), hasattr(Kind.A, "note")]
            return [slots.more(), len(kept.held), Box.total, box.n, extra]
        """,
    "closures, defaults and attributes of functions": """
        def counter():
            n = 0
            def more():
                nonlocal n
                n += 1
                return n
            return more
        more = counter()
        def collect(found=[], *, named={}):
            found.append(1); named[len(found)] = 1
            return len(found) + len(named)
        def handler(e, c):
            handler.calls = getattr(handler, "calls", 0) + 1
            step.__defaults__ = (step() + 1,)
            return [more(), collect(), handler.calls, step()]
        def step(n=0):
            return n
        """,
    "caches": """
        import functools
        calls = []
        @functools.lru_cache(maxsize=2)
        def bounded(x):
            calls.append(x)
            return x
        @functools.cache
        def endless(x):
            calls.append(x)
            return x
        class Lazy:
            @functools.cached_property
            def value(self):
                calls.append("lazy")
                return len(calls)
            @functools.lru_cache
            def method(self, x):
                calls.append("method")
                return x
        lazy = Lazy()
        def handler(e, c):
            n = len(calls)
            if n > 5:
                lazy.value
            bounded(n % 3), bounded(1), endless(n % 4), lazy.method(n % 2)
            return [list(map(str, calls)), str(bounded.cache_info()), str(endless.cache_info())]
        """,
    "iterators": """
        import itertools
        ids, ring, rest = itertools.count(5), itertools.cycle("abc"), iter([1, 2, 3, 4, 5, 6])
        held = {"ids": ids}
        def handler(e, c):
            return [next(ids), next(held["ids"]), next(ring), next(ring), next(rest)]
        """,
    "random, text in memory, decimals": """
        import decimal, io, random
        generator, text, data = random.Random(3), io.StringIO(), io.BytesIO()
        def handler(e, c):
            text.write("x"); data.write(b"y")
            decimal.getcontext().prec += 1
            drawn = [generator.random(), random.random()]
            return [drawn, text.getvalue(), data.tell(), str(decimal.Decimal(1) / 3)]
        """,
    "context variables": """
        import contextvars
        var = contextvars.ContextVar("var", default=())
        def handler(e, c):
            var.set((*var.get(), len(var.get())))
            return var.get()
        """,
    "environment variables and working directory": """
        import os
        def handler(e, c):
            os.environ["N"] = os.environ.get("N", "") + "x"
            os.makedirs("/tmp/" + os.environ["N"])
            before = os.getcwd()
            os.chdir("/tmp/" + os.environ["N"])
            return [os.environ["N"], before[-5:] if before.startswith("/tmp/x") else ""]
        """,
    "/tmp": """
        import os, pathlib
        def handler(e, c):
            with open("/tmp/a", "a") as file:
                file.write("x")
            folder = pathlib.Path("/tmp/d/e")
            n = len(list(folder.glob("*"))) if folder.exists() else 0
            folder.mkdir(parents=True, exist_ok=True)
            (folder / str(n)).write_text(str(n))
            if n == 1:
                os.symlink("/tmp/a", "/tmp/link"); os.remove("/tmp/d/e/0"); (folder / "z").touch()
            if n == 2:
                os.remove("/tmp/a")
            there = sorted(str(one) for one in pathlib.Path("/tmp").rglob("*"))
            return [there, os.path.exists("/tmp/a") and open("/tmp/a").read()]
        """,
    "loggers": """
        import logging
        log = logging.getLogger("mine")
        def handler(e, c):
            log.setLevel(log.level + 10)
            root = logging.getLogger()
            root.handlers[0].setFormatter(logging.Formatter(f"{log.level} %(message)s"))
            logging.getLogger(f"other{log.level}").disabled = True
            return [log.level, root.handlers[0].formatter._fmt, len(logging.root.manager.loggerDict)]
        """,
    "clients made late": """
        import boto3
        table = None
        def handler(e, c):
            global table
            first = table is None
            table = table or boto3.resource("dynamodb").Table("t")
            n = int(table.update_item(
                Key={"k": "x"}, UpdateExpression="ADD n :n", ExpressionAttributeValues={":n": 1},
                ReturnValues="ALL_NEW",
            )["Attributes"]["n"])
            return [first, n]
        """,
    "a tracer": """
        import boto3
        from aws_lambda_powertools import Tracer
        tracer = Tracer(service="s")
        calls = []
        @tracer.capture_method
        def more():
            calls.append(boto3.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"])
        @tracer.capture_lambda_handler
        def handler(e, c):
            more()
            return calls
        """,
    "named tuples and typed models": """
        import collections
        import pydantic
        Pair = collections.namedtuple("Pair", "left right")
        class Model(pydantic.BaseModel):
            n: int = 0
            held: list[int] = []
        pair, model = Pair([], {}), Model()
        def handler(e, c):
            model.n += 1
            model.held.append(model.n)
            pair.left.append(model.n)
            return [pair.left, model.model_dump()]
        """,
    "locks and queues": """
        import queue, threading
        lock, jobs, ready = threading.RLock(), queue.Queue(), threading.Event()
        def handler(e, c):
            with lock:
                jobs.put(jobs.qsize())
            was, _ = ready.is_set(), ready.set()
            return [jobs.qsize(), was]
        """,
    "a module imported late": """
        calls = []
        def handler(e, c):
            calls.append(1)
            if len(calls) > 2:
                import late
                return late.more()
            return "not yet"
        """,
}
LATE = {"late.py": "n = 0\ndef more():\n    global n\n    n += 1\n    return n\n"}


@pytest.fixture
def table(lab):
    lab.backend.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def cold(lab):
    return [
        (entry.target, json.loads(entry.detail)) for entry in lab.world.journal.entries(verb="lambda.Cold")
    ]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("what", KEEPS)
def test_what_an_environment_holds_comes_back(lab, what):
    lab.function("f", {"app.py": textwrap.dedent(KEEPS[what]), **LATE})
    for _ in range(2):
        assert not lab.invoke("f").error
    early = lab.world.snapshot()
    course = [lab.invoke("f").value for _ in range(2)]
    late = lab.world.snapshot()
    course += [lab.invoke("f").value for _ in range(2)]
    assert len({json.dumps(value) for value in course}) > 1
    for state, rest in ((early, course), (late, course[2:]), (late, course[2:]), (early, course)):
        lab.world.restore(state)
        again = [lab.invoke("f").value for _ in rest]
        assert again == rest, cold(lab)
    assert cold(lab) == []


def test_an_environment_that_ended_since_is_warm_again(lab):
    code = """
        import sys, time
        seen = []
        def handler(event, context):
            seen.append(event.get("do", ""))
            with open("/tmp/kept", "a") as file:
                file.write("x")
            if event.get("do") == "exit":
                sys.exit(1)
            if event.get("do") == "sleep":
                time.sleep(60)
            return [seen, open("/tmp/kept").read()]
        """
    lab.function("f", code)
    lab.invoke("f")
    state = lab.world.snapshot()
    for how in ("exit", "sleep", ""):
        lab.invoke("f", {"do": how})
        if not how:
            lab.aws.update_function_configuration(FunctionName="f", Timeout=9)
        assert lab.invoke("f").value == [[""], "x"]
        lab.world.restore(state)
        assert lab.invoke("f").value == [["", ""], "xx"]
        lab.world.restore(state)


def test_every_environment_has_its_own_state(lab):
    code = """
        import time
        seen = []
        def handler(event, context):
            seen.append(event["n"])
            time.sleep(event.get("sleep", 0))
            return seen
        """
    lab.function("f", code, Timeout=60)
    for n in range(3):
        lab.send_event("f", {"n": n, "sleep": 5})
    lab.run()
    state = lab.world.snapshot()
    found = []
    for _ in range(2):
        for n in range(3):
            lab.send_event("f", {"n": n + 10, "sleep": 5})
        lab.run()
        found.append([done.outcome.payload for done in lab.invocations[-3:]])
        lab.world.restore(state)
    assert found[0] == found[1]
    assert {len(json.loads(one)) for one in found[0]} == {2}


def test_a_cold_function_is_cold_again(lab):
    lab.function("f", KEEPS["a global"])
    state = lab.world.snapshot()
    for _ in range(2):
        assert lab.invoke("f").value == 1
        lab.world.restore(state)
    assert cold(lab) == []


CANNOT = {
    "an open generator": ("stream = (n for n in [1, 2])", "app.stream (generator)", "an open generator"),
    "an open file": ('log = open("/tmp/log", "w")', "app.log (_io.TextIOWrapper)", "an open file"),
    "a socket": ("import socket\nline = socket.socket()", "app.line (socket.socket)", "hidden state"),
    "below other objects": (
        'class Store:\n    def __init__(self):\n        self.files = [open("/tmp/x", "w")]\n'
        'store = {"a": Store()}',
        "app.store (_io.TextIOWrapper)", "an open file",
    ),
    "an object of C code": (
        "import zlib\npacker = zlib.compressobj()", "app.packer (zlib.Compress)", "hidden state",
    ),
    "a body that is read": (
        "import io\nfrom botocore.response import StreamingBody\nbody = StreamingBody(io.BytesIO(b'x'), 1)",
        "app.body (botocore.response.StreamingBody)", "an open file",
    ),
    "a socket of TLS": (
        "import socket, ssl\nline = ssl.create_default_context().wrap_socket(socket.socket(), "
        "do_handshake_on_connect=False, server_hostname='a')",
        "app.line (ssl.SSLSocket)", "hidden state",
    ),
    "a reader of CSV": ("import csv\nrows = csv.reader(['a', 'b'])", "app.rows (_csv.reader)", "an iterator"),
    "values of threads": (
        "import threading\nlocal = threading.local()", "app.local (_thread._local)", "belong to threads",
    ),
    "an iterator that cannot be set back": (
        "pairs = zip([1], [2])", "app.pairs (zip)", "an iterator that cannot be set back",
    ),
    "an iterator in a tuple": (
        "import itertools\nheld = (itertools.count(),)", "app.held (itertools.count)", "what cannot change",
    ),
    "a pipe in /tmp": ('import os\nos.mkfifo("/tmp/pipe")', "/tmp/pipe", "neither a file nor a folder"),
    "a thread": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
        "pool.submit(len, '')",
        "ThreadPoolExecutor-*_*", "a thread that goes on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CANNOT)
def test_what_cannot_be_captured_makes_it_cold_and_is_named(lab, what):
    code, named, why = CANNOT[what]
    lab.function("f", f"{code}\nruns = []\ndef handler(e, c):\n    runs.append(1)\n    return len(runs)")
    lab.function("g", KEEPS["a global"])
    assert [lab.invoke("f").value, lab.invoke("f").value, lab.invoke("g").value] == [1, 2, 1]
    state = lab.world.snapshot()
    assert lab.invoke("f").value == 3  # the snapshot alone changes nothing
    for _ in range(2):
        lab.world.restore(state)
        ((function, detail),) = cold(lab)
        assert (function, detail["object"]) == ("f", named)
        assert why in detail["reason"]
        assert [lab.invoke("f").value, lab.invoke("g").value] == [1, 2]


def test_an_environment_that_cannot_be_put_back_is_cold(lab):
    code = """
        import io
        text = io.StringIO()
        runs = []
        def handler(e, c):
            runs.append(1)
            text.write("x") if len(runs) < 2 else text.close()
            return len(runs)
        """
    lab.function("f", code)
    lab.invoke("f")
    state = lab.world.snapshot()
    lab.invoke("f")
    lab.world.restore(state)
    ((_, detail),) = cold(lab)
    assert "could not be put back" in detail["reason"]
    assert lab.invoke("f").value == 1


def test_finished_generators_and_closed_files_are_no_hindrance(lab):
    code = 'stream = (n for n in [])\nlist(stream)\nfile = open("/tmp/x", "w")\nfile.close()\n'
    lab.function("f", code + textwrap.dedent(KEEPS["a global"]))
    lab.invoke("f")
    lab.world.restore(lab.world.snapshot())
    assert (lab.invoke("f").value, cold(lab)) == (2, [])


def test_powertools_keep_what_they_hold(lab, table):
    lab.backend.client("ssm").put_parameter(Name="/p", Value="1", Type="String")
    code = """
        from aws_lambda_powertools import Logger, Metrics, Tracer
        from aws_lambda_powertools.utilities import parameters
        from aws_lambda_powertools.utilities.idempotency import (
            DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function,
        )
        logger, metrics = Logger(service="s"), Metrics(namespace="n", service="s")
        store = DynamoDBPersistenceLayer(table_name="t", key_attr="k")
        runs = []
        @idempotent_function(
            data_keyword_argument="order", persistence_store=store,
            config=IdempotencyConfig(use_local_cache=True, expires_after_seconds=60),
        )
        def once(order):
            runs.append(order)
            return len(runs)
        @logger.inject_lambda_context
        @metrics.log_metrics(capture_cold_start_metric=True)
        def handler(event, context):
            logger.append_keys(**{f"run{len(runs)}": 1})
            value = parameters.get_parameter("/p", max_age=10**6)
            return [once(order=event["order"]), value, sorted(logger.get_current_keys()), runs]
        """
    lab.function("f", code)
    lab.invoke("f", {"order": {"id": 1}})
    state = lab.world.snapshot()
    found = []
    for _ in range(2):
        lab.backend.client("ssm").put_parameter(Name="/p", Value="2", Type="String", Overwrite=True)
        answers = [lab.invoke("f", {"order": {"id": n}}) for n in (1, 2, 2)]
        found.append([(one.value, "ColdStart" in one.log) for one in answers])
        calls = [entry.verb for entry in lab.world.journal.entries(actor="f")]
        found[-1].append(calls)
        lab.world.restore(state)
    assert found[0] == found[1]
    assert [value[:2] for value, _ in found[0][:3]] == [[1, "1"], [2, "1"], [2, "1"]]
    assert cold(lab) == []


def test_arrays_of_numpy_come_back(lab):
    pytest.importorskip("numpy", reason="numpy is not installed here")
    code = """
        import numpy
        numbers, table = numpy.zeros(3), {"a": numpy.eye(2, dtype=int)}
        def handler(e, c):
            numbers[0] += 1
            table["a"][:, 1] *= 3
            return [numbers.tolist(), table["a"].tolist()]
        """
    lab.function("f", code)
    lab.invoke("f")
    state = lab.world.snapshot()
    second = lab.invoke("f").value
    lab.world.restore(state)
    assert (lab.invoke("f").value, cold(lab)) == (second, [])


def test_what_did_not_run_since_is_not_captured_again(lab, monkeypatch):
    taken = []
    capture = frozen.captured
    monkeypatch.setattr(frozen, "captured", lambda *given: taken.append(1) or capture(*given))
    for name in ("f", "g"):
        lab.function(name, KEEPS["a global"])
        lab.invoke(name)
    first = lab.world.snapshot()
    lab.world.snapshot()
    assert len(taken) == 2
    lab.invoke("f")
    lab.world.snapshot()
    assert len(taken) == 3
    lab.world.restore(first)
    lab.world.snapshot()
    assert len(taken) == 3


def test_a_wait_since_the_snapshot_changes_nothing(lab):
    """What a handler reads of the clock is the world's, which is taken back too."""
    lab.function(
        "f", "import time\nseen = []\ndef handler(e, c):\n    seen.append(time.time())\n    return seen"
    )
    lab.invoke("f")
    state = lab.world.snapshot()
    lab.world.advance(10)
    first = lab.invoke("f").value
    lab.world.restore(state)
    lab.world.advance(10)
    assert lab.invoke("f").value == first
