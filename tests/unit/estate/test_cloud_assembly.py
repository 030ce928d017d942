"""cloud-assembly: an assembly is judged whole, and one that was touched afterwards is refused."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from stackproof.template.assembly import check_assembly
from stackproof.template.discover import discover


@pytest.fixture
def assembly(system):
    return system("cloud-assembly").folder / "cdk.out"


def rules(folder):
    return {finding.rule for finding in check_assembly(folder, folder.parent).findings}


def one(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def test_the_assembly_is_whole(assembly):
    assert rules(assembly) == set()


def test_every_template_of_every_stage_is_judged(system):
    copied = system("cloud-assembly")
    found = discover(copied.root, [copied.folder], copied.config)
    written = sorted(copied.folder.glob("cdk.out/**/*.template.json"))
    assert len(written) == 4
    assert sorted(template.path for template in found.templates) == written
    assert not found.findings


def test_a_template_asset_is_named_by_the_hash_of_its_content(assembly):
    for manifest in assembly.glob("assembly-*/*.assets.json"):
        for key, asset in json.loads(manifest.read_text(encoding="utf-8"))["files"].items():
            source = manifest.parent / asset["source"]["path"]
            assert source.exists()
            if asset["source"]["packaging"] == "file":
                assert hashlib.sha256(source.read_bytes()).hexdigest() == key


def test_the_stages_differ_in_what_they_are_for(system):
    copied = system("cloud-assembly")
    days = {
        name: resource["Properties"]["RetentionInDays"]
        for name in ("Test", "Prod")
        for instance in copied.estate.instances(
            next(file for file in copied.estate.files if f"assembly-{name}/{name}Count" in file)
        )
        for resource in instance.tree["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    }
    assert days == {"Test": 30, "Prod": 365}


def test_the_counting_stack_finds_its_table_in_the_data_stack(system):
    assert "SP-RESOLVE-IMPORT" not in system("cloud-assembly").rules()


def test_a_template_that_was_edited_afterwards_is_refused(assembly):
    template = one(assembly, "assembly-Prod/ProdCount*.template.json")
    template.write_text(template.read_text(encoding="utf-8").replace("365", "366"), encoding="utf-8")
    assert "SP-ASSEMBLY-HASH" in rules(assembly)


def test_an_asset_that_is_missing_is_refused(assembly):
    shutil.rmtree(one(assembly, "asset.*"))
    assert "SP-ASSEMBLY-ASSET" in rules(assembly)


def test_a_template_that_is_missing_is_refused(assembly):
    one(assembly, "assembly-Test/TestData*.template.json").unlink()
    assert rules(assembly) & {"SP-ASSEMBLY-TEMPLATE", "SP-ASSEMBLY-ASSET"}


def test_an_asset_that_no_longer_is_where_its_template_looks_is_refused(assembly):
    manifest = one(assembly, "assembly-Test/TestCount*.assets.json")
    document = json.loads(manifest.read_text(encoding="utf-8"))
    (asset,) = [item for item in document["files"].values() if item["source"]["packaging"] == "zip"]
    for destination in asset["destinations"].values():
        destination["objectKey"] = "elsewhere.zip"
    manifest.write_text(json.dumps(document), encoding="utf-8")
    assert "SP-ASSEMBLY-KEY" in rules(assembly)


def test_no_path_of_the_machine_that_synthesized_is_left(assembly):
    for file in filter(lambda path: path.is_file(), assembly.rglob("*")):
        text = file.read_text(encoding="utf-8")
        assert "creationStack" not in text
        assert "node_modules" not in text
