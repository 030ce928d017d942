from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackproof.template.assembly import AssemblyResult, check_assembly

BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
CODE = hashlib.sha256(b"the source of the function").hexdigest()
IMAGE = hashlib.sha256(b"the source of the image").hexdigest()


class Synth:
    """Writes an assembly as the synthesizer would; the parts may be bent before they are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nested = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        nested_id = hashlib.sha256(json.dumps(self.nested, separators=(",", ":")).encode()).hexdigest()
        self.function: dict[str, Any] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Code": {"S3Bucket": {"Fn::Sub": BUCKET}, "S3Key": f"{CODE}.zip"}},
            "Metadata": {"aws:asset:path": f"asset.{CODE}", "aws:asset:property": "Code"},
        }
        url = {"Fn::Sub": f"https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{BUCKET}/{nested_id}.json"}
        child = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
        self.template: dict[str, Any] = {"Resources": {"Function": self.function, "Child": child}}
        text = json.dumps(self.template, indent=1)
        self.id = hashlib.sha256(text.encode()).hexdigest()
        self.files: dict[str, Any] = {
            CODE: self.asset(f"asset.{CODE}", "zip", f"{CODE}.zip"),
            nested_id: self.asset("Child.nested.template.json", "file", f"{nested_id}.json"),
            self.id: self.asset("App.template.json", "file", f"{self.id}.json"),
        }
        destination = {"imageTag": IMAGE, "repositoryName": "r"}
        self.images = {IMAGE: {"source": {"directory": f"asset.{IMAGE}"}, "destinations": {"c": destination}}}
        stack = {
            "templateFile": "App.template.json",
            "stackTemplateAssetObjectUrl": f"s3://{BUCKET}/{self.id}.json",
        }
        self.artifacts: dict[str, Any] = {
            "App.assets": {"type": "cdk:asset-manifest", "properties": {"file": "App.assets.json"}},
            "App": {"type": "aws:cloudformation:stack", "properties": stack},
            "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
        }
        self.texts = {
            "App.template.json": text,
            "Child.nested.template.json": json.dumps(self.nested, indent=1),
        }
        for asset in (CODE, IMAGE):
            (folder / f"asset.{asset}").mkdir(parents=True)

    @staticmethod
    def asset(path: str, packaging: str, key: str) -> dict[str, Any]:
        return {
            "source": {"path": path, "packaging": packaging},
            "destinations": {"current": {"bucketName": BUCKET, "objectKey": key}},
        }

    def check(self) -> AssemblyResult:
        manifest = {"version": "39.0.0", "artifacts": self.artifacts}
        assets = {"version": "39.0.0", "files": self.files, "dockerImages": self.images}
        for name, tree in (("manifest.json", manifest), ("App.assets.json", assets)):
            self.texts.setdefault(name, json.dumps(tree, indent=1))
        for name, text in self.texts.items():
            (self.folder / name).write_text(text)
        return check_assembly(self.folder, self.folder.parent)

    def retemplate(self) -> None:
        """Publish a changed template under its own hash again."""
        text = json.dumps(self.template, indent=1)
        new = hashlib.sha256(text.encode()).hexdigest()
        self.texts["App.template.json"] = text
        del self.files[self.id]
        self.files[new] = self.asset("App.template.json", "file", f"{new}.json")
        self.artifacts["App"]["properties"]["stackTemplateAssetObjectUrl"] = f"s3://{BUCKET}/{new}.json"


@pytest.fixture
def synth(tmp_path: Path) -> Synth:
    return Synth(tmp_path / "cdk.out")


def test_a_sound_assembly_has_no_findings_and_all_templates(synth: Synth) -> None:
    result = synth.check()
    assert result.findings == ()
    assert [(template.file, template.assembly) for template in result.templates] == [
        ("cdk.out/App.template.json", "cdk.out"),
        ("cdk.out/Child.nested.template.json", "cdk.out"),
    ]


def no_code(synth: Synth) -> None:
    (synth.folder / f"asset.{CODE}").rmdir()


def no_image(synth: Synth) -> None:
    (synth.folder / f"asset.{IMAGE}").rmdir()


def changed_template(synth: Synth) -> None:
    synth.texts["App.template.json"] += "\n"


def changed_nested(synth: Synth) -> None:
    synth.texts["Child.nested.template.json"] = synth.texts["Child.nested.template.json"].replace(
        "Topic", "Other", 1
    )


def no_template(synth: Synth) -> None:
    del synth.texts["App.template.json"]


def other_key(synth: Synth) -> None:
    synth.files[CODE] = synth.asset(f"asset.{CODE}", "zip", f"{IMAGE}.zip")


def other_path(synth: Synth) -> None:
    synth.files[CODE]["source"]["path"] = f"asset.{IMAGE}"


def key_without_zip(synth: Synth) -> None:
    synth.files[CODE] = synth.asset(f"asset.{CODE}", "zip", f"{CODE}.txt")


def unpublished_key(synth: Synth) -> None:
    synth.function["Properties"]["Code"]["S3Key"] = f"{IMAGE}.zip"
    synth.retemplate()


def other_bucket(synth: Synth) -> None:
    synth.function["Properties"]["Code"]["S3Bucket"] = "somewhere-else"
    synth.retemplate()


def unlisted_path(synth: Synth) -> None:
    synth.function["Metadata"]["aws:asset:path"] = "asset.unlisted"
    synth.retemplate()


def other_stack_url(synth: Synth) -> None:
    synth.artifacts["App"]["properties"]["stackTemplateAssetObjectUrl"] = f"s3://{BUCKET}/{CODE}.json"


def no_asset_manifest(synth: Synth) -> None:
    synth.artifacts["App.assets"]["properties"]["file"] = "Gone.assets.json"


def broken_asset_manifest(synth: Synth) -> None:
    synth.texts["App.assets.json"] = '{\n "files": }'


def no_files(synth: Synth) -> None:
    synth.files.clear()


def no_assets(synth: Synth) -> None:
    synth.files.clear()
    synth.images.clear()


def files_are_a_number(synth: Synth) -> None:
    synth.texts["App.assets.json"] = '{\n"version": "39.0.0",\n"files": 3}'


def entries_are_numbers(synth: Synth) -> None:
    synth.files.update(dict.fromkeys(synth.files, 3))


def later_schema(synth: Synth) -> None:
    synth.texts["manifest.json"] = '{"artifacts": {},\n"version": "999.0.0"}'


FAULTS: list[tuple[Callable[[Synth], None], str, str]] = [
    (no_code, "SP-ASSEMBLY-ASSET", "App.assets.json"),
    (no_image, "SP-ASSEMBLY-ASSET", "App.assets.json"),
    (changed_template, "SP-ASSEMBLY-HASH", "App.assets.json"),
    (changed_nested, "SP-ASSEMBLY-HASH", "App.assets.json"),
    (no_template, "SP-ASSEMBLY-TEMPLATE", "manifest.json"),
    (other_key, "SP-ASSEMBLY-KEY", "App.assets.json"),
    (other_path, "SP-ASSEMBLY-KEY", "App.assets.json"),
    (key_without_zip, "SP-ASSEMBLY-KEY", "App.assets.json"),
    (unpublished_key, "SP-ASSEMBLY-KEY", "App.template.json"),
    (other_bucket, "SP-ASSEMBLY-KEY", "App.template.json"),
    (unlisted_path, "SP-ASSEMBLY-KEY", "App.template.json"),
    (other_stack_url, "SP-ASSEMBLY-KEY", "manifest.json"),
    (no_asset_manifest, "SP-ASSEMBLY-MANIFEST", "manifest.json"),
    (no_files, "SP-ASSEMBLY-KEY", "manifest.json"),
    (no_assets, "SP-ASSEMBLY-KEY", "App.template.json"),
    (files_are_a_number, "SP-ASSEMBLY-MANIFEST", "App.assets.json"),
    (entries_are_numbers, "SP-ASSEMBLY-MANIFEST", "App.assets.json"),
    (later_schema, "SP-ASSEMBLY-VERSION", "manifest.json"),
    (broken_asset_manifest, "SP-ASSEMBLY-MANIFEST", "App.assets.json"),
]


@pytest.mark.parametrize(("bend", "rule", "file"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_found_where_it_is_written(
    synth: Synth, bend: Callable[[Synth], None], rule: str, file: str
) -> None:
    bend(synth)
    found = synth.check().findings
    assert (rule, f"cdk.out/{file}") in {(one.rule, one.location.file) for one in found}
    assert all(one.location.line > 1 for one in found)


@pytest.mark.parametrize("text", ["", '{"artifacts": ', "[]", '{"version": "1"}'])
def test_a_broken_manifest_is_a_finding(synth: Synth, text: str) -> None:
    synth.texts["manifest.json"] = text
    assert synth.check().findings[0].rule == "SP-ASSEMBLY-MANIFEST"


def test_a_missing_manifest_is_a_finding(tmp_path: Path) -> None:
    (found,) = check_assembly(tmp_path, tmp_path).findings
    assert (found.rule, found.location.file) == ("SP-ASSEMBLY-MANIFEST", "manifest.json")


def test_nested_assemblies_are_checked_too(synth: Synth) -> None:
    stage = Synth(synth.folder / "assembly-Prod")
    no_code(stage)
    stage.check()
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    synth.artifacts["Prod"] = nested
    result = synth.check()
    assert [found.location.file for found in result.findings] == ["cdk.out/assembly-Prod/App.assets.json"]
    assert "cdk.out/assembly-Prod/App.template.json" in [template.file for template in result.templates]


def test_assets_of_the_legacy_synthesizer_must_be_there(synth: Synth) -> None:
    data = {"id": "x", "path": "asset.gone", "packaging": "zip"}
    synth.artifacts["App"]["metadata"] = {"/App": [{"type": "aws:cdk:asset", "data": data}]}
    (found,) = synth.check().findings
    assert (found.rule, "asset.gone" in found.message) == ("SP-ASSEMBLY-ASSET", True)
