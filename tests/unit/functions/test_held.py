"""What code under test opens past Python's sockets, in C or in a process of its own, stays on loopback."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stackproof.backends.compat import holding, seccomp, supervisor
from stackproof.fabric.functions import requirements

pytestmark = pytest.mark.skipif(bool(seccomp.lacking()), reason=f"sockets are not held: {seccomp.lacking()}")

WAYS = {
    "tcp": "socket.socket().connect(('192.0.2.1', 443))",
    "tcp over IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
    "tcp, mapped": "socket.socket(socket.AF_INET6).connect(('::ffff:192.0.2.1', 443))",
    "name": "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 53))",
    "udp": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 443))",
    "udp message": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 443))",
    "udp messages": "several(socket.socket(type=socket.SOCK_DGRAM), '127.0.0.1', '192.0.2.1')",
    "udp, no family": "several(socket.socket(type=socket.SOCK_DGRAM), '192.0.2.1', family=0)",
    "vsock": "socket.socket(socket.AF_VSOCK).connect((2, 443))",
}
TOLD = {
    "tcp over IPv6": "[2001:db8::1]:443",
    "name": "the name server 192.0.2.1:53",
    "vsock": "address family 40",
}
PROGRAM = """
import ctypes, errno, os, socket, struct, sys

def several(one, *hosts, family=2):
    port = struct.pack("!H", 443)
    names = [struct.pack("=H", family) + port + socket.inet_aton(host) + bytes(8) for host in hosts]
    kept = [ctypes.create_string_buffer(name, 16) for name in names]
    where = [ctypes.addressof(name) for name in kept]
    packed = b"".join(struct.pack("=QI4xQQQQi4xI4x", name, 16, 0, 0, 0, 0, 0, 0) for name in where)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sendmmsg(one.fileno(), packed, len(names), 0) < 0:
        raise OSError(ctypes.get_errno(), "sendmmsg")

def attempt(way):
    try:
        eval(way)
    except OSError as error:
        return error.errno
    return 0

if __name__ == "__main__":
    found = attempt(sys.argv[1])
    print(found, flush=True)
    sys.exit(found)
"""
HANDLER = """
import json, os, subprocess, sys
program = os.path.join(os.path.dirname(__file__), "program.py")

def run(way):
    return subprocess.run([sys.executable, program, way], env={}).returncode

def shell(way):
    return os.waitstatus_to_exitcode(os.system(f'"{sys.executable}" "{program}" "{way}"'))

def spawned(way):
    child = os.posix_spawn(sys.executable, [sys.executable, program, way], {})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def forked(way):
    child = os.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, program, way], {})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def detached(way):
    code = f'sleep 0.1; "{sys.executable}" "{program}" "{way}"'
    with subprocess.Popen(["setsid", "sh", "-c", f"({code}) &"], stdout=subprocess.PIPE) as child:
        return int(child.stdout.read())

def handler(event, context):
    return globals()[event["by"]](event["way"])
"""
FILES = {"app.py": HANDLER, "program.py": PROGRAM}


@pytest.mark.parametrize("way", WAYS)
def test_a_child_reaches_nothing_beyond_loopback(lab, way):
    lab.function("f", FILES)
    assert lab.invoke("f", {"by": "run", "way": WAYS[way]}).value == errno.ECONNREFUSED
    (told,) = lab.backend.wanted()
    assert told.startswith(f"the child process '{sys.executable} ")
    assert told.endswith(f"wanted a connection to {TOLD.get(way, '192.0.2.1:443')}")


@pytest.mark.parametrize("by", ["shell", "spawned", "forked", "detached"])
def test_however_it_was_started(lab, by):
    lab.function("f", FILES)
    assert lab.invoke("f", {"by": by, "way": WAYS["tcp"]}).value == errno.ECONNREFUSED
    assert len(lab.backend.wanted()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("way", ["tcp", "tcp over IPv6", "tcp, mapped", "udp", "udp message", "udp messages"])
def test_a_child_reaches_this_machine(lab, way, host):
    lab.function("f", FILES)
    family = socket.AF_INET6 if way == "tcp over IPv6" else socket.AF_INET
    kind = socket.SOCK_STREAM if way.startswith("tcp") else socket.SOCK_DGRAM
    with socket.socket(family, kind) as server:
        server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            server.listen()
        near = WAYS[way].replace("2001:db8::1", "::1").replace("192.0.2.1", host)
        near = near.replace("443", str(server.getsockname()[1]))
        assert lab.invoke("f", {"by": "run", "way": near}).value == 0
    assert lab.backend.wanted() == []


IN_C = """
import ctypes, socket, struct
def handler(event, context):
    libc = ctypes.CDLL(None, use_errno=True) if event["releases"] else ctypes.PyDLL(None, use_errno=True)
    address = struct.pack("=H", 2) + struct.pack("!H", event["port"])
    address += socket.inet_aton(event["host"]) + bytes(8)
    made = libc.socket(2, 1, 0)
    return ctypes.get_errno() if libc.connect(made, address, 16) else 0
"""


@pytest.mark.parametrize("releases", [True, False])
def test_a_library_in_c_reaches_loopback_only(lab, releases):
    """Also one that keeps the interpreter's lock while it connects."""
    lab.function("f", IN_C)
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = {"host": "127.0.0.1", "port": server.getsockname()[1], "releases": releases}
        assert lab.invoke("f", near).value == 0
    far = {"host": "192.0.2.1", "port": 5432, "releases": releases}
    assert lab.invoke("f", far).value == errno.ECONNREFUSED
    assert lab.backend.wanted() == ["a library in C wanted a connection to 192.0.2.1:5432"]


def test_io_uring_and_packets_are_no_way_round(lab):
    code = """
    import ctypes, errno, socket
    def handler(event, context):
        libc = ctypes.CDLL(None, use_errno=True)
        ring = libc.syscall(425, 8, ctypes.create_string_buffer(120)), ctypes.get_errno()
        packet = libc.socket(17, 2, 0), ctypes.get_errno()
        return ring, packet
    """
    lab.function("f", code)
    assert lab.invoke("f").value == [[-1, errno.ENOSYS], [-1, errno.EPERM]]


def test_a_host_that_a_child_asks_by_name_is_told_by_name(lab):
    fetch = "import urllib.request; urllib.request.urlopen('https://shop.example/items')"
    run = f"subprocess.run([sys.executable, '-c', {fetch!r}], capture_output=True, text=True).returncode"
    lab.function("f", f"import subprocess, sys\ndef handler(event, context):\n    return {run}\n")
    assert lab.invoke("f").value == 1
    assert lab.backend.wanted() == ["a child process wanted a connection to shop.example:443"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_node_and_its_children_are_held(lab):
    code = """
    const { execFileSync } = require("child_process");
    exports.handler = async () => {
      try { execFileSync("/bin/bash", ["-c", "exec 3<>/dev/tcp/192.0.2.1/443"], { stdio: "pipe" }); }
      catch (error) { return String(error.stderr); }
    };
    """
    lab.function("f", {"index.js": code}, Runtime="nodejs20.x", Handler="index.handler")
    assert "Connection refused" in lab.invoke("f").value
    assert [told.split()[-1] for told in lab.backend.wanted()] == ["192.0.2.1:443"]


def test_what_a_test_starts_itself_is_not_held(lab):
    lab.function("f", FILES)
    lab.invoke("f", {"by": "run", "way": "0"})
    status = subprocess.check_output(["cat", "/proc/self/status"], text=True)
    assert seccomp_of(status) == seccomp_of(Path("/proc/self/status").read_text())


def test_memory_that_only_the_tests_may_read_is_asked_of_them(monkeypatch):
    """Yama lets an ancestor read a process, not its sibling."""

    def refused(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    theirs, mine = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, mine, monkeypatch.context() as patched:
        content = ctypes.create_string_buffer(b"an address")
        theirs.send(
            json.dumps({"bytes": holding.memory(os.getpid(), ctypes.addressof(content), 10)}).encode()
        )
        theirs.send(json.dumps({"bytes": ""}).encode())
        patched.setattr(supervisor.os, "open", refused)
        asking = supervisor.Supervisor(-1, mine, mine, [42, 44, 46, 307])
        assert asking.memory(1, 2, 10) == b"an address"
        assert json.loads(theirs.recv(100)) == {"read": [1, 2, 10]}
        assert asking.wanted(1, 42, (3, 2, 16)) == "an address that cannot be read (Permission denied)"


def test_a_supervisor_that_ends_is_told():
    made = holding.Holder()

    def kill():
        made.process.kill()
        made.listening.join()

    with pytest.warns(UserWarning, match=r"not held back.* any more, .* ended with exit status -9\)"):
        kill()
    assert made.gather() == []
    made.end()


def test_nothing_is_refused_while_the_endpoint_is_on_another_machine(lab):
    """UDP: to connect sends nothing."""
    lab.function("f", FILES)
    event = {"by": "run", "way": WAYS["name"]}
    end = holding.let_out()
    try:
        assert lab.invoke("f", event).value != errno.ECONNREFUSED
        assert lab.backend.wanted() == []
    finally:
        end()
    assert lab.invoke("f", event).value == errno.ECONNREFUSED


def test_an_installer_is_not_held(lab, monkeypatch, tmp_path):
    """What a ``requirements.txt`` asks for comes from an index, also when the first event installs it."""
    script = tmp_path / "installer.py"
    script.write_text(
        "import pathlib, sys\n"
        "said = pathlib.Path('/proc/self/status').read_text()\n"
        "pathlib.Path(sys.argv[2], 'installed.py').write_text(f'STATUS = {said!r}')\n"
    )
    monkeypatch.setattr(requirements, "_installer", lambda: [sys.executable, str(script)])
    code = "import installed\ndef handler(event, context):\n    return installed.STATUS\n"
    lab.function("f", {"app.py": code, "requirements.txt": "no-such-package-anywhere\n"})
    call = "boto3.client('lambda').invoke(FunctionName='f')['Payload'].read().decode()"
    lab.function("g", f"import boto3, json\ndef handler(event, context):\n    return json.loads({call})\n")
    status = lab.invoke("g").value
    assert seccomp_of(status) == seccomp_of(Path("/proc/self/status").read_text())


def seccomp_of(status):
    (line,) = [one for one in status.splitlines() if one.startswith("Seccomp:")]
    return line
