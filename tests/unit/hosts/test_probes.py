"""Probes on loopback: open, refused, filtered and error are four answers."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import testinfra

from stackproof.errors import UsageError
from stackproof.hosts import probes
from stackproof.hosts.probes import Answer, FromHost, Probe


@pytest.fixture(scope="module")
def here() -> FromHost:
    return FromHost(testinfra.get_host("local://"))


@contextmanager
def listening(kind: int = socket.SOCK_STREAM) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            server.listen()
        yield server


def closed_port(kind: int = socket.SOCK_STREAM) -> int:
    with listening(kind) as server:
        return int(server.getsockname()[1])


def answering(server: socket.socket, answer: bytes | None) -> threading.Thread:
    """Answer one datagram: with ``answer``, or as a DNS server that knows one address."""

    def serve() -> None:
        data, sender = server.recvfrom(4096)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 30, 4) + socket.inet_aton("10.1.2.3")
        reply = data[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + data[12:] + record
        server.sendto(reply if answer is None else answer, sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_a_listening_port_is_open(here: FromHost) -> None:
    with listening() as server:
        assert probes.tcp(here, "127.0.0.1", server.getsockname()[1]).answer is Answer.OPEN


def test_a_port_that_nobody_listens_on_is_refused(here: FromHost) -> None:
    assert probes.tcp(here, "127.0.0.1", closed_port()).answer is Answer.REFUSED


def test_a_full_queue_that_swallows_connections_is_filtered(here: FromHost) -> None:
    with listening() as server:
        server.listen(0)
        place = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(place)
        seen = probes.tcp(here, "127.0.0.1", place[1], timeout=0.5)
        for one in waiting:
            one.close()
    assert seen.answer is Answer.FILTERED


def test_a_name_that_does_not_resolve_is_an_error_and_not_unreachable(here: FromHost) -> None:
    seen = probes.tcp(here, "no-such-host.invalid", 80)
    assert (seen.answer, seen.reason) == (Answer.ERROR, "the name does not resolve")


@pytest.mark.parametrize("address", ["127.0.0.1; touch pwned", "$(touch pwned)", "'\"`touch pwned`", "-c1"])
def test_what_a_probe_is_given_never_reaches_a_shell(
    here: FromHost, address: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    for seen in (probes.tcp(here, address, 9), probes.icmp(here, address)):
        assert seen.answer is Answer.ERROR
    assert not testinfra.get_host("local://").file(f"{tmp_path}/pwned").exists


def test_a_datagram_that_is_answered_is_open_and_one_to_a_closed_port_refused(here: FromHost) -> None:
    with listening(socket.SOCK_DGRAM) as server:
        thread = answering(server, b"pong")
        assert probes.udp(here, "127.0.0.1", server.getsockname()[1]).is_open
        thread.join()
    assert probes.udp(here, "127.0.0.1", closed_port(socket.SOCK_DGRAM)).answer is Answer.REFUSED


def test_a_datagram_that_nobody_answers_is_filtered(here: FromHost) -> None:
    with listening(socket.SOCK_DGRAM) as server:
        seen = probes.udp(here, "127.0.0.1", server.getsockname()[1], timeout=0.3)
    assert seen.answer is Answer.FILTERED


def test_dns_gives_records_and_time_to_live(here: FromHost) -> None:
    with listening(socket.SOCK_DGRAM) as server:
        thread = answering(server, None)
        seen = probes.dns(here, "db.internal", server="127.0.0.1", port=server.getsockname()[1])
        thread.join()
    assert (seen.facts["records"], seen.facts["ttl"], seen.facts["rcode"]) == (["10.1.2.3"], 30, 0)


def test_an_answer_to_another_dns_question_is_an_error(here: FromHost) -> None:
    with listening(socket.SOCK_DGRAM) as server:
        thread = answering(server, b"\0\0" + struct.pack("!5H", 0x8180, 0, 0, 0, 0))
        seen = probes.dns(here, "db.internal", server="127.0.0.1", port=server.getsockname()[1])
        thread.join()
    assert seen.answer is Answer.ERROR or seen.facts["records"] == []


def test_http_gives_status_and_body_of_a_refusal_too(here: FromHost) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"no")

        def log_message(self, *arguments: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        seen = probes.http(here, f"http://127.0.0.1:{server.server_port}/x")
    assert (seen.answer, seen.facts["status"], seen.facts["body"]) == (Answer.OPEN, 403, "no")


def test_something_that_does_not_speak_tls_is_an_error(here: FromHost) -> None:
    with listening() as server:

        def hang_up() -> None:
            server.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert probes.tls(here, "127.0.0.1", server.getsockname()[1]).answer is Answer.ERROR


def test_a_port_that_is_none_is_refused_before_anything_is_asked(here: FromHost) -> None:
    with pytest.raises(UsageError, match="no port"):
        probes.tcp(here, "127.0.0.1", 70000)


def probe(answer: Answer, target: str = "10.0.0.1:22") -> Probe:
    return Probe("tcp", target, answer)


def test_not_reachable_needs_a_positive_control() -> None:
    with pytest.raises(UsageError, match="positive control"):
        probes.assert_unreachable(probe(Answer.FILTERED), None)


def test_a_control_that_is_not_open_itself_proves_nothing() -> None:
    with pytest.raises(UsageError, match="nothing is known"):
        probes.assert_unreachable(probe(Answer.FILTERED), probe(Answer.REFUSED))


def test_a_control_of_another_target_proves_nothing() -> None:
    with pytest.raises(UsageError, match="control asked"):
        probes.assert_unreachable(probe(Answer.FILTERED), probe(Answer.OPEN, "10.0.0.1:80"))


@pytest.mark.parametrize("answer", [Answer.OPEN, Answer.ERROR])
def test_open_and_error_are_not_unreachable(answer: Answer) -> None:
    with pytest.raises(AssertionError, match="expected filtered or refused"):
        probes.assert_unreachable(probe(answer), probe(Answer.OPEN))


def test_how_it_must_be_unreachable_can_be_said() -> None:
    probes.assert_unreachable(probe(Answer.FILTERED), probe(Answer.OPEN), how=(Answer.FILTERED,))
    with pytest.raises(AssertionError):
        probes.assert_unreachable(probe(Answer.REFUSED), probe(Answer.OPEN), how=(Answer.FILTERED,))


@pytest.mark.parametrize("how", [(Answer.OPEN,), (Answer.REFUSED, Answer.ERROR), ()])
def test_open_and_error_cannot_be_named_as_not_reachable(how: tuple[Answer, ...]) -> None:
    seen = Probe("tcp", "10.0.0.1:22", Answer.OPEN)
    with pytest.raises(UsageError, match="not reachable is filtered or refused"):
        probes.assert_unreachable(seen, seen, how=how)


def test_what_a_probe_cannot_be_given_is_refused_before_anything_is_asked(here: FromHost) -> None:
    for port in ("22", 22.0, True):
        with pytest.raises(UsageError, match="is no port"):
            probes.tcp(here, "127.0.0.1", port)  # type: ignore[arg-type]
    for timeout in (float("inf"), float("nan"), 0, -1.0, "2", 101):
        with pytest.raises(UsageError, match="at most 100"):
            probes.tcp(here, "127.0.0.1", 22, timeout=timeout)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="at most 100"):
            probes.many(here, [("tcp", "127.0.0.1", 22)], timeout=timeout)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="70000 bytes are no datagram"):
        probes.udp(here, "127.0.0.1", 53, payload=bytes(70_000))


def test_the_longest_datagram_is_sent(here: FromHost) -> None:
    with listening(socket.SOCK_DGRAM) as server:
        answering(server, b"yes")
        payload = bytes(65_507)
        assert probes.udp(here, "127.0.0.1", server.getsockname()[1], payload=payload).is_open


def test_a_probe_that_saw_no_certificate_has_no_days_left() -> None:
    with pytest.raises(UsageError, match="no certificate was seen: tls box:443: refused"):
        probes.days_left(Probe("tls", "box:443", Answer.REFUSED))
