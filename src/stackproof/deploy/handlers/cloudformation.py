"""AWS CloudFormation: nested stacks, and resources that are nothing outside CloudFormation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import tags_of
from stackproof.deploy.handler import Handler, Job, Refused
from stackproof.deploy.model import Level, Made
from stackproof.errors import DeploymentFailed
from stackproof.template.model import Configuration, Document
from stackproof.template.nested import find
from stackproof.template.unknowns import text_of

_REPOSITORY = "https://serverlessrepo.amazonaws.com/"


class Stack(Handler):
    """``AWS::CloudFormation::Stack``: its template is the local file that the gate finds too."""

    type = "AWS::CloudFormation::Stack"
    covers = frozenset({"TemplateURL", "Parameters", "Tags", "TimeoutInMinutes", "NotificationARNs"})
    inert: ClassVar[Mapping[str, str]] = {
        "NotificationARNs": "stack events are not published",
        "TimeoutInMinutes": "a deployment takes no time",
    }

    def _parts(self, job: Job) -> tuple[Document, Configuration, dict[str, Any]]:
        library = job.deployer.library
        written = (job.written.get("Properties") or {}).get("TemplateURL")
        parent = job.place.folder / "template.yaml"
        environment = job.deployer.environment(job.place.stack)
        target = find(job.get("TemplateURL"), written, parent, library.config, environment)
        if target.path is None:
            hint = " (map the address to a local file in template_urls)" if target.remote else ""
            raise Refused(f"the child template is missing: {target.problem}{hint}")
        document = library.document(target.path)
        tags = {**job.place.tags, **tags_of(job.get("Tags"))}
        configuration = Configuration("", environment=environment, tags=tags)
        return (
            document,
            configuration,
            {name: _handed(value) for name, value in (job.get("Parameters") or {}).items()},
        )

    def create(self, job: Job) -> Made:
        """Deploy the child. An application of the repository that is not mapped to a local file is none."""
        if self._published(job):
            job.not_emulated(
                "TemplateURL", "applications of the Serverless Application Repository stay there"
            )
            return Made(job.name("")[:128], _Outputs(job))
        document, configuration, parameters = self._told(job, lambda: self._parts(job))
        name = job.name("")[:128]
        child = self._told(
            job, lambda: job.deployer.child(document, configuration, parameters, name, job.place.stack)
        )
        return self._made(job, child)

    @staticmethod
    def _published(job: Job) -> bool:
        url = str(job.get("TemplateURL") or "")
        if not url.startswith(_REPOSITORY):
            return False
        parent, config = job.place.folder / "template.yaml", job.deployer.library.config
        return find(url, url, parent, config, job.deployer.environment(job.place.stack)).path is None

    @staticmethod
    def _told(job: Job, action: Any) -> Any:
        try:
            return action()
        except DeploymentFailed as error:
            raise Refused(f"Embedded stack was not successful: {error}") from error

    @staticmethod
    def _made(job: Job, child: Any) -> Made:
        for stack, one in child.missing():
            if one.verdict.level is not Level.EMULATED:
                job.left_out(f"{one.logical_id}", f"{one.type} of {stack.name} is {one.verdict}")
        outputs = {f"Outputs.{name}": value for name, value in child.outputs.items()}
        return Made(child.id, outputs, {"stack": child.name})

    def update(self, job: Job, made: Made) -> Made:
        """Update the child."""
        parts = self._told(job, lambda: self._parts(job))
        child = job.deployer.stacks[str(made.notes["stack"])]
        self._told(job, lambda: job.deployer.child_update(child, *parts))
        return self._made(job, child)

    def delete(self, job: Job, made: Made) -> None:
        """Delete the child."""
        child = job.deployer.stacks.get(str(made.notes["stack"]))
        if child is not None:
            try:
                job.deployer.delete(child)
            except DeploymentFailed as error:
                raise Refused(error.reason) from error


class _Outputs(dict[str, Any]):
    """Outputs of a stack that nobody knows: a text for each that is asked for, in the shape of a layer's ARN
    where its name says so (layers are what is mostly published)."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        place = job.place
        owner = str(job.get("TemplateURL")).partition(":serverlessrepo:")[2].split(":")[1:2] or [""]
        account = owner[0] if owner[0].isdigit() else place.account
        self._layer = f"arn:{place.partition}:lambda:{place.region}:{account}:layer:{job.logical_id}:1"
        self._name = job.logical_id

    def __contains__(self, name: object) -> bool:
        return str(name).startswith("Outputs.")

    def __missing__(self, name: str) -> str:
        if not name.startswith("Outputs."):
            raise KeyError(name)
        output = name.removeprefix("Outputs.")
        return self._layer if "layer" in output.lower() else f"{self._name}-{output}".lower()


def _handed(value: Any) -> Any:
    """A parameter as a child gets it: text, lists joined."""
    return ",".join(text_of(item) for item in value) if isinstance(value, list) else text_of(value)


class WaitConditionHandle(Handler):
    """``AWS::CloudFormation::WaitConditionHandle``: an address, nothing more."""

    type = "AWS::CloudFormation::WaitConditionHandle"

    def create(self, job: Job) -> Made:
        """Only an address."""
        host = f"cloudformation-waitcondition-{job.place.region}.s3.amazonaws.com"
        return Made(f"https://{host}/{job.unique()}")

    def update(self, job: Job, made: Made) -> Made:
        """Nothing to change."""
        return made


class Metadata(Handler):
    """``AWS::CDK::Metadata``, which leaves nothing behind."""

    type = "AWS::CDK::Metadata"
    covers = frozenset({"Analytics", "Modules"})

    def create(self, job: Job) -> Made:
        """Only an id."""
        return Made(job.name(""))

    def update(self, job: Job, made: Made) -> Made:
        """Nothing to change."""
        return made
