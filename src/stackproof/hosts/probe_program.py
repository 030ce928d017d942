"""What runs where a probe is asked: one question in (base64 of JSON), one line of JSON out.

Only the standard library of Python 3.7 and later: it must run on what an image has.
"""

from __future__ import annotations

import base64
import errno
import http.client
import json
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.parse
from typing import Any

FILTERED = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EACCES, errno.EPERM)
TIMEOUT = socket.timeout  # the same as TimeoutError since Python 3.10 only
RECORDS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}


class Silent(Exception):
    """The connection stands, and who was connected to says nothing in time: nobody filtered anything."""


def told(error: Exception) -> dict[str, Any]:
    """The answer that an error of a socket is."""
    if isinstance(error, Silent):
        return {"answer": "error", "reason": str(error)}
    if isinstance(error, ssl.SSLError) and not isinstance(error, TIMEOUT):
        # An OSError whose errno is OpenSSL's own: 1 is not EPERM.
        return {"answer": "error", "reason": f"{type(error).__name__}: {error}"}
    if isinstance(error, ConnectionRefusedError):
        return {"answer": "refused", "reason": "connection refused"}
    if isinstance(error, TIMEOUT):
        return {"answer": "filtered", "reason": "no answer in time"}
    if isinstance(error, socket.gaierror):
        return {"answer": "error", "reason": "the name does not resolve"}
    if isinstance(error, OSError) and error.errno in FILTERED:
        return {"answer": "filtered", "reason": os.strerror(error.errno)}
    return {"answer": "error", "reason": f"{type(error).__name__}: {error}"}


def tcp(q: dict[str, Any]) -> dict[str, Any]:
    with socket.create_connection((q["address"], q["port"]), q["timeout"]) as s:
        s.settimeout(q.get("banner", 0.2))
        try:
            said = s.recv(256).decode("utf-8", "replace").strip()
        except OSError:
            said = ""
    return {"answer": "open", "facts": {"banner": said}}


def datagram(q: dict[str, Any], payload: bytes) -> bytes:
    family, kind, _, _, place = socket.getaddrinfo(q["address"], q["port"], 0, socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as s:
        s.settimeout(q["timeout"])
        s.connect(place)
        s.send(payload)
        return s.recv(65535)


def udp(q: dict[str, Any]) -> dict[str, Any]:
    came = datagram(q, base64.b64decode(q["payload"]))
    return {"answer": "open", "facts": {"bytes": len(came)}}


def icmp(q: dict[str, Any]) -> dict[str, Any]:
    wait = str(max(1, int(q["timeout"] + 0.5)))
    socket.getaddrinfo(q["address"], None)
    command = ["ping", "-n", "-c", "1", "-W", wait, "--", q["address"]]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"time=([0-9.]+) ms", done.stdout)
    if done.returncode == 0 and found:
        return {"answer": "open", "facts": {"rtt_ms": float(found.group(1))}}
    if done.returncode == 1 or "unreachable" in done.stdout.lower() or "prohibited" in done.stdout.lower():
        return {"answer": "filtered", "reason": "no echo reply"}
    return {"answer": "error", "reason": done.stdout.strip()[-200:]}


def read_name(data: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    end, jumps = None, 0
    while data[at]:
        if data[at] & 0xC0 == 0xC0:
            end = at + 2 if end is None else end
            at, jumps = struct.unpack("!H", data[at : at + 2])[0] & 0x3FFF, jumps + 1
            if jumps > 64:
                raise ValueError("a name in the answer points at itself")
            continue
        labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace"))
        at += data[at] + 1
    return ".".join(labels), at + 1 if end is None else end


def read_record(data: bytes, at: int, kind: int, size: int) -> str:
    raw = data[at : at + size]
    if kind == 1:
        return socket.inet_ntop(socket.AF_INET, raw)
    if kind == 28:
        return socket.inet_ntop(socket.AF_INET6, raw)
    if kind in (2, 5, 12):
        return read_name(data, at)[0]
    if kind == 15:
        return f"{struct.unpack('!H', raw[:2])[0]} {read_name(data, at + 2)[0]}"
    if kind == 16:
        return raw[1 : 1 + raw[0]].decode("utf-8", "replace")
    return base64.b16encode(raw).decode()


def dns(q: dict[str, Any]) -> dict[str, Any]:
    number, kind = random.randrange(65536), RECORDS[q["record"]]
    labels = [one.encode("idna") for one in q["name"].rstrip(".").split(".")]
    name = b"".join(bytes([len(one)]) + one for one in labels) + b"\0"
    data = datagram(q, struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + name + struct.pack("!2H", kind, 1))
    got, flags, questions, answers = struct.unpack("!4H", data[:8])
    if got != number:
        raise ValueError("the answer is to another question")
    at = 12
    for _ in range(questions):
        at = read_name(data, at)[1] + 4
    records: list[str] = []
    ttls: list[int] = []
    for _ in range(answers):
        at = read_name(data, at)[1]
        found, _, ttl, size = struct.unpack("!HHIH", data[at : at + 10])
        records += [read_record(data, at + 10, found, size)] if found == kind else []
        ttls.append(ttl)
        at += 10 + size
    rcode = flags & 15
    facts = {"rcode": rcode, "records": records, "ttl": min(ttls) if ttls else None}
    if rcode == 5:
        return {"answer": "refused", "reason": "the server refuses to answer", "facts": facts}
    if rcode in (1, 2, 4):
        return {"answer": "error", "reason": f"the server failed (rcode {rcode})", "facts": facts}
    return {"answer": "open", "facts": facts}


def shaken(q: dict[str, Any], context: ssl.SSLContext) -> tuple[str, bytes]:
    raw = socket.create_connection((q["address"], q["port"]), q["timeout"])
    try:
        with raw, context.wrap_socket(raw, server_hostname=q["name"] or q["address"]) as s:
            return s.version() or "", s.getpeercert(True) or b""
    except TIMEOUT as error:
        raise Silent("connected, but no handshake in time") from error


def when(text: str) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(ssl.cert_time_to_seconds(text)))


def tls(q: dict[str, Any]) -> dict[str, Any]:
    free = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    free.check_hostname, free.verify_mode = False, ssl.CERT_NONE
    version, certificate = shaken(q, free)
    reason, trusted = "", True
    try:
        shaken(q, ssl.create_default_context())
    except (ssl.SSLError, OSError) as error:
        trusted, reason = False, str(getattr(error, "verify_message", "") or error)
    facts = {"protocol": version, "trusted": trusted}
    facts.update(dates(certificate))
    return {"answer": "open", "reason": reason, "facts": facts}


def dates(certificate: bytes) -> dict[str, Any]:
    """Validity and subject by the parser of Python's own ssl module, which wants a PEM file."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".pem") as f:
        f.write(ssl.DER_cert_to_PEM_cert(certificate))
        f.flush()
        parsed = ssl._ssl._test_decode_cert(f.name)  # type: ignore[attr-defined]
    names = [value for _, value in parsed.get("subjectAltName", ())]
    return {"not_before": when(parsed["notBefore"]), "not_after": when(parsed["notAfter"]), "names": names}


def web(q: dict[str, Any]) -> dict[str, Any]:
    parts = urllib.parse.urlsplit(q["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{q['url']} is no URL of http or https")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=q["timeout"])
    path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    connection.connect()
    try:
        connection.request(q["method"], path, headers={"Connection": "close"})
        got = connection.getresponse()
        body = got.read(65536).decode("utf-8", "replace")
    except TIMEOUT as error:
        raise Silent("connected, but no response in time") from error
    headers = {name.lower(): value for name, value in got.getheaders()}
    return {"answer": "open", "facts": {"status": got.status, "headers": headers, "body": body[:4096]}}


KINDS = {"tcp": tcp, "udp": udp, "icmp": icmp, "dns": dns, "tls": tls, "http": web}


def answered(question: dict[str, Any]) -> dict[str, Any]:
    try:
        return KINDS[question["kind"]](question)
    except (OSError, ValueError, LookupError, struct.error, http.client.HTTPException, Silent) as error:
        return told(error)


def main(packed: str) -> None:
    given = json.loads(base64.b64decode(packed).decode())
    if isinstance(given, list):
        # Several at once: most of the time of a probe that is filtered is waiting.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(answered, given))
        sys.stdout.write(json.dumps(answers) + "\n")
        return
    sys.stdout.write(json.dumps(answered(given)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
