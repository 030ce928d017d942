"""Amazon ECS: clusters, task definitions and services as far as their settings and counts go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_NO_CONTAINERS = "no container runs; a process of the world can run its code"


def _lower(value: Any) -> Any:
    """Members as the API spells them: the first letter small."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _options(value: Any) -> Any:
    """Free maps (log options, labels) keep their spelling."""
    found = _lower(value)
    if isinstance(value, Mapping):
        for container, written in zip(
            found.get("containerDefinitions", ()), value.get("ContainerDefinitions", ()), strict=True
        ):
            if "DockerLabels" in written:
                container["dockerLabels"] = written["DockerLabels"]
            if "Options" in written.get("LogConfiguration", {}):
                container["logConfiguration"]["options"] = written["LogConfiguration"]["Options"]
    return found


class Cluster(Handler):
    """``AWS::ECS::Cluster``."""

    type = "AWS::ECS::Cluster"
    covers = frozenset(
        {"ClusterName", "ClusterSettings", "Configuration", "CapacityProviders",
         "DefaultCapacityProviderStrategy", "ServiceConnectDefaults", "Tags"}
    )  # fmt: skip

    def create(self, job: Job) -> Made:
        """CreateCluster."""
        settings = job.pick({"ClusterSettings": "settings", "Configuration": "configuration",
                             "CapacityProviders": "capacityProviders"})  # fmt: skip
        name = job.name("ClusterName")
        tags = job.tag_list("key", "value") or None
        answer = job.call("ecs", "create_cluster", {"clusterName": name, **_lower(settings), "tags": tags})
        return Made(name, {"Arn": answer["cluster"]["clusterArn"]})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateCluster."""
        if job.changed("ClusterSettings"):
            settings = _lower(job.get("ClusterSettings") or [])
            job.call("ecs", "update_cluster_settings", {"cluster": made.physical_id, "settings": settings})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteCluster."""
        job.call("ecs", "delete_cluster", {"cluster": made.physical_id})


_TASK = (
    "Family", "TaskRoleArn", "ExecutionRoleArn", "NetworkMode", "ContainerDefinitions", "Volumes",
    "PlacementConstraints", "RequiresCompatibilities", "Cpu", "Memory", "PidMode", "IpcMode",
    "EphemeralStorage", "RuntimePlatform",
)  # fmt: skip


class TaskDefinition(Handler):
    """``AWS::ECS::TaskDefinition``; each change is another revision."""

    type = "AWS::ECS::TaskDefinition"
    covers = frozenset(_TASK) | {"Tags"}
    inert: ClassVar[Mapping[str, str]] = {"ContainerDefinitions": _NO_CONTAINERS}

    def create(self, job: Job) -> Made:
        """RegisterTaskDefinition."""
        params = _options(job.pick({name: name for name in _TASK}))
        params["family"] = job.name("Family")
        params["tags"] = job.tag_list("key", "value") or None
        answer = job.call("ecs", "register_task_definition", params)
        arn = answer["taskDefinition"]["taskDefinitionArn"]
        return Made(arn, {"TaskDefinitionArn": arn})

    def delete(self, job: Job, made: Made) -> None:
        """DeregisterTaskDefinition."""
        job.call("ecs", "deregister_task_definition", {"taskDefinition": made.physical_id})


_SERVICE = (
    "Cluster", "TaskDefinition", "DesiredCount", "LaunchType", "DeploymentConfiguration",
    "NetworkConfiguration", "PropagateTags", "LoadBalancers", "ServiceRegistries", "PlatformVersion",
    "HealthCheckGracePeriodSeconds", "SchedulingStrategy", "EnableECSManagedTags", "EnableExecuteCommand",
    "PlacementConstraints", "PlacementStrategies", "CapacityProviderStrategy", "DeploymentController", "Role",
)  # fmt: skip


class Service(Handler):
    """``AWS::ECS::Service``: how many tasks it should have."""

    type = "AWS::ECS::Service"
    covers = frozenset(_SERVICE) | {"ServiceName", "Tags"}
    inert: ClassVar[Mapping[str, str]] = {
        "TaskDefinition": _NO_CONTAINERS,
        "NetworkConfiguration": "the network is not emulated",
        "LoadBalancers": "no task runs that would be registered as a target",
    }

    def create(self, job: Job) -> Made:
        """CreateService."""
        params = {"serviceName": job.name("ServiceName"), **self._params(job, _SERVICE)}
        params["tags"] = job.tag_list("key", "value") or None
        params.setdefault("desiredCount", 1)
        answer = job.call("ecs", "create_service", params)["service"]
        notes = {"cluster": params.get("cluster", "default")}
        return Made(
            answer["serviceArn"], {"Name": answer["serviceName"], "ServiceArn": answer["serviceArn"]}, notes
        )

    @staticmethod
    def _params(job: Job, names: Any) -> dict[str, Any]:
        taken = {name: name for name in names if name != "NetworkConfiguration"}
        found: dict[str, Any] = _lower(job.pick(taken))
        if "placementStrategies" in found:
            found["placementStrategy"] = found.pop("placementStrategies")
        return found

    def update(self, job: Job, made: Made) -> Made:
        """UpdateService."""
        names = [name for name in ("TaskDefinition", "DesiredCount") if job.changed(name)]
        params = {"service": made.attributes["Name"], "cluster": made.notes["cluster"]}
        job.call("ecs", "update_service", {**params, **self._params(job, names)})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteService, whatever its count."""
        params = {"service": made.attributes["Name"], "cluster": made.notes["cluster"], "force": True}
        job.call("ecs", "delete_service", params)
