"""guard-pipeline: the deployed pipeline runs this project's real gate, and stops what it refuses."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from stackproof.fabric.trees import tree_of, unzipped
from stackproof.model import Report, Verdict
from stackproof.verdict.document import dumps

SYSTEM = "templates/guard-pipeline"
FAULTS = "tests/unit/estate/data/guard-pipeline-faults"
NAME, REPOSITORY = "guard", "example-org/estate"
TEST, PROD = "guard-subject-test", "guard-subject-prod"
PYTHON = """#!/bin/sh
mkdir -p .venv/bin
for name in pip tox; do printf '#!/bin/sh\\nexec %s "$@"\\n' $name > .venv/bin/$name; done
chmod +x .venv/bin/*
"""
TOX = f"""#!/bin/sh
mkdir -p .tox/validate/bin reports
printf '#!/bin/sh\\nexec "{sys.executable}" -m stackproof "$@"\\n' > .tox/validate/bin/stackproof
chmod +x .tox/validate/bin/stackproof
[ "$3" = validate ] || exec passes
exec .tox/validate/bin/stackproof check --format json=reports/check.json
"""
"""``validate`` is the real gate on the real rules; the other environments of tox pass."""


def passes(call: Any) -> None:
    """What the environments that test leave behind."""
    commit = call.environment["CODEBUILD_RESOLVED_SOURCE_VERSION"]
    (call.folder / "reports" / "check.json").write_bytes(
        dumps(Report("check", Verdict.PASS, 0, commit=commit))
    )


@pytest.fixture
def files(root: Any) -> dict[str, bytes]:
    """What the gate needs of the repository: its settings, its rules, and the stack that is promoted."""
    found = {name: (root / name).read_bytes() for name in ("pyproject.toml", "buildspec.yml")}
    found |= {f"policies/{path}": blob.content for path, blob in tree_of(root / "policies").items()}
    tree = tree_of(root / SYSTEM)
    return found | {f"{SYSTEM}/{path}": blob.content for path, blob in tree.items() if "subject" in path}


def test_only_what_the_gate_lets_through_is_deployed(
    stack: Any, fabric: Any, aws: Any, root: Any, files: dict[str, bytes], look: Any
) -> None:
    for name, stand in (("python3", PYTHON), ("pip", "#!/bin/sh\n"), ("tox", TOX), ("passes", passes)):
        fabric.codebuild.tool(name, stand)
    made = stack(f"{SYSTEM}/pipeline.yaml", config="tooling", name="gate")
    fabric.codeconnections.handshake(made.outputs["ConnectionArn"])
    fabric.run_until_idle()

    faulty = {f"{SYSTEM}/{path}": blob.content for path, blob in tree_of(root / FAULTS).items()}
    fabric.codeconnections.push(REPOSITORY, {**files, **faulty})
    fabric.run_until_idle()
    assert _latest(aws)["status"] == "Failed"
    assert _latest(aws)["statusSummary"].startswith("Validate/Gate")
    assert sorted(one["rule"] for one in _findings(made, look) if one["rule"].startswith("SEED_")) == [
        "SEED_EBS_ENCRYPTED",
        "SEED_EC2_INSTANCE_TYPE",
    ]
    assert (TEST in fabric.deployer.stacks, PROD in fabric.deployer.stacks) == (False, False)

    fabric.codeconnections.push(REPOSITORY, files)
    fabric.run_until_idle()
    assert _latest(aws)["status"] == "InProgress"
    assert (TEST in fabric.deployer.stacks, PROD in fabric.deployer.stacks) == (True, False)
    fabric.codepipeline.answer(NAME)
    fabric.run_until_idle()
    assert _latest(aws)["status"] == "Succeeded"
    assert fabric.deployer.stacks[PROD].resources["Instance"].properties["InstanceType"] == "t3.micro"


def _latest(aws: Any) -> Any:
    return aws("codepipeline").list_pipeline_executions(pipelineName=NAME)["pipelineExecutionSummaries"][0]


def _findings(made: Any, look: Any) -> list[Any]:
    """What stands in the artifact of the failed build."""
    objects = look.objects(made.bucket("ArtifactBucket"))
    (data,) = [data for key, data in objects.items() if "/GateOutput/" in key]
    findings: list[Any] = json.loads(unzipped(data)["check.json"].content)["findings"]
    return [one for one in findings if one["severity"] != "info"]
