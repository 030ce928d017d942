"""Builds: phases, variables, tools, artifacts, what they tell, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from stackproof.backends.awscli import aws as cli
from stackproof.backends.embedded import EmbeddedBackend
from stackproof.errors import CapabilityMissing, UsageError
from stackproof.fabric.choice import Seeded
from stackproof.fabric.trees import Blob, unzipped, zipped

ROLE = "arn:aws:iam::123456789012:role/builder"


class Bench:
    """One project ``pp``: no source, its specification inline, artifacts into ``out``."""

    def __init__(self, backend: Any) -> None:
        self.backend, self.world = backend, backend.world
        self.codebuild, self.s3 = backend.client("codebuild"), backend.client("s3")
        self.service = self.world.service("codebuild")
        self.s3.create_bucket(Bucket="out")

    def project(self, spec: Any, *, variables: Any = (), name: str = "pp", **more: Any) -> None:
        text = spec if isinstance(spec, str) else yaml.safe_dump({"version": 0.2, **spec})
        environment = {
            "type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": list(variables),
        }  # fmt: skip
        settings = {
            "source": {"type": "NO_SOURCE", "buildspec": text}, "environment": environment,
            "artifacts": {"type": "S3", "location": "out", "packaging": "ZIP", "name": "a.zip"}, **more,
        }  # fmt: skip
        self.codebuild.create_project(name=name, serviceRole=ROLE, **settings)

    def build(self, spec: Any = None, **more: Any) -> Any:
        """The build at its end."""
        if spec is not None:
            self.project(spec, **more)
            more = {}
        found = self.codebuild.start_build(projectName="pp", **more)["build"]
        self.world.run_until_idle()
        return self.codebuild.batch_get_builds(ids=[found["id"]])["builds"][0]

    def said(self, build: Any) -> list[str]:
        """What commands wrote."""
        lines = self.service.log(build["id"]).splitlines()
        return [line for line in lines if not line.startswith("[Container]")]

    def artifact(self) -> dict[str, bytes]:
        data = self.s3.get_object(Bucket="out", Key="a.zip")["Body"].read()
        return {path: blob.content for path, blob in unzipped(data).items()}


@pytest.fixture
def bench(backend: Any) -> Bench:
    return Bench(backend)


def phases(**found: Any) -> dict[str, Any]:
    return {
        "phases": {name: one if isinstance(one, dict) else {"commands": one} for name, one in found.items()}
    }


def ended(build: Any) -> dict[str, str]:
    return {one["phaseType"]: one["phaseStatus"] for one in build["phases"]}


def test_one_shell_runs_all_commands(bench: Bench) -> None:
    spec = phases(install=["mkdir sub; cd sub", "A=1; export B=2"], build=['echo "$(basename $PWD) $A $B"'])
    build = bench.build(spec)
    assert build["buildStatus"] == "SUCCEEDED"
    assert bench.said(build) == ["sub 1 2"]


def test_a_command_that_ends_the_shell_fails_with_its_code_and_the_next_phase_has_another(
    bench: Bench,
) -> None:
    spec = phases(
        build=["export A=kept", "exit 7", "echo never"], post_build=['echo "$A $CODEBUILD_BUILD_SUCCEEDING"']
    )
    build = bench.build(spec)
    assert build["buildStatus"] == "FAILED"
    failed = next(one for one in build["phases"] if one["phaseStatus"] == "FAILED")
    assert failed["contexts"][0]["message"].endswith("exit status 7")
    assert bench.said(build) == ["kept 0"]


@pytest.mark.parametrize(
    ("spec", "told", "upload"),
    [
        (phases(install=["false"], build=["echo b"], post_build=["echo p"]), [], False),
        (phases(pre_build=["false"], build=["echo b"], post_build=["echo p"]), [], False),
        (phases(build=["false"], post_build=["echo p"]), ["p"], True),
        (phases(build={"commands": ["false"], "on-failure": "ABORT"}, post_build=["echo p"]), [], False),
        (phases(install={"commands": ["false"], "on-failure": "CONTINUE"}, build=["echo b"]), ["b"], True),
        (phases(build={"commands": ["false"], "finally": ["echo f"]}), ["f"], True),
        (phases(build=["echo b"], post_build=["false"]), ["b"], True),
    ],
)
def test_what_follows_a_failure(bench: Bench, spec: Any, told: list[str], upload: bool) -> None:
    build = bench.build(spec)
    assert build["buildStatus"] == "FAILED"
    assert bench.said(build) == told
    assert ("UPLOAD_ARTIFACTS" in ended(build)) is upload


def test_a_failed_phase_is_tried_again(bench: Bench) -> None:
    tries: list[int] = []
    bench.service.tool("flaky", lambda call: tries.append(1) or int(len(tries) < 3))
    build = bench.build(phases(build={"commands": ["flaky"], "on-failure": "RETRY-2"}))
    assert (build["buildStatus"], len(tries)) == ("SUCCEEDED", 3)


@pytest.mark.parametrize("command", ["packer build .", "dnf install -y x", "terraform", "./here-not.sh"])
def test_what_nobody_declared_is_not_there(bench: Bench, command: str) -> None:
    build = bench.build(phases(build=[command]))
    assert (
        "exit status 127"
        in next(one for one in build["phases"] if "contexts" in one)["contexts"][0]["message"]
    )


def test_tools_are_found_first_and_call_aws_as_the_project(bench: Bench) -> None:
    def tool(call: Any) -> str:
        arn = bench.backend.client("sts").get_caller_identity()["Arn"]
        return (
            f"{' '.join(call.arguments)} {call.environment['WHO']} {call.input.strip()} {arn.split('/')[1]}\n"
        )

    bench.service.tool("packer", tool)
    bench.service.tool("grep", "#!/bin/sh\necho my own grep\n")
    bench.service.tool("aws", cli)
    ask = "aws sts get-caller-identity --query Arn --output text | cut -d/ -f2"
    spec = phases(build=["export WHO=me", "echo given | packer build .", "grep x", ask])
    assert bench.said(bench.build(spec)) == ["build . me given builder", "my own grep", "builder"]


def test_a_script_reaches_the_world_by_the_endpoint_that_it_finds(bench: Bench) -> None:
    script = (
        "python3 - <<'P'\nimport boto3\n"
        "boto3.client('s3').put_object(Bucket='out', Key='k', Body=b'x' * 99999)\n"
        "try:\n    boto3.client('sqs').get_queue_url(QueueName='none')\n"
        "except Exception as error:\n    print(type(error).__name__)\nP"
    )
    build = bench.build(phases(build=[script]))
    assert bench.said(build)[-1] == "QueueDoesNotExist"
    assert len(bench.s3.get_object(Bucket="out", Key="k")["Body"].read()) == 99_999
    (entry,) = bench.world.journal.entries(verb="s3.PutObject", target="out")
    assert entry.actor == "pp"


def test_variables_of_every_kind_and_who_wins(bench: Bench) -> None:
    bench.backend.client("ssm").put_parameter(Name="/a/b", Value="stored", Type="SecureString")
    bench.backend.client("secretsmanager").create_secret(Name="s", SecretString=json.dumps({"k": "secret"}))
    env = {
        "variables": {"A": "spec", "B": "spec", "C": "spec"}, "parameter-store": {"D": "/a/b"},
        "secrets-manager": {"E": "s:k"}, "exported-variables": ["A", "MADE"],
    }  # fmt: skip
    own = [{"name": "B", "value": "project"}, {"name": "C", "value": "project"}]
    own.append({"name": "F", "value": "/a/b", "type": "PARAMETER_STORE"})
    bench.project({"env": env, **phases(build=["echo $A $B $C $D $E $F", "export MADE=x"])}, variables=own)
    build = bench.build(environmentVariablesOverride=[{"name": "C", "value": "override"}])
    assert bench.said(build) == ["spec project override stored secret stored"]
    exported = {one["name"]: one["value"] for one in build["exportedEnvironmentVariables"]}
    assert exported == {"A": "spec", "MADE": "x"}


def test_a_parameter_that_is_not_there_fails_the_download(bench: Bench) -> None:
    build = bench.build({"env": {"parameter-store": {"A": "/none"}}, **phases(build=["echo b"])})
    assert ended(build)["DOWNLOAD_SOURCE"] == "FAILED"
    assert "BUILD" not in ended(build)


@pytest.mark.parametrize(
    ("artifacts", "names"),
    [
        ({"files": ["**/*.txt"]}, {"a.txt", "d/b.txt", "d/e/c.txt"}),
        ({"files": ["*.txt"]}, {"a.txt"}),
        ({"files": ["**/*"], "base-directory": "d"}, {"b.txt", "e/c.txt"}),
        ({"files": ["**/*"], "base-directory": "d", "exclude-paths": ["e/**/*"]}, {"b.txt"}),
        ({"files": ["**/*.txt"], "discard-paths": "yes"}, {"a.txt", "b.txt", "c.txt"}),
    ],
)
def test_which_files_an_artifact_holds(bench: Bench, artifacts: Any, names: set[str]) -> None:
    make = "mkdir -p d/e; echo > a.txt; echo > d/b.txt; echo > d/e/c.txt"
    bench.build({**phases(build=[make]), "artifacts": artifacts})
    assert set(bench.artifact()) == names


def test_an_artifact_without_files_fails_its_phase(bench: Bench) -> None:
    build = bench.build({**phases(build=["true"]), "artifacts": {"files": ["none.txt"]}})
    assert ended(build)["UPLOAD_ARTIFACTS"] == "FAILED"
    assert build["buildStatus"] == "FAILED"


def test_reports_are_named_with_their_files_and_what_is_ignored_is_said(bench: Bench) -> None:
    spec = phases(build=["mkdir r; echo > r/a.xml; echo > r/b.txt; echo > r/c.xml"])
    spec |= {"reports": {"unit": {"files": ["*.xml"], "base-directory": "r"}}, "cache": {"paths": ["x"]}}
    build = bench.build(spec)
    (entry,) = bench.world.journal.entries(verb="codebuild.Report", target="pp-unit")
    assert json.loads(entry.detail)["files"] == ["r/a.xml", "r/c.xml"]
    assert build["reportArns"][0].split(":report/")[1].startswith("pp-unit:")
    log = bench.service.log(build["id"])
    assert "not emulated: 'cache'" in log


def test_commands_of_version_0_1_know_nothing_of_one_another(bench: Bench) -> None:
    spec = {"version": 0.1, **phases(build=["A=1; export A; mkdir d; cd d", 'echo "$A.$(basename $PWD)"'])}
    assert bench.said(bench.build(yaml.safe_dump(spec))) == [".src"]


def test_a_log_that_is_switched_off_is_not_written(bench: Bench) -> None:
    bench.build(phases(build=["echo b"]), logsConfig={"cloudWatchLogs": {"status": "DISABLED"}})
    assert bench.backend.client("logs").describe_log_groups()["logGroups"] == []


def test_the_source_is_a_copy_and_is_gone_afterwards(bench: Bench) -> None:
    bench.s3.put_object(Bucket="out", Key="s.zip", Body=zipped({"f/run.sh": Blob(b"#!/bin/sh\npwd\n", True)}))
    spec = yaml.safe_dump({"version": 0.2, **phases(build=["f/run.sh", "echo $TMPDIR"])})
    bench.project(spec, source={"type": "S3", "location": "out/s.zip", "buildspec": spec})
    assert bench.said(bench.build()) == ["/codebuild/src", "/codebuild/tmp"]


def test_a_commit_is_a_source(bench: Bench) -> None:
    bench.backend.client("codecommit").create_repository(repositoryName="r")
    files = {"buildspec.yml": yaml.safe_dump({"version": 0.2, **phases(build=["cat a"])}), "a": "hello\n"}
    commit = bench.world.service("codecommit").commit("r", files)
    place = "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r"
    bench.project("", source={"type": "CODECOMMIT", "location": place})
    build = bench.build()
    assert bench.said(build) == ["hello"]
    assert build["resolvedSourceVersion"] == commit


def test_a_build_takes_the_time_that_the_test_says_and_no_longer_than_its_limit(bench: Bench) -> None:
    bench.project(phases(build=["echo b"]), timeoutInMinutes=10)
    bench.service.takes(300, "pp")
    start = bench.world.clock.elapsed
    assert bench.build()["buildStatus"] == "SUCCEEDED"
    assert bench.world.clock.elapsed - start == 300
    bench.service.takes(601, "pp")
    build = bench.build()
    assert (build["buildStatus"], bench.said(build)) == ("TIMED_OUT", [])
    assert bench.world.clock.elapsed - start == 900


def test_a_build_is_stopped_where_it_stands(bench: Bench) -> None:
    bench.project(phases(build=["echo b"]))
    found = bench.codebuild.start_build(projectName="pp")["build"]
    bench.world.advance(30)
    with pytest.raises(UsageError, match="build pp:1"):
        bench.world.snapshot()
    bench.codebuild.stop_build(id=found["id"])
    bench.world.run_until_idle()
    build = bench.codebuild.batch_get_builds(ids=[found["id"]])["builds"][0]
    assert build["buildStatus"] == "STOPPED"
    assert bench.world.clock.elapsed == 30
    bench.world.snapshot()


def test_rules_hear_of_builds_and_of_their_phases(bench: Bench) -> None:
    events, sqs = bench.backend.client("events"), bench.backend.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.codebuild"], "detail": {"build-status": ["FAILED"], "project-name": ["pp"]}}
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
    build = bench.build(phases(build=["false"]))
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    detail = json.loads(message["Body"])["detail"]
    assert detail["build-id"] == build["arn"]
    told = {one["phase-type"]: one["phase-status"] for one in detail["additional-information"]["phases"]}
    assert (told["BUILD"], told["POST_BUILD"]) == ("FAILED", "SUCCEEDED")
    counts = bench.world.journal.entries(verb="events.Emit")
    assert sum("Phase Change" in one.detail for one in counts) == len(ended(build)) - 3


def test_a_rule_starts_a_build_with_what_its_input_says(bench: Bench) -> None:
    bench.project(phases(build=["echo $A"]))
    events = bench.backend.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["me"]}))
    told = json.dumps({"environmentVariablesOverride": [{"name": "A", "value": "told"}]})
    target = {"Id": "1", "Arn": "arn:aws:codebuild:us-east-1:123456789012:project/pp", "Input": told}
    with pytest.raises(Exception, match="RoleArn is required"):
        events.put_targets(Rule="r", Targets=[target])
    events.put_targets(Rule="r", Targets=[{**target, "RoleArn": ROLE}])
    events.put_events(Entries=[{"Source": "me", "DetailType": "d", "Detail": "{}"}])
    bench.world.run_until_idle()
    (build,) = bench.codebuild.list_builds_for_project(projectName="pp")["ids"]
    assert bench.said({"id": build}) == ["told"]


def test_the_same_world_has_the_same_journal(bench: Bench) -> None:
    bench.project(
        {**phases(build=["pwd; echo $HOME $AWS_ENDPOINT_URL", "frob"]), "artifacts": {"files": "none"}}
    )
    bench.service.tool("frob", lambda call: f"{call.name}\n")
    before = bench.world.snapshot()
    texts = []
    for _ in range(2):
        bench.world.restore(before)
        bench.build()
        texts.append(bench.world.journal.timeline())
    assert texts[0] == texts[1]
    assert "/codebuild/home https://amazonaws.com" in texts[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("version: 0.3\nphases: {build: {commands: [a]}}\n", "wrong version"),
        ("version: 0.2\nphases: {biuld: {commands: [a]}}\n", "unknown phase"),
        ("version: 0.2\nphases: {build: {commands: [{a: b}]}}\n", "found subkeys"),
        ("version: 0.2\nphase: {}\n", "unknown section"),
        ("version: 0.2\nphases: {build: [\n", "YAML_FILE_ERROR"),
    ],
)
def test_a_specification_that_is_wrong_fails_the_download(bench: Bench, text: str, why: str) -> None:
    build = bench.build(text)
    failed = next(one for one in build["phases"] if one["phaseStatus"] == "FAILED")
    assert failed["phaseType"] == "DOWNLOAD_SOURCE"
    assert why in failed["contexts"][0]["message"]


def test_a_service_that_is_loaded_by_a_build_draws_nothing_from_the_seed(bench: Bench) -> None:
    import moto.backends

    drawn: list[bool] = []

    def tool(call: Any) -> None:
        before = bench.world.ids.snapshot()
        moto.backends.get_backend("timestreamwrite")
        drawn.append(bench.world.ids.snapshot() != before)

    bench.service.tool("load", tool)
    bench.build(phases(build=["load"]))
    assert drawn == [False]


def test_builds_side_by_side_share_a_log_group_in_every_order() -> None:
    texts = []
    for seed in (1, 1, 2):
        with EmbeddedBackend(seed=1, chooser=Seeded(seed)) as backend:
            bench = Bench(backend)
            bench.service.tool("aws", cli)
            bench.project(phases(build=["aws s3api put-object --bucket out --key last"]))
            for _ in range(3):
                bench.codebuild.start_build(projectName="pp")
            bench.world.run_until_idle()
            assert {one.status for one in bench.service.builds.values()} == {"SUCCEEDED"}
            texts.append(bench.world.journal.timeline())
    assert texts[0] == texts[1] != texts[2]


def test_what_is_not_emulated_says_so(bench: Bench) -> None:
    bench.project({"env": {"shell": "powershell.exe"}, **phases(build=["a"])})
    bench.codebuild.start_build(projectName="pp")
    with pytest.raises(CapabilityMissing, match="not emulated: env/shell"):
        bench.world.run_until_idle()
    with pytest.raises(CapabilityMissing, match="StartBuild with privilegedModeOverride"):
        bench.codebuild.start_build(projectName="pp", privilegedModeOverride=True)
    with pytest.raises(UsageError, match="no first line"):
        bench.service.tool("x", "echo")
