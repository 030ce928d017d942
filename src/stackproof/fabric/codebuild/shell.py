"""The shell of a build: one bash that runs command after command and keeps what they leave behind.

Commands run for real, as the user of the test run, in the build's own folder: nothing but their PATH holds
them. Each has the working directory and the variables that the one before it left. When a command ends the
shell itself, the next one starts a new shell with what was known last.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stackproof.errors import CapabilityMissing, UsageError
from stackproof.fabric.codebuild.door import Door

SILENCE = 600
"""Real seconds without a sign of life until a command is taken to hang."""

_DRIVER = """while IFS= read -r -d '' __stackproof <&{taking}; do
eval "$__stackproof" </dev/null {taking}<&- {telling}>&-
__code=$?
{{ printf '%s\\0%s\\0' "$__code" "$PWD"; {env} -0; printf '\\0'; }} >&{telling}
done"""


class Shell:
    """``name`` is ``sh`` or ``bash``; ``write`` takes what commands write, as text."""

    def __init__(
        self,
        name: str,
        folder: Path,
        environ: Mapping[str, str],
        door: Door,
        write: Callable[[str], None],
    ) -> None:
        bash, env = shutil.which("bash"), shutil.which("env")
        if bash is None or env is None:
            raise CapabilityMissing("builds need bash and env on this machine", hint="install bash")
        self._bash, self._env = bash, env
        self._name = name
        self._door = door
        self._write = write
        self.folder = str(folder)
        self.environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._taking = self._telling = -1
        self._told = b""

    def run(self, command: str) -> int:
        """Run a command; answers its exit code. Serves what it asks of the world meanwhile."""
        process = self._process or self._start()
        self._told = b""
        try:
            os.write(self._taking, command.encode() + b"\0")
        except BrokenPipeError:
            return self._ended(process)
        while not self._done():
            if not self._wait(process, command):
                return self._ended(process)
        self._drain(process)
        code, folder, *variables = self._told.split(b"\0")
        self.folder = folder.decode(errors="surrogateescape")
        pairs = (one.decode(errors="surrogateescape").partition("=") for one in variables if one)
        self.environ = {name: value for name, _, value in pairs if name != "_"}
        return int(code)

    def tell(self, name: str, value: str) -> None:
        """Set a variable for the commands to come."""
        self.environ[name] = value
        if self._process is not None:
            self.run(f"export {name}={shlex.quote(value)}")

    def close(self) -> None:
        """End the shell and what it left running."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._let_go(self._process)

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        os.close(self._taking)
        os.close(self._telling)
        assert process.stdout is not None  # it was started with a pipe
        process.stdout.close()
        self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        taking, self._taking = os.pipe()
        self._telling, telling = os.pipe()
        driver = _DRIVER.format(taking=taking, telling=telling, env=self._env)
        folder = self.folder if os.path.isdir(self.folder) else "/"
        self._process = subprocess.Popen(
            [self._name, "-c", driver], executable=self._bash, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, env=self.environ, bufsize=0,
            pass_fds=(taking, telling), start_new_session=True,
        )  # fmt: skip
        os.close(taking)
        os.close(telling)
        return self._process

    def _done(self) -> bool:
        return self._told.endswith(b"\0\0")

    def _wait(self, process: subprocess.Popen[bytes], command: str) -> bool:
        """Something happens: output, the end of the command, a request. False when the shell has ended."""
        assert process.stdout is not None  # it was started with a pipe
        listeners = (self._door.aws, self._door.tools)
        sources: list[Any] = [process.stdout, self._telling, *listeners]
        for _ in range(SILENCE):
            ready = select.select(sources, [], [], 1.0)[0]
            if not ready:
                continue
            for listener in listeners:
                if listener in ready:
                    self._door.serve(listener)
            if process.stdout in ready:
                self._output(process)
            if self._telling in ready:
                part = os.read(self._telling, 1 << 20)
                self._told += part
                return bool(part)
            return True
        raise UsageError(
            f"a command of a build gave no sign of life for {SILENCE} real seconds: {command.strip()[:200]}",
            hint="declare a stand-in for the tool that it waits for: fabric.codebuild.tool(…)",
        )

    def _output(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.stdout is not None  # it was started with a pipe
        part = os.read(process.stdout.fileno(), 1 << 16)
        if part:
            self._write(part.decode(errors="replace"))
        return bool(part)

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        """What was written before the command's end was told."""
        written: list[Any] = [process.stdout]
        while select.select(written, [], [], 0)[0] and self._output(process):
            pass

    def _ended(self, process: subprocess.Popen[bytes]) -> int:
        """The command has ended the shell: its exit code is that of the command."""
        code = process.wait()
        self._drain(process)
        self._let_go(process)
        return 128 - code if code < 0 else code
