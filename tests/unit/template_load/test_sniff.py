"""What a folder search takes for a template although it is broken, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.config import Config
from stackproof.template.discover import discover

QUOTED = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Q:\n    Type: AWS::SQS::Queue\n"
BROKEN = {
    "list.yaml": "Resources: []\nOutputs:\n  A:\n    Value: a\n",
    "type-alone.yaml": "Resources: {A: AWS::S3::Bucket}\n",
    "small-type.yaml": "Resources:\n  A:\n    type: AWS::S3::Bucket\n",
    "tagged-type.yaml": 'Resources:\n  A:\n    Type: !Sub "AWS::S3::Bucket"\n',
    "empty-map.yaml": "Resources: {}\n",
    "nothing.yaml": "Description: soon\nResources:\n",
    "globals.yaml": "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function: {Timeout: 3}\n",
    "transforms.yaml": "Transform:\n  # two\n  - Mine\n- 'AWS::Serverless-2016-10-31'\n",
    "merged.yaml": "x: &x {Type: 'AWS::S3::Bucket'}\nResources:\n  A:\n    <<: *x\n",
    "alias.yaml": "all: &all {}\nResources: *all\n",
    "windows.yaml": "Description: d\r\nResources:\r\n",
    "quoted.template": '"Resources" : {}\n',
    "flow.yaml": "{Description: it's, Resources: {}}",
    "single.yaml": "{'Resources': {}}",
    "flow-transform.yaml": "{Transform: AWS::Serverless-2016-10-31, Globals: {}}",
    "empty.json": '{"Resources": {}}',
    "cut.json": '{"Description": "a \\" {", "Resources": {"A": {',
    "transform.json": '{"Transform": ["Mine", "AWS::Serverless-2016-10-31"]}',
    "include.json": '{"Transform": {"Name": "AWS::Include"}}',
    "broken.txt": f"Description: d\nParameters\n{QUOTED}",
    "broken": f"# written by hand\n{QUOTED}Outputs\n",
}
OTHERS = {
    "kustomization.yaml": "resources:\n- a.yaml\n",
    "compose.yaml": "services:\n  Resources:\n    image: a\n",
    "parameters.json": '{"Parameters": {"Resources": "a"}}',
    "value.json": '{"name": "Resources", "kind": "AWSTemplateFormatVersion", "last": "Transform"}',
    "lines.json": '[\n{\n"Resources": {}\n}\n]\n',
    "guard.yaml": "- name: a\n  input:\n    Resources: {}\n  expectations: {}\n",
    "buildspec.yml": "version: 0.2\nenv:\n  variables:\n    Resources: a\n",
    "openapi.yaml": "openapi: 3.0.0\ninfo:\n  description: |\n    Resources:\n      A\npaths: {}\n",
    "other-transform.yaml": "Transform: upper\nsource: AWS::S3::Bucket\n",
    "other-transform.json": '{"Transform": "upper", "source": "AWS::S3::Bucket"}',
    "text.yaml": "Resources::all\n",
    "nested-flow.yaml": "{input: {Resources: {}}}",
    "notes": "Resources:\n- a manual\n",
    "notes.txt": "Resources: see the manual\n",
    "post.txt": f"Queues in templates\n\nA queue is written as follows:\n\n{QUOTED}\nDeploy it and look.\n",
    "post": f"Note: this is old.\nIt was written in 2019.\nSo it was.\nThen:\n{QUOTED}That is it.\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_template_is_found(name: str, tmp_path: Path, write: Callable[..., Path]) -> None:
    write(name, BROKEN[name])
    assert [one.file for one in discover(tmp_path, [tmp_path], Config()).templates] == [name]


@pytest.mark.parametrize("name", OTHERS)
def test_other_documents_stay_alone(name: str, tmp_path: Path, write: Callable[..., Path]) -> None:
    write(name, OTHERS[name])
    assert discover(tmp_path, [tmp_path], Config()).templates == ()
