"""One build, from its provisioning to its end, in a task of its own.

Source: CodeBuild user guide, "Build phase transitions" (UPLOAD_ARTIFACTS is attempted also after a failed
BUILD) and "Build specification reference". A phase that failed with ``on-failure: CONTINUE`` lets the next
ones run; the build counts as failed all the same. Virtual time passes in BUILD: what the test says.
"""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.codebuild import artifacts, sources, telling, tools, variables
from stackproof.fabric.codebuild.buildspec import PHASES, Phase, Spec, SpecError, parse
from stackproof.fabric.codebuild.door import Door
from stackproof.fabric.codebuild.model import FAILED, SUCCEEDED, TIMED_OUT, Build, Order, Project
from stackproof.fabric.codebuild.shell import Shell
from stackproof.fabric.codebuild.uploads import Uploads
from stackproof.fabric.service import Caller, ServiceError
from stackproof.fabric.tasks import current
from stackproof.fabric.trees import write

if TYPE_CHECKING:
    from stackproof.fabric.codebuild.service import CodeBuildService


_FLUSHED = ("PROVISIONING", "BUILD", "FINALIZING")
"""Phases whose end hands the log over: the first, the one that takes time, the last."""


class _Failed(Exception):
    """A phase failed: its context's code and message."""

    def __init__(self, code: str, message: str, status: str = FAILED) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Run:
    """``go`` is the body of the task."""

    def __init__(self, service: CodeBuildService, build: Build, project: Project, order: Order) -> None:
        self._service = service
        self._world = service.world
        self._id = build.id
        self._project = project
        self._order = order
        self.identity = _identity(project, build)
        self._spec = Spec("0.2")
        self._shell: Any = None
        self._environ: dict[str, str] = {}
        self._root = self._log = self._door = None  # type: Any
        self.status = SUCCEEDED

    @property
    def build(self) -> Build:
        """As it stands."""
        return self._service.builds[self._id]

    def _put(self, build: Build) -> None:
        self._service.builds[self._id] = build

    def ask(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """A call of CodeBuild as the project's role."""
        return self._world.call(service, operation, params, self.identity)

    def go(self) -> None:
        """Every phase; ``status`` tells how it ended."""
        room = _room()
        try:
            self._open(room)
            self._phases()
            self._log.flush()
        finally:
            if self._shell is not None:
                self._shell.close()
            if self._door is not None:
                self._door.close()
            shutil.rmtree(room, ignore_errors=True)

    def _open(self, room: Path) -> None:
        self._root = room / "src"
        self._root.mkdir()
        (room / "home").mkdir()
        (room / "tmp").mkdir()
        self._door = Door(self._world, self._project.name, self._service.stands, room / "door")
        path = tools.place(self._service.stands, room, room / "door")
        given = (self._project.given.get("logsConfig") or {}).get("cloudWatchLogs") or {}
        hidden = {str(room): "/codebuild", self._door.url: "https://amazonaws.com"}
        on = given.get("status") != "DISABLED"
        self._log = telling.Log(self._world, self.build, self.ask, on, hidden)
        account, region = self.identity.account, self._project.region
        self._environ = {
            "PATH": path, "HOME": str(room / "home"), "TMPDIR": str(room / "tmp"),
            "CODEBUILD_SRC_DIR": str(self._root), "AWS_ENDPOINT_URL": self._door.url,
            "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "stackproof",
            "AWS_SESSION_TOKEN": "stackproof", "AWS_CONFIG_FILE": "/dev/null", "AWS_REGION": region,
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip

    # Phases.

    def _phases(self) -> None:
        if not self._phase("PROVISIONING", lambda: None) or not self._phase(
            "DOWNLOAD_SOURCE", self._download
        ):
            return
        upload = False
        for name in PHASES:
            phase = self._spec.phases.get(name, Phase())
            good = self._phase(name.upper(), lambda name=name, phase=phase: self._work(name, phase))
            if self.status == TIMED_OUT:
                return
            goes_on = phase.on_failure == "CONTINUE" or (name == "build" and phase.on_failure != "ABORT")
            upload = upload or name == "build"
            if not good and not goes_on:
                upload = upload and phase.on_failure != "ABORT"
                break
        if self._shell is not None:
            known = self._shell.environ
            self._put(replace(self.build, exported={n: known[n] for n in self._spec.exported if n in known}))
            self._report()
        if upload:
            self._phase("UPLOAD_ARTIFACTS", self._upload)
        self._phase("FINALIZING", lambda: None)

    def _phase(self, name: str, work: Any) -> bool:
        """Run one phase and tell of its end; whether it succeeded."""
        clock = self._world.clock
        self._put(self.build.entered(name, clock.ms))
        self._log.say(f"Entering phase {name}")
        failed: _Failed | None = None
        try:
            work()
        except _Failed as error:
            failed = error
        except ServiceError as error:
            failed = _Failed("CLIENT_ERROR", f"{error.code}: {error.message}")
        status = failed.status if failed else SUCCEEDED
        self._log.say(f"Phase complete: {name} State: {status}")
        if failed:
            self._log.say(f"Phase context status code: {failed.code} Message: {failed.message}")
            self.status = failed.status
        try:
            if failed or name in _FLUSHED:
                self._log.flush()
        except ServiceError as error:
            failed = failed or _Failed("CLOUDWATCH_LOGS_ERROR", f"{error.code}: {error.message}")
            self.status = failed.status
        told = (failed.code, failed.message) if failed else ("", "")
        self._put(self.build.left(clock.ms, failed.status if failed else SUCCEEDED, *told))
        self._journal(name, failed)
        telling.phase(self._world, self.build, self._project)
        return failed is None

    def _journal(self, name: str, failed: _Failed | None) -> None:
        detail = {"build": self.build.number, "phase": name}
        result = f"error {failed.code}: {failed.message}" if failed else ""
        self._world.journal.record(self._project.name, "codebuild.Phase", self._project.name, detail, result)

    def _download(self) -> None:
        tree, version = sources.primary(self._world, self._project, self._order, self.ask)
        write(tree, self._root)
        self._environ |= {"CODEBUILD_SRC_DIR": str(self._root)}
        for origin in self._order.origins[1:]:
            place = self._root.parent / "secondary" / origin.name
            place.mkdir(parents=True)
            write(sources.stored(self.ask, origin.bucket, origin.key), place)
            self._environ[f"CODEBUILD_SRC_DIR_{origin.name}"] = str(place)
        if version:
            self._put(replace(self.build, resolved=version))
        try:
            self._spec = parse(self._text())
        except SpecError as error:
            raise _Failed("YAML_FILE_ERROR", str(error)) from error
        for section in self._spec.ignored:
            self._log.say(f"not emulated: '{section}' of the build specification has no effect")
        own = variables.own(self.build, self._project, self._order)
        given = variables.wanted(self._spec, self._project, self._order, self.ask)
        self._environ = {**own, **given, **self._environ}

    def _text(self) -> str:
        """The build specification: inline, a named file, or ``buildspec.yml``."""
        told = self._order.overrides.get("buildspecOverride")
        told = str(told or (self._project.given.get("source") or {}).get("buildspec") or "buildspec.yml")
        if "\n" in told.strip() or told.lstrip().startswith("{"):
            return told
        if told.startswith("arn:") and ":s3:::" in told:
            bucket, _, key = told.partition(":::")[2].partition("/")
            body = self.ask("s3", "GetObject", {"Bucket": bucket, "Key": key})["Body"]
            return str((body if isinstance(body, bytes) else body.read()).decode())
        place = (self._root / told).resolve()
        if not place.is_relative_to(self._root) or not place.is_file():
            raise _Failed("YAML_FILE_ERROR", f"stat {told}: no such file or directory")
        return str(place.read_text(encoding="utf-8"))

    def _work(self, name: str, phase: Phase) -> None:
        if name == "build":
            self._pass()
        for attempt in range(phase.retries + 1):
            try:
                self._attempt(phase)
            except _Failed:
                if attempt == phase.retries:
                    raise
            else:
                return

    def _attempt(self, phase: Phase) -> None:
        try:
            for command in phase.commands:
                self._command(command)
        except _Failed:
            for command in phase.finally_:
                self._command(command)
            raise
        for command in phase.finally_:
            self._command(command)

    def _pass(self) -> None:
        """Let the build's virtual time pass, or its time-out come."""
        task = current()
        assert task is not None  # builds run in tasks
        seconds, limit = self._service.duration(self._project.name), self._project.minutes * 60
        limit = int(self._order.overrides.get("timeoutInMinutesOverride") or 0) * 60 or limit
        self._world.scheduler.sleep(task, min(seconds, limit))
        if seconds > limit:
            raise _Failed("BUILD_TIMED_OUT", f"Build has timed out after {limit // 60} minutes.", TIMED_OUT)

    def _command(self, command: str) -> None:
        if self._shell is None or self._spec.version == "0.1":
            if self._shell is not None:
                self._shell.close()
            self._shell = Shell(self._spec.shell, self._root, self._environ, self._door, self._log.write)
        if self.status != SUCCEEDED:
            self._environ["CODEBUILD_BUILD_SUCCEEDING"] = "0"
        self._log.say(f"Running command {command.strip()}")
        code = self._shell.run(command)
        if code:
            self._shell.tell("CODEBUILD_BUILD_SUCCEEDING", "0")
            reason = f"Error while executing command: {command.strip()}. Reason: exit status {code}"
            raise _Failed("COMMAND_EXECUTION_ERROR", reason)

    # What is left of it.

    def _upload(self) -> None:
        try:
            Uploads(self.ask, self._project, self._order, self.build).put(self._spec, self._root, self._said)
        except artifacts.NoFiles as error:
            raise _Failed("CLIENT_ERROR", str(error)) from error

    def _said(self, location: str) -> None:
        self._put(replace(self.build, location=location))

    def _report(self) -> None:
        """Reports are named with their files; nobody reads what stands in them."""
        for name, report in self._spec.reports.items():
            files = artifacts.reported(report, self._root)
            full = name if name.startswith("arn:") else f"{self._project.name}-{name}"
            place = (self._project.region, self._project.account)
            unique = self.build.id.partition(":")[2]
            arn = arns.arn("codebuild", *place, f"report/{arns.last(full)}:{unique}")
            self._log.say(f"Report {full} ({report.format}): {len(files)} files")
            detail = {"files": files, "format": report.format}
            self._world.journal.record(self._project.name, "codebuild.Report", full, detail)
            self._put(replace(self.build, reports=(*self.build.reports, arn)))


_LONGEST = 80
"""Characters of a base folder: the path of a socket file has room for 107 (unix(7))."""


def _room() -> Path:
    """A new folder of the build's own. ``tempfile`` would draw its name from the world's randomness."""
    base = os.path.realpath(os.environ.get("TMPDIR") or "/tmp")
    base = base if len(base) <= _LONGEST else "/tmp"
    for number in itertools.count():
        path = Path(base, f"stackproof-build-{number}")
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return path
    raise AssertionError  # numbers do not end


def _identity(project: Project, build: Build) -> Caller:
    """The session of the project's service role."""
    role = arns.parse(project.role)
    account = role.account if role else project.account
    name = role.resource.rpartition("/")[2] if role else project.name
    session = f"AWSCodeBuild-{build.id.partition(':')[2]}"
    arn = f"arn:{arns.partition(project.region)}:sts::{account}:assumed-role/{name}/{session}"
    return Caller(account, project.region, arn, project.name, user_id=f"AROA{account}STACKPROOF:{session}")
