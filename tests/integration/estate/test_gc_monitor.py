"""gc-monitor: every collection is indexed once, whichever JVM logged it and however busy the domain is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.fabric.http import Request, Response

JAVA_11 = (
    "[2020-09-03T15:12:34.567+0000][gc] GC(3) Pause Young (Allocation Failure) 9M->9M(21M) 23.559ms",
    "[2020-09-03T15:12:35.000+0000][gc] GC(4) Pause Full (Allocation Failure) 9M->8M(11M) 3.941ms",
)
DETAILS = (
    "[2020-09-03T15:12:34.500+0000][gc,heap] GC(3) DefNew: 3063K->234K(3072K)",
    "[2020-09-03T15:12:34.500+0000][gc,metaspace] GC(3) Metaspace: 762K->762K(52428K)",
)
JAVA_8 = (
    "2020-09-03T15:12:34.567+0000: [GC (Allocation Failure) 2020-09-03T15:12:34.567+0000: "
    "[DefNew: 131042K->131042K(131072K), 0.0000216 secs]2020-09-03T15:12:34.567+0000: "
    "[Tenured: 235683K->291057K(291076K), 0.2213687 secs] 366725K->365266K(422148K), "
    "[Metaspace: 3943K->3943K(1056768K)], 0.2215370 secs] [Times: user=0.04 sys=0.02, real=0.22 secs]",
    "2020-09-04T01:00:00.000+0000: [Full GC (Allocation Failure) 2020-09-04T01:00:00.000+0000: "
    "[Tenured: 297661K->36658K(297664K), 0.0434012 secs] 431575K->36658K(431616K), "
    "[Metaspace: 3943K->3943K(1056768K)], 0.0434680 secs] [Times: user=0.02 sys=0.00, real=0.05 secs]",
)


class Domain:
    """A search domain: ``busy`` counts how often each document is put off, ``broken`` ones are refused."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], dict[str, str]] = {}
        self.requests: list[int] = []
        self.busy = 0
        self.turned_away: dict[str, int] = {}
        self.broken: set[str] = set()
        self.down = 0

    def __call__(self, request: Request) -> Response:
        assert request.header("Authorization").startswith("AWS4-HMAC-SHA256")
        if self.down:
            self.down -= 1
            return Response(503)
        lines = [json.loads(line) for line in request.body.splitlines()]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        self.requests.append(len(pairs))
        items = [self._index(action["index"], document) for action, document in pairs]
        errors = any(item["index"]["status"] >= 300 for item in items)
        return Response.of_json({"errors": errors, "items": items})

    def _index(self, action: dict[str, str], document: dict[str, str]) -> dict[str, Any]:
        name = action["_id"]
        status = 201
        if document["@gc_type"] in self.broken:
            status = 400
        elif document["@gc_type"] == "Pause Full" and self.turned_away.get(name, 0) < self.busy:
            self.turned_away[name] = self.turned_away.get(name, 0) + 1
            status = 429
        else:
            self.documents[action["_index"], name] = document
        return {"index": {"_id": name, "_index": action["_index"], "status": status}}


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/gc-monitor", config="test")


@pytest.fixture
def domain(system: Any, fabric: Any, aws: Any) -> Domain:
    config = aws("lambda").get_function_configuration(FunctionName=system.function("Ingest"))
    made = Domain()
    fabric.world.http.double(config["Environment"]["Variables"]["SEARCH_URL"], made)
    return made


@pytest.fixture
def write(system: Any, aws: Any, fabric: Any) -> Any:
    """``write("Java11Logs", lines)``: a JVM logs; everything that follows has happened."""

    def lines(group: str, messages: tuple[str, ...], stream: str = "2020/09/03/[$LATEST]123456") -> None:
        place = {"logGroupName": system[group].physical_id, "logStreamName": stream}
        streams = aws("logs").describe_log_streams(logGroupName=place["logGroupName"])["logStreams"]
        if stream not in [one["logStreamName"] for one in streams]:
            aws("logs").create_log_stream(**place)
        now = int(fabric.world.clock.now * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        aws("logs").put_log_events(**place, logEvents=events)
        fabric.run_until_idle()

    return lines


def test_java_11_is_indexed_as_the_dashboard_wants_it(system: Any, domain: Domain, write: Any) -> None:
    write("Java11Logs", (*DETAILS, "START RequestId: 1", *JAVA_11, "[GC is no tag of Java 11"))
    young = {
        "@timestamp": "2020-09-03T15:12:34.567+0000",
        "@gc_type": "Pause Young",
        "@gc_cause": "Allocation Failure",
        "@heap_before_gc": "9",
        "@heap_after_gc": "9",
        "@heap_size_gc": "21",
        "@gc_duration": "23.559",
        "@owner": "123456789012",
        "@log_group": system["Java11Logs"].physical_id,
        "@log_stream": "2020/09/03/[$LATEST]123456",
    }
    full = {**young, "@timestamp": "2020-09-03T15:12:35.000+0000", "@gc_type": "Pause Full"}
    full |= {"@heap_after_gc": "8", "@heap_size_gc": "11", "@gc_duration": "3.941"}
    assert list(domain.documents.values()) == [young, full]
    assert {index for index, _ in domain.documents} == {"gc-logs-2020.09.03"}


def test_java_8_is_indexed_in_the_same_units(domain: Domain, write: Any) -> None:
    write("Java8Logs", JAVA_8)
    shown = [
        (index, document["@gc_type"], document["@heap_before_gc"], document["@heap_after_gc"],
         document["@heap_size_gc"], document["@gc_duration"])
        for (index, _), document in domain.documents.items()
    ]  # fmt: skip
    assert shown == [
        ("gc-logs-2020.09.03", "Pause Young", "358.13", "356.705", "412.254", "221.537"),
        ("gc-logs-2020.09.04", "Pause Full", "421.46", "35.799", "421.5", "43.468"),
    ]


def test_patterns_are_case_sensitive(system: Any, domain: Domain, write: Any, look: Any) -> None:
    write("Java8Logs", JAVA_11)
    write("Java11Logs", JAVA_8)
    assert look.runs(system.function("Ingest")) == 0
    write("Java8Logs", JAVA_8)
    write("Java11Logs", JAVA_11)
    assert look.runs(system.function("Ingest")) == 2
    assert len(domain.documents) == 4


def test_only_what_the_domain_put_off_is_sent_again(
    domain: Domain, write: Any, look: Any, system: Any
) -> None:
    domain.busy = 2
    write("Java11Logs", JAVA_11)
    assert domain.requests == [2, 1, 1]
    assert len(domain.documents) == 2
    assert look.runs(system.function("Ingest")) == 1


@pytest.mark.parametrize(("down", "runs", "kept"), [(3, 1, 0), (4, 2, 0), (12, 3, 1)])
def test_a_domain_that_is_down_loses_nothing(
    down: int, runs: int, kept: int, domain: Domain, write: Any, look: Any, system: Any
) -> None:
    domain.down = down
    write("Java11Logs", JAVA_11)
    assert look.runs(system.function("Ingest")) == runs
    assert look.waiting(system.queue("FailedBatches")) == kept
    assert len(domain.documents) == (0 if kept else 2)


def test_a_document_that_is_refused_is_left_and_the_others_are_indexed(
    domain: Domain, write: Any, look: Any, system: Any, aws: Any
) -> None:
    domain.broken = {"Pause Full"}
    write("Java11Logs", JAVA_11)
    assert [document["@gc_type"] for document in domain.documents.values()] == ["Pause Young"]
    assert domain.requests == [2]
    group = f"/aws/lambda/{system.function('Ingest')}"
    logged = aws("logs").filter_log_events(logGroupName=group)["events"]
    assert any('"refused"' in line["message"] for line in logged)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_batch_that_comes_twice_is_indexed_once(
    side: str, domain: Domain, write: Any, fabric: Any, look: Any, system: Any
) -> None:
    answer, calls = Domain.__call__, []

    def dies(request: Request) -> Response:
        calls.append(request)
        if len(calls) == 1:
            if side == "after":
                answer(domain, request)
            return Response(403)
        return answer(domain, request)

    url = fabric.world.http.doubles[0].base
    fabric.world.http.double(url, dies)
    write("Java11Logs", JAVA_11)
    assert look.runs(system.function("Ingest")) == 2
    assert len(domain.documents) == 2
