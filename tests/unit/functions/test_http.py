"""HTTP doubles: what functions call outside of AWS."""

from __future__ import annotations

import pytest

from stackproof.errors import UsageError
from stackproof.fabric.http import Failure, Response

CALLERS = {
    "urllib": """
        import json, urllib.request
        def handler(event, context):
            request = urllib.request.Request("https://hooks.example.com/a?x=1", data=b"hi", method="POST")
            with urllib.request.urlopen(request, timeout=event.get("timeout", 10)) as answer:
                return [answer.status, answer.read().decode(), answer.headers["X-Who"]]
        """,
    "http.client": """
        import http.client
        def handler(event, context):
            connection = http.client.HTTPSConnection("hooks.example.com", timeout=event.get("timeout", 10))
            connection.request("POST", "/a?x=1", body=b"hi")
            answer = connection.getresponse()
            return [answer.status, answer.read().decode(), answer.headers["X-Who"]]
        """,
    "urllib3": """
        import urllib3
        http = urllib3.PoolManager(retries=False)
        def handler(event, context):
            timeout = event.get("timeout", 10)
            answer = http.request("POST", "https://hooks.example.com/a?x=1", body=b"hi", timeout=timeout)
            return [answer.status, answer.data.decode(), answer.headers["X-Who"]]
        """,
    "requests": """
        import requests
        def handler(event, context):
            settings = {"data": b"hi", "timeout": event.get("timeout", 10)}
            answer = requests.post("https://hooks.example.com/a", params={"x": 1}, **settings)
            return [answer.status_code, answer.text, answer.headers["X-Who"]]
        """,
    "httpx": """
        import httpx
        def handler(event, context):
            settings = {"content": b"hi", "timeout": event.get("timeout", 10)}
            answer = httpx.post("https://hooks.example.com/a", params={"x": 1}, **settings)
            return [answer.status_code, answer.text, answer.headers["X-Who"]]
        """,
    "httpx, asynchronous": """
        import asyncio, httpx
        async def main(event):
            async with httpx.AsyncClient(timeout=event.get("timeout", 10)) as client:
                answer = await client.post("https://hooks.example.com/a?x=1", content=b"hi")
                return [answer.status_code, answer.text, answer.headers["X-Who"]]
        def handler(event, context):
            return asyncio.run(main(event))
        """,
    "aiohttp": """
        import asyncio, aiohttp
        async def main(event):
            timeout = aiohttp.ClientTimeout(total=event.get("timeout", 10))
            async with aiohttp.ClientSession(timeout=timeout) as session:
                async with session.post("https://hooks.example.com/a?x=1", data=b"hi") as answer:
                    return [answer.status, await answer.text(), answer.headers["X-Who"]]
        def handler(event, context):
            try:
                return asyncio.run(main(event))
            except TimeoutError:
                raise TimeoutError("timed out")
        """,
}


@pytest.fixture(params=sorted(CALLERS))
def caller(request, lab):
    return lab.function("f", CALLERS[request.param], Timeout=60)


def test_a_double_answers_and_remembers(lab, caller):
    answer = Response(201, b"done", (("X-Who", "me"),))
    double = lab.world.http.double("https://hooks.example.com", {("POST", "/a"): answer})
    assert lab.invoke(caller).value == [201, "done", "me"]
    (request,) = double.requests
    assert (request.method, request.url, request.body) == ("POST", "https://hooks.example.com/a?x=1", b"hi")
    assert request.actor == "f"
    assert lab.world.journal.entries(verb="http.POST", target="hooks.example.com", actor="f")


def test_what_is_not_declared_is_refused_by_name(lab, caller):
    answer = lab.invoke(caller)
    assert answer.error == "Unhandled"
    assert (
        "f called POST https://hooks.example.com/a?x=1, which nothing declares"
        in answer.value["errorMessage"]
    )
    assert 'fabric.http.double("https://hooks.example.com"' in answer.value["errorMessage"]


def test_latency_passes_on_the_virtual_clock(lab, caller):
    slow = Response(200, b"", (("X-Who", "me"),), latency=5)
    lab.world.http.double("https://hooks.example.com", slow)
    lab.invoke(caller)
    assert lab.world.clock.elapsed == 5


def test_a_caller_loses_patience(lab, caller):
    lab.world.http.double("https://hooks.example.com", Response(latency=30))
    answer = lab.invoke(caller, {"timeout": 3})
    assert answer.error == "Unhandled"
    assert "timed out" in answer.value["errorMessage"].lower()
    assert lab.world.clock.elapsed == 3


@pytest.mark.parametrize(
    ("kind", "said"), [("timeout", "timed out"), ("reset", "reset"), ("refused", "refused")]
)
def test_failures_of_the_network(lab, caller, kind, said):
    lab.world.http.double("https://hooks.example.com", Failure(kind))
    assert said in lab.invoke(caller).value["errorMessage"].lower()


def test_a_list_answers_in_turn(lab):
    lab.function(
        "f",
        """
        import urllib.request, urllib.error
        def handler(event, context):
            try:
                return urllib.request.urlopen("https://t.example.com/x").status
            except urllib.error.HTTPError as error:
                return error.code
    """,
    )
    lab.world.http.double("https://t.example.com", {("GET", "/x"): [503, 503, {"ok": True}]})
    assert [lab.invoke("f").value for _ in range(4)] == [503, 503, 200, 200]


def test_a_function_answers_for_a_place(lab):
    double = lab.world.http.double("https://t.example.com", lambda request: {"echo": request.json()["n"]})
    assert lab.world.http.request("POST", "https://t.example.com/any", body='{"n": 7}').json() == {"echo": 7}
    assert len(double.requests) == 1


def test_an_undeclared_path_names_what_is_declared(lab):
    lab.world.http.double("https://t.example.com", {("GET", "/x"): 200})
    with pytest.raises(UsageError, match=r"GET /x only.*add \(\"POST\", \"/y\"\)"):
        lab.world.http.request("POST", "https://t.example.com/y")


def test_a_double_covers_its_own_host_only(lab):
    lab.world.http.double("https://t.example.com", 200)
    with pytest.raises(UsageError, match="which nothing declares"):
        lab.world.http.request("GET", "https://t.example.com.evil.org/x")


TOGETHER = {
    "httpx": """
        import asyncio, httpx
        async def main():
            async with httpx.AsyncClient() as client:
                answers = await asyncio.gather(*(client.get(f"https://t.example.com/{n}") for n in (1, 2, 3)))
                return [answer.text for answer in answers]
        """,
    "aiohttp": """
        import asyncio, aiohttp
        async def one(session, n):
            async with session.put(f"https://t.example.com/{n}", json={"n": n}) as answer:
                return await answer.text()
        async def main():
            async with aiohttp.ClientSession() as session:
                return await asyncio.gather(*(one(session, n) for n in (1, 2, 3)))
        """,
}


@pytest.mark.parametrize("client", sorted(TOGETHER))
def test_requests_of_one_loop_overlap_on_the_virtual_clock(lab, client):
    code = TOGETHER[client] + "def handler(event, context):\n            return asyncio.run(main())\n"
    lab.function("f", code, Timeout=60)
    lab.world.http.double(
        "https://t.example.com", lambda request: Response(200, request.path.encode(), latency=2)
    )
    assert lab.invoke("f").value == ["/1", "/2", "/3"]
    assert lab.world.clock.elapsed == 2


@pytest.mark.parametrize("client", ["httpx", "aiohttp"])
def test_a_path_that_a_double_does_not_have_reaches_the_caller(lab, client):
    call = {
        "httpx": "import httpx\n        def handler(e, c):\n            httpx.get('https://t.example.com/y')",
        "aiohttp": """import aiohttp, asyncio
        async def main():
            async with aiohttp.ClientSession() as session:
                await session.get("https://t.example.com/y")
        def handler(e, c):
            asyncio.run(main())""",
    }[client]
    lab.function("f", f"        {call}\n")
    lab.world.http.double("https://t.example.com", {("GET", "/x"): 200})
    assert "answers GET /x only" in lab.invoke("f").value["errorMessage"]


def test_a_double_stands_for_a_url(lab):
    with pytest.raises(UsageError, match=r'fabric\.http\.double\("https://hooks\.example\.com"'):
        lab.world.http.double("hooks.example.com", 200)
