"""A deployed stack says the same of who reaches whom as the template that it was deployed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof import config
from stackproof.backends.embedded import EmbeddedBackend
from stackproof.deploy.deployer import Deployer
from stackproof.deploy.source import Library
from stackproof.hosts.model import NetworkSpec, TemplateSpec
from stackproof.hosts.netns.source import parts_of
from stackproof.netmodel import Part, Reach, State, matrix, part_of_deployed, read
from stackproof.netmodel.matrix import Key

FLOWS = ("tcp/22", "tcp/80", "tcp/443", "tcp/8080", "tcp/8443", "icmp")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/x"


def states(parts: list[Part]) -> dict[Key, State]:
    found = matrix(Reach(read(parts), {"internet": "203.0.113.9", "office": "198.51.100.7"}), FLOWS)
    return {key: answer.state for key, answer in found.by_key().items()}


@pytest.mark.parametrize(
    "files",
    [
        ["continuous-infrastructure/environment.yaml"],
        ["shared-network/network.yaml", "two-tier-web/template.yaml"],
    ],
    ids=["continuous-infrastructure", "two-tier-web"],
)
def test_deployed_and_resolved_agree(root: Path, files: list[str]) -> None:
    templates = [f"templates/{one}" for one in files]
    spec = NetworkSpec("n", tuple(TemplateSpec(one, "test") for one in templates))
    resolved = states(list(parts_of(spec, root)))
    with EmbeddedBackend() as backend:
        given = {
            "/image": "ami-12c6146b",
            "/certificates/test/web": CERTIFICATE,
        }
        for name, value in given.items():
            backend.client("ssm").put_parameter(Name=name, Value=value, Type="String")
        deployer = Deployer(backend, Library(root, config.load(root)))
        # Names below /aws/ are AWS's own: nobody can store them.
        image = {templates[-1]: {"ImageId": "/image"}}
        stacks = [deployer.deploy(root / one, config="test", parameters=image.get(one)) for one in templates]
        deployed = states([part_of_deployed(one.resources) for one in stacks])
    assert deployed == resolved
    assert {State.PASSED, State.FILTERED} <= set(deployed.values())
    assert State.UNDECIDED not in deployed.values()
