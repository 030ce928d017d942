"""The service CodeBuild: projects, builds, and what a test declares for them.

Builds run for real: each command of the build specification in a bash of this machine, in a copy of the
source. ``tool`` declares what a command is that the machine need not have, ``takes`` how long (virtual
seconds) builds last. Source: CodeBuild API reference and user guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing, UsageError
from stackproof.fabric import arns
from stackproof.fabric.codebuild import telling, tools
from stackproof.fabric.codebuild.model import FAULT, STOPPED, Build, Order, Project
from stackproof.fabric.codebuild.running import Run
from stackproof.fabric.codebuild.tools import Stand
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.tasks import Killed, Task

if TYPE_CHECKING:
    from stackproof.fabric.world import World

SECONDS = 60.0
"""Virtual seconds that a build takes unless the test says otherwise."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_]{1,149}")
_OVERRIDES = frozenset(
    {
        "projectName", "sourceVersion", "environmentVariablesOverride", "buildspecOverride",
        "idempotencyToken", "sourceTypeOverride", "sourceLocationOverride", "artifactsOverride",
        "timeoutInMinutesOverride",
    }
)  # fmt: skip


class CodeBuildService:
    """One instance serves all accounts and regions. Projects are kept by ARN, builds by their id."""

    name = "codebuild"

    def __init__(self, world: World) -> None:
        self.world = world
        self.projects: dict[str, Project] = {}
        self.builds: dict[str, Build] = {}
        self.stands: dict[str, Stand] = {}
        self.seconds: dict[str, float] = {}
        self.ordered: dict[str, Order] = {}
        self._running: dict[str, Task] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateProject": self.create_project,
            "UpdateProject": self.update_project,
            "DeleteProject": self.delete_project,
            "BatchGetProjects": self.batch_get_projects,
            "ListProjects": self.list_projects,
            "StartBuild": self.start_build,
            "StopBuild": self.stop_build,
            "RetryBuild": self.retry_build,
            "BatchGetBuilds": self.batch_get_builds,
            "ListBuilds": self.list_builds,
            "ListBuildsForProject": self.list_builds_for_project,
        }

    # What a test says.

    def tool(self, name: str, stand: Stand = None) -> None:
        """Declare a command for every build to come, found before all others.

        ``stand`` is a function (``tools.Call`` to ``tools.Answer``, text, exit code or None; its AWS calls
        are the project's), a script's text (``#!…``), a file, or None for the machine's own.
        """
        tools.check(name, stand)
        self.stands[name] = stand

    def takes(self, seconds: float, project: str = "") -> None:
        """Let the builds of a project (without one: of all others) take so many virtual seconds."""
        if not seconds >= 0:
            raise UsageError(f"a build cannot take {seconds} seconds")
        self.seconds[project] = float(seconds)

    def duration(self, project: str) -> float:
        """Virtual seconds that a build of a project takes."""
        return self.seconds.get(project, self.seconds.get("", SECONDS))

    def log(self, build: str) -> str:
        """What a build (its id) wrote into its log group."""
        found = self.builds[build]
        place = {"logGroupName": found.group, "logStreamName": found.stream, "startFromHead": True}
        answer = self.world.call("logs", "GetLogEvents", place, self.world.caller())
        return "".join(str(event["message"]) for event in answer["events"])

    # Projects.

    def project(self, name: str, caller: Caller) -> Project:
        """The project of a name or an ARN; raises ResourceNotFoundException."""
        found = self.projects.get(_project_arn(name, caller))
        if found is None:
            raise ServiceError(
                "ResourceNotFoundException", f"Project cannot be found: {_project_arn(name, caller)}"
            )
        return found

    def create_project(self, params: Params, caller: Caller) -> Response:
        """A project by a name that is new in the account and region."""
        name = params["name"]
        if not _NAME.fullmatch(name):
            raise ServiceError(
                "InvalidInputException", "Project name must match [A-Za-z0-9][A-Za-z0-9\\-_]{1,149}"
            )
        arn = _project_arn(name, caller)
        if arn in self.projects:
            raise ServiceError("ResourceAlreadyExistsException", f"Project already exists: {arn}")
        now = self.world.clock.now
        made = Project(name, arn, caller.account, caller.region, now, now, _given(params))
        self.projects[arn] = made
        return {"project": made.shown()}

    def update_project(self, params: Params, caller: Caller) -> Response:
        """What is given takes the place of what was."""
        found = self.project(params["name"], caller)
        given = {**found.given, **_given(params)}
        changed = self.projects[found.arn] = replace(found, given=given, modified=self.world.clock.now)
        return {"project": changed.shown()}

    def delete_project(self, params: Params, caller: Caller) -> Response:
        """Builds of it go on; one that is not there is no error."""
        self.projects.pop(_project_arn(params["name"], caller), None)
        return {}

    def batch_get_projects(self, params: Params, caller: Caller) -> Response:
        """Those that there are, and the names of the others."""
        arns_ = {name: _project_arn(name, caller) for name in params["names"]}
        found = [self.projects[arn].shown() for arn in arns_.values() if arn in self.projects]
        return {
            "projects": found,
            "projectsNotFound": [n for n, arn in arns_.items() if arn not in self.projects],
        }

    def list_projects(self, params: Params, caller: Caller) -> Response:
        """The names of the account and region, in order."""
        place = (caller.account, caller.region)
        names = [one.name for one in self.projects.values() if (one.account, one.region) == place]
        return {"projects": sorted(names, reverse=params.get("sortOrder") == "DESCENDING")}

    # Builds.

    def start_build(self, params: Params, caller: Caller) -> Response:
        """A build of a project; what CodePipeline orders it has laid down in ``ordered`` before."""
        project = self.project(params["projectName"], caller)
        ordered = self.ordered.pop(str(params.get("idempotencyToken")), None)
        if ordered is not None:
            return {"build": self.start(project, ordered).shown(project)}
        unknown = sorted(set(params) - _OVERRIDES)
        if unknown:
            raise CapabilityMissing(f"not emulated: StartBuild with {', '.join(unknown)}")
        if (project.given.get("source") or {}).get("type") == "CODEPIPELINE" and not (
            {"sourceTypeOverride"} & params.keys()
        ):
            raise ServiceError(
                "InvalidInputException",
                "Project source type CODEPIPELINE cannot be started by StartBuild without a source override",
            )
        order = Order(
            overrides=params, version=params.get("sourceVersion") or "", initiator=_initiator(caller)
        )
        build = self.start(project, order)
        return {"build": build.shown(project)}

    def start(self, project: Project, order: Order) -> Build:
        """Begin a build; it runs as soon as the world is driven."""
        project = self.projects[project.arn] = replace(project, builds=project.builds + 1)
        unique = self.world.ids.uuid()
        identifier = f"{project.name}:{unique}"
        given = (project.given.get("logsConfig") or {}).get("cloudWatchLogs") or {}
        stream = f"{given['streamName']}/{unique}" if given.get("streamName") else unique
        arn = arns.arn("codebuild", project.region, project.account, f"build/{identifier}")
        now = self.world.clock.ms
        build = Build(
            identifier, arn, project.name, project.builds, now, order.initiator,
            given.get("groupName") or f"/aws/codebuild/{project.name}", stream, order.version,
        )  # fmt: skip
        build = build.entered("SUBMITTED", now).left(now, "SUCCEEDED")
        self.builds[identifier] = build = build.entered("QUEUED", now).left(now, "SUCCEEDED")
        telling.state(self.world, build, project)
        self.world.journal.record(order.initiator, "codebuild.Build", project.name, {"number": build.number})
        run = Run(self, build, project, order)
        task = Task(
            self.world.scheduler, f"build {project.name}:{build.number}", run.go, kind="process",
            identity=run.identity, on_done=lambda task: self._over(task, run, project, order),
        )  # fmt: skip
        task.debugged = True  # real time of commands is theirs: ``shell.SILENCE`` is the limit
        self._running[identifier] = task
        self.world.scheduler.spawn(task)
        return build

    def _over(self, task: Task, run: Run, project: Project, order: Order) -> None:
        build, now = run.build, self.world.clock.ms
        self._running.pop(build.id, None)
        stopped = task.state == "killed"
        status = STOPPED if stopped else FAULT if task.error is not None else run.status
        if build.steps and not build.steps[-1].end:
            build = build.left(now, status)
        build = replace(build.entered("COMPLETED", now).left(now, "SUCCEEDED"), status=status, end=now)
        self.builds[build.id] = build
        telling.state(self.world, build, project)
        detail = {"number": build.number, "status": status, "exported": dict(build.exported)}
        self.world.journal.record(project.name, "codebuild.Built", project.name, detail)
        if task.error is not None and not isinstance(task.error, Killed):
            raise task.error
        if order.done is not None:
            order.done(build)

    def _build(self, name: str) -> Build:
        found = self.builds.get(arns.last(name) if name.startswith("arn:") else name)
        if found is None and name.startswith("arn:"):
            found = self.builds.get(name.partition(":build/")[2])
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Build {name} does not exist")
        return found

    def stop_build(self, params: Params, caller: Caller) -> Response:
        """The build ends where it stands; one that has ended stays as it is."""
        found = self._build(params["id"])
        task = self._running.get(found.id)
        if task is not None:
            task.kill(f"{found.id} was stopped")
        return {"build": self._shown(found, caller)}

    def retry_build(self, params: Params, caller: Caller) -> Response:
        """Not emulated. Raises ``CapabilityMissing``."""
        raise CapabilityMissing("not emulated: RetryBuild", hint="start_build again")

    def _shown(self, build: Build, caller: Caller) -> dict[str, Any]:
        return build.shown(self.projects.get(_project_arn(build.project, caller)))

    def batch_get_builds(self, params: Params, caller: Caller) -> Response:
        """Those that there are, and the ids of the others."""
        names = [name.partition(":build/")[2] or name for name in params["ids"]]
        found = [self._shown(self.builds[name], caller) for name in names if name in self.builds]
        return {"builds": found, "buildsNotFound": [name for name in names if name not in self.builds]}

    def list_builds(self, params: Params, caller: Caller) -> Response:
        """Ids, the latest first unless the order is ASCENDING."""
        wanted = f":{caller.region}:{caller.account}:build/"
        return {"ids": _ordered([one.id for one in self.builds.values() if wanted in one.arn], params)}

    def list_builds_for_project(self, params: Params, caller: Caller) -> Response:
        """Ids of a project's builds."""
        project = self.project(params["projectName"], caller)
        mine = [one.id for one in self.builds.values() if one.project == project.name]
        return {"ids": _ordered(mine, params)}

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen; no build is open (its task would stand in the way of a snapshot)."""
        return dict(self.projects), dict(self.builds), dict(self.stands), dict(self.seconds)

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        projects, builds, stands, seconds = state
        self.projects, self.builds = dict(projects), dict(builds)
        self.stands, self.seconds = dict(stands), dict(seconds)
        self._running = {}


def _project_arn(name: str, caller: Caller) -> str:
    if name.startswith("arn:"):
        return name
    return arns.arn("codebuild", caller.region, caller.account, f"project/{name}")


def _given(params: Params) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "name" and value is not None}


def _initiator(caller: Caller) -> str:
    return arns.last(caller.arn) if caller.arn else caller.actor


def _ordered(names: list[str], params: Params) -> list[str]:
    return names if params.get("sortOrder") == "ASCENDING" else names[::-1]
