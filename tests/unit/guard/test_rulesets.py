"""Rule sets come from folders, packages and registry checkouts; a broken file never hides the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.checks.guard.engine import GuardEngine
from stackproof.checks.guard.rulesets import rule_files
from stackproof.config import Config, RuleSet
from stackproof.errors import ConfigError
from stackproof.model import Severity

NAMED = "rule NAMED { Resources.*.Properties.Name exists <<no name>> }\n"
UNNAMED = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {}}}}


def test_a_broken_file_is_a_problem_at_its_line_and_the_others_run(bench: Any) -> None:
    bench.write("rules/broken.guard", "rule FINE { Resources exists }\n\nrule BROKEN {\n  Resources == [ }\n")
    bench.write("rules/good.guard", NAMED)
    loaded = bench.load()
    (problem,) = loaded.problems
    assert (problem.location.file, problem.location.line) == ("rules/broken.guard", 4)
    assert problem.location.column > 1
    assert problem.exit_code == 2
    assert [f.rule for f in GuardEngine(loaded).judge(bench.resolved(UNNAMED))] == ["NAMED"]


def test_a_link_that_leads_nowhere_is_a_problem_and_the_others_run(bench: Any) -> None:
    bench.write("rules/good.guard", NAMED)
    (bench.root / "rules/rules.guard").symlink_to(bench.root / "gone.guard")
    loaded = bench.load()
    (problem,) = loaded.problems
    assert (problem.location.file, problem.exit_code) == ("rules/rules.guard", 2)
    assert "leads nowhere" in problem.message
    assert [rule.id for rule in loaded.rules()] == ["NAMED"]


def test_a_variable_that_nothing_defines_is_found_before_any_template(bench: Any) -> None:
    bench.write("rules/x.guard", "rule R when Resources exists {\n  %nothing !empty\n}\n")
    (problem,) = bench.load().problems
    assert (problem.location.line, problem.location.column, problem.rule) == (2, 3, "R")
    assert "%nothing" in problem.message


def test_variables_of_every_kind_are_known(bench: Any) -> None:
    text = """
let shared = Resources.*[ Type == 'AWS::S3::Bucket' ]
rule helper(given) { %given exists }
rule R when %shared !empty {
    let own = %shared.Properties
    helper(%own)
    %shared[ name | Type exists ] { %name exists }
}
"""
    bench.write("rules/x.guard", text)
    assert bench.load().problems == ()


def test_a_name_may_stand_once_in_a_set(bench: Any) -> None:
    bench.write("rules/a.guard", NAMED)
    bench.write("rules/b.guard", "\n" + NAMED)
    (problem,) = bench.load().problems
    assert (problem.location.file, problem.location.line) == ("rules/b.guard", 2)
    assert "rules/a.guard" in problem.message
    separate = bench.load(RuleSet(path="rules/a.guard"), RuleSet(path="rules/b.guard"))
    assert separate.problems == ()


@pytest.mark.parametrize(
    "ruleset",
    [
        RuleSet(path="nowhere"),
        RuleSet(package="no_such_package_at_all"),
        RuleSet(package="stackproof:no/such/folder"),
        RuleSet(path="empty"),
        RuleSet(path="registry", mapping="unknown"),
    ],
)
def test_what_is_not_there_is_a_configuration_error(bench: Any, ruleset: RuleSet) -> None:
    (bench.root / "empty").mkdir()
    bench.write("registry/rules/a.guard", NAMED)
    with pytest.raises(ConfigError):
        bench.load(ruleset)


def test_a_package_holds_rules(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("site/acme_rules/__init__.py", "")
    bench.write("site/acme_rules/strict/a.guard", NAMED)
    monkeypatch.syspath_prepend(str(bench.root / "site"))
    loaded = bench.load(RuleSet(package="acme_rules:strict"))
    assert [info.id for info in loaded.rules()] == ["NAMED"]
    assert loaded.sets[0].name == "strict"


class TestRegistry:
    def checkout(self, bench: Any, *names: str) -> None:
        for name in ("a", "b", "c"):
            bench.write(f"registry/rules/aws/{name}.guard", NAMED.replace("NAMED", name.upper()))
        listed = [{"guardFilePath": f"rules/aws/{name}.guard", "controls": ["1.1"]} for name in names]
        mapping = {"ruleSetName": "some-set", "version": "1.0.0", "mappings": listed}
        bench.write("registry/mappings/rule_set_some_set.json", json.dumps(mapping))

    @pytest.mark.parametrize("name", ["some-set", "some_set", "rule_set_some_set.json"])
    def test_a_mapping_chooses_the_files(self, bench: Any, name: str) -> None:
        self.checkout(bench, "a", "c", "a")
        loaded = bench.load(RuleSet(path="registry", mapping=name))
        assert [info.id for info in loaded.rules()] == ["A", "C"]

    def test_a_file_that_is_listed_and_missing_is_an_error(self, bench: Any) -> None:
        self.checkout(bench, "a", "gone")
        with pytest.raises(ConfigError, match="gone"):
            bench.load(RuleSet(path="registry", mapping="some-set"))

    def test_another_document_is_no_mapping(self, bench: Any) -> None:
        bench.write("registry/mappings/rule_set_odd.json", "[1, 2]")
        with pytest.raises(ConfigError, match="no mapping"):
            bench.load(RuleSet(path="registry", mapping="odd"))


class TestWhereASetApplies:
    def found(self, bench: Any, ruleset: RuleSet, **more: Any) -> int:
        bench.write("rules/a.guard", NAMED)
        return len(GuardEngine(bench.load(ruleset)).judge(bench.resolved(UNNAMED, **more)))

    def test_globs_of_templates(self, bench: Any) -> None:
        assert self.found(bench, RuleSet(path="rules", templates=("templ*.yaml",))) == 1
        assert self.found(bench, RuleSet(path="rules", templates=("**/template.yaml",))) == 1
        assert self.found(bench, RuleSet(path="rules", templates=("other/**",))) == 0

    def test_globs_of_configurations_and_environments(self, bench: Any) -> None:
        prod = RuleSet(path="rules", configurations=("prod*",))
        assert self.found(bench, prod, configuration="prod-eu") == 1
        assert self.found(bench, prod, configuration="Size=small", environment="prod") == 1
        assert self.found(bench, prod, configuration="test") == 0

    def test_a_severity_of_the_set_wins(self, bench: Any) -> None:
        bench.write("rules/a.guard", "# severity: error\n" + NAMED)
        loaded = bench.load(RuleSet(path="rules", severity=Severity.INFO))
        (finding,) = GuardEngine(loaded).judge(bench.resolved(UNNAMED))
        assert finding.severity is Severity.INFO

    def test_parameters_stand_beside_the_template(self, bench: Any) -> None:
        bench.write("rules/a.guard", "rule NAMES { Resources.*.Properties.Name in allowed.names }")
        tree = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"Name": "b"}}}}
        for names, count in ((["a", "b"], 0), (["c"], 1)):
            loaded = bench.load(RuleSet(path="rules", parameters={"allowed": {"names": names}}))
            assert len(GuardEngine(loaded).judge(bench.resolved(tree))) == count


def test_a_parameter_may_not_hide_a_section(bench: Any) -> None:
    bench.write("rules/a.guard", NAMED)
    with pytest.raises(ConfigError, match="Resources"):
        bench.load(RuleSet(path="rules", parameters={"Resources": {}}))


def test_the_files_of_a_cache_key_are_known_without_parsing(bench: Any) -> None:
    broken = bench.write("rules/sub/broken.guard", "rule {")
    good = bench.write("rules/a.guard", NAMED)
    ((_, files),) = rule_files(Config(rulesets=(RuleSet(path="rules"),)), bench.root)
    assert sorted(files) == sorted([broken, good])


class TestHeaders:
    TEXT = """# severity: warning
# source: https://example.org/standard
# view: expanded

let x = 1

# An ordinary remark.
# title: Buckets have names
# why: Without a name
#   nobody finds them.
# fix: Set Name.
# tags: naming, s3
rule NAMED { Resources.*.Properties.Name exists }

rule PLAIN { Resources exists }
"""

    def test_a_rule_is_described_by_the_comments_above_it(self, bench: Any) -> None:
        bench.write("rules/x.guard", self.TEXT)
        named, plain = bench.load().rules()
        assert (named.title, named.fix) == ("Buckets have names", "Set Name.")
        assert named.why == "Without a name nobody finds them."
        assert named.tags == ("naming", "s3")
        assert (named.location.line, named.ruleset, named.engine) == (13, "rules", "guard")
        assert plain.title == ""
        assert {info.severity for info in (named, plain)} == {Severity.WARNING}
        assert {info.source for info in (named, plain)} == {"https://example.org/standard"}

    def test_a_block_that_touches_the_first_rule_is_its_own(self, bench: Any) -> None:
        bench.write(
            "rules/x.guard", "# severity: info\nrule A { Resources exists }\n\nrule B { Resources exists }\n"
        )
        assert [info.severity for info in bench.load().rules()] == [Severity.INFO, Severity.ERROR]

    @pytest.mark.parametrize("header", ["severity: fatal", "view: sideways"])
    def test_a_value_that_is_none_is_a_problem(self, bench: Any, header: str) -> None:
        bench.write("rules/x.guard", f"# {header}\nrule A {{ Resources exists }}\n")
        (problem,) = bench.load().problems
        assert (problem.rule, problem.location.line) == ("A", 2)

    def test_the_view_chooses_the_document(self, bench: Any) -> None:
        text = "# view: {}\nrule WRITTEN {{ Resources.*.Properties.Name.Ref exists }}\n"
        written = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"Name": {"Ref": "N"}}}}}
        resolved = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"Name": "known"}}}}
        for view, count in (("written", 0), ("expanded", 0), ("resolved", 1)):
            bench.write("rules/x.guard", text.format(view))
            found = GuardEngine(bench.load()).judge(bench.resolved(resolved, written=written))
            assert len(found) == count, view
