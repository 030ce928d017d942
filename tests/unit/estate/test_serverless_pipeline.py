"""serverless-pipeline: builds in place of functions, and an address that travels as an artifact."""

from __future__ import annotations

import tomllib

import pytest
import yaml

ENVIRONMENTS = ("tooling", "tooling-sandbox")


@pytest.fixture
def projects(system):
    found = system("serverless-pipeline").resources("pipeline.yaml", "tooling", "AWS::CodeBuild::Project")
    return {name: project["Source"]["BuildSpec"] for name, project in found.items()}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_step_between_source_and_approval_is_a_build(system, pipeline, environment):
    read = pipeline(system("serverless-pipeline"), "pipeline.yaml", environment)
    providers = [action["ActionTypeId"]["Provider"] for *_, action in read.actions()]
    assert providers.count("CodeBuild") == 4
    assert set(providers) == {"CodeStarSourceConnection", "CodeBuild", "Manual"}
    assert not system("serverless-pipeline").resources("pipeline.yaml", environment, "AWS::Lambda::Function")


def test_the_source_brings_one_specification_and_the_template_the_other(projects, root):
    in_source = yaml.safe_load((root / projects["BackendProject"]).read_text(encoding="utf-8"))
    inline = yaml.safe_load(projects["FrontendProject"])
    for specification in (in_source, inline):
        assert str(specification["version"]) == "0.2"
        assert specification["phases"]["build"]["commands"]


def test_the_backend_writes_its_endpoint_and_the_frontend_reads_it(projects, root):
    backend = yaml.safe_load((root / projects["BackendProject"]).read_text(encoding="utf-8"))
    commands = "\n".join(command for phase in backend["phases"].values() for command in phase["commands"])
    assert "> service_endpoint.txt" in commands
    assert "ServiceEndpoint" in commands
    assert {"service_endpoint.txt", "frontend/**/*"} <= set(backend["artifacts"]["files"])
    frontend = yaml.safe_load(projects["FrontendProject"])
    assert "service_endpoint.txt" in "\n".join(frontend["phases"]["build"]["commands"])


@pytest.mark.parametrize("stage", ["Test", "Production"])
def test_the_artifact_goes_from_one_build_to_the_next(system, pipeline, stage):
    read = pipeline(system("serverless-pipeline"), "pipeline.yaml", "tooling")
    backend, frontend = read.action(stage, "DeployBackend"), read.action(stage, "DeployFrontend")
    assert backend["OutputArtifacts"] == frontend["InputArtifacts"]
    assert read.when(stage, "DeployBackend") < read.when(stage, "DeployFrontend")


def test_the_output_that_the_build_asks_for_exists(system):
    for environment in ("test", "prod"):
        outputs = system("serverless-pipeline").resolved("backend.yaml", environment).tree["Outputs"]
        assert "ServiceEndpoint" in outputs


def test_production_is_approved_before_anything_is_deployed_to_it(system, pipeline):
    read = pipeline(system("serverless-pipeline"), "pipeline.yaml", "tooling")
    (asked,) = read.approvals()
    assert read.when("Test", "DeployFrontend") < asked < read.when("Production", "DeployBackend")


def test_the_backend_takes_its_configurations_from_samconfig(system):
    serverless = system("serverless-pipeline")
    with (serverless.folder / "samconfig.toml").open("rb") as stream:
        written = tomllib.load(stream)
    for environment, days in (("test", 30), ("prod", 365)):
        stack = written[environment]["global"]["parameters"]["stack_name"]
        assert stack == f"serverless-backend-{environment}"
        groups = serverless.resources("backend.yaml", environment, "AWS::Logs::LogGroup")
        assert {int(group["RetentionInDays"]) for group in groups.values()} == {days}


def test_a_configuration_that_lacks_a_parameter_is_refused(system):
    forgetful = system("serverless-pipeline", ("samconfig.toml", " LogRetentionDays=365", ""))
    assert "SP-PARAM-MISSING" in forgetful.rules()


def test_a_build_that_keeps_no_logs_is_refused(system):
    text = "        CloudWatchLogs:\n          Status: ENABLED\n"
    silent = system("serverless-pipeline", ("pipeline.yaml", text, text.replace("ENABLED", "DISABLED")))
    assert "CODEBUILD_LOGGED" in silent.refused("pipeline.yaml", "pipeline")
