"""The probe of TLS on loopback: open with the certificate's dates, refused, filtered, error."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import testinfra
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stackproof.hosts import probes
from stackproof.hosts.probes import Answer, FromHost

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def here() -> FromHost:
    return FromHost(testinfra.get_host("local://"))


def certificate(folder: Path, begin: datetime, end: datetime) -> Path:
    """One file with key and self-signed certificate for ``service.test``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service.test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("service.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file = folder / "service.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def serving(file: Path) -> Iterator[int]:
    """A server that shakes hands with whoever comes; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("days", [30, -1], ids=["valid", "expired"])
def test_a_handshake_is_open_and_tells_the_certificate_s_dates(
    here: FromHost, tmp_path: Path, days: int
) -> None:
    begin, end = NOW - timedelta(days=10), NOW + timedelta(days=days)
    with serving(certificate(tmp_path, begin, end)) as port:
        seen = probes.tls(here, "127.0.0.1", port, name="service.test")
    assert seen.answer is Answer.OPEN
    assert (seen.facts["not_before"], seen.facts["not_after"]) == (begin.isoformat(), end.isoformat())
    assert seen.facts["names"] == ["service.test"]
    assert str(seen.facts["protocol"]).startswith("TLSv1.")
    assert probes.days_left(seen, NOW) == days


def test_a_certificate_that_nobody_vouches_for_is_open_and_said_to_be_so(
    here: FromHost, tmp_path: Path
) -> None:
    with serving(certificate(tmp_path, NOW - timedelta(days=1), NOW + timedelta(days=1))) as port:
        seen = probes.tls(here, "127.0.0.1", port)
    assert seen.is_open
    assert seen.facts["trusted"] is False
    assert "self-signed" in seen.reason.replace("self signed", "self-signed")


def test_a_port_that_nobody_listens_on_is_refused(here: FromHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    assert probes.tls(here, "127.0.0.1", port).answer is Answer.REFUSED


def test_a_connection_that_nobody_lets_in_is_filtered(here: FromHost) -> None:
    """A full queue swallows what arrives, as a packet filter does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        seen = probes.tls(here, "127.0.0.1", int(server.getsockname()[1]), timeout=0.5)
        for one in waiting:
            one.close()
    assert (seen.answer, seen.reason) == (Answer.FILTERED, "no answer in time")


def test_who_is_connected_and_never_answers_is_an_error(here: FromHost) -> None:
    """Nobody filtered anything: the connection stands."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        seen = probes.tls(here, "127.0.0.1", port, timeout=0.5)
        asked = probes.http(here, f"http://127.0.0.1:{port}/", timeout=0.5)
    assert (seen.answer, seen.reason) == (Answer.ERROR, "connected, but no handshake in time")
    assert (asked.answer, asked.reason) == (Answer.ERROR, "connected, but no response in time")


def test_who_speaks_something_else_is_an_error(here: FromHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            plain, _ = server.accept()
            with plain:
                plain.recv(64)
                plain.sendall(b"220 mail.test ready\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        seen = probes.tls(here, "127.0.0.1", int(server.getsockname()[1]))
        thread.join()
    assert seen.answer is Answer.ERROR
    assert "SSL" in seen.reason


def test_a_name_that_does_not_resolve_is_an_error(here: FromHost) -> None:
    seen = probes.tls(here, "no-such-host.invalid")
    assert (seen.answer, seen.reason) == (Answer.ERROR, "the name does not resolve")
