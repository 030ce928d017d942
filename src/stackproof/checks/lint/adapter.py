"""The one module that knows cfn-lint (besides ``compat``, which makes it faster without changing an answer).

cfn-lint is used the way its own command line uses it: the same configuration class, the same rules,
one template after the other, each as if it were alone on the command line. Importing this module
costs about two seconds (sympy, networkx), so nobody imports it before it is needed.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import cfnlint
import yaml
from cfnlint.config import ConfigFileArgs, ConfigMixIn
from cfnlint.decode import cfn_yaml
from cfnlint.decode.mark import Mark
from cfnlint.decode.node import dict_node, list_node, str_node
from cfnlint.exceptions import CfnLintExitException, ConfigFileError
from cfnlint.helpers import REGIONS
from cfnlint.match import Match
from cfnlint.rules import CloudFormationLintRule
from cfnlint.rules.errors import ConfigError as ConfigRule
from cfnlint.rules.errors import ParseError, TransformError
from cfnlint.rules.errors import RuleError as RuleFailure
from cfnlint.runner import Runner
from cfnlint.runner.deployment_file.runner import expand_deployment_files
from cfnlint.runner.parameter_file.runner import expand_parameter_files
from cfnlint.runner.template.runner import run_template_by_data, run_template_by_file_path

from stackproof.checks.lint.broken import explain, is_own
from stackproof.checks.lint.compat import along, only, speed_up
from stackproof.checks.lint.deadline import deadline
from stackproof.checks.lint.surroundings import config_file
from stackproof.errors import ConfigError, RuleError
from stackproof.model import DocPath, Location, RuleInfo, Severity

_PACKAGE = Path(str(cfnlint.__file__)).parent
_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "informational": Severity.INFO}


@dataclass(frozen=True, slots=True, order=True)
class LintMatch:
    """One match of cfn-lint, free of its classes. Lines and columns are 1-based."""

    line: int
    column: int
    rule: str
    message: str
    end_line: int
    end_column: int
    path: DocPath
    severity: Severity


class TemplateConfig(ConfigMixIn):  # type: ignore[misc]  # cfn-lint has no types
    """cfn-lint's configuration; a ``Metadata`` section of a wrong type does not end the whole run."""

    def set_template_args(self, template: Any) -> None:
        """Read ``Metadata.cfn-lint.config`` of the template, nothing when its parents are no mappings."""
        metadata = template.get("Metadata", {}) if isinstance(template, dict) else {}
        section = metadata.get("cfn-lint", {}) if isinstance(metadata, dict) else None
        super().set_template_args(template if isinstance(section, dict) else {})

    template_args = property(ConfigMixIn.get_template_args, set_template_args)

    only_region = ""
    """The region of the deployment that is judged; "" for the configured ones."""

    @property
    def regions(self) -> Any:
        """The regions to judge for."""
        return [self.only_region] if self.only_region else super().regions


class Linter:
    """cfn-lint with its rules loaded once, for many templates.

    ``base`` is the folder whose ``.cfnlintrc`` counts (the command line's current folder); relative
    paths in it start there. ``limit`` is in seconds, for the import of appended rules.

    Raises ``ConfigError`` for a broken ``.cfnlintrc`` or override file and
    ``RuleError`` for appended rules that cannot be loaded.
    """

    def __init__(self, base: Path, limit: float = 60.0) -> None:
        self.base = base
        _silence()
        speed_up()
        with contextlib.chdir(base):
            self._config, self._rules = _setup(base, limit)
            self._ignored = {str(Path(name).absolute()) for name in self._config._ignore_templates()}

    def ignores(self, path: Path) -> bool:
        """Whether ``ignore_templates`` of the configuration leaves this file out."""
        return str(path) in self._ignored

    def lint_file(self, path: Path) -> list[LintMatch]:
        """All matches for a file, a file that does not parse included."""
        if self.ignores(path):
            return []
        with contextlib.chdir(self.base):
            name = str(path.relative_to(self.base)) if path.is_relative_to(self.base) else str(path)
            found: list[Match] = []
            for config in self._configs(path, found):
                config.set_template_args({})
                tolerant = bool(config.ignore_bad_template) or not self._enabled(ParseError(), config)
                found.extend(run_template_by_file_path(name, config, self._rules, tolerant))
        return _matches(found)

    def lint_resolved(
        self, tree: dict[str, Any], region: str = "", wanted: Collection[DocPath] | None = None
    ) -> list[LintMatch]:
        """The matches of the E3 rules for a document without marks; their lines mean nothing.

        With a ``region`` (one that ``knows`` accepts) they are those for it, else for the configured ones.
        With ``wanted``, matches are sure to be there at, below and around these paths only.
        """
        config = self._config
        config.only_region = region
        try:
            with contextlib.chdir(self.base), only("E3"), along(wanted):
                found = [
                    match
                    for match in run_template_by_data(_marked(tree, count()), config, self._rules)
                    if match.rule.id.startswith("E3")
                ]
        finally:
            config.only_region = ""
        return _matches(found)

    @property
    def bounds_aliases(self) -> bool:
        """Whether cfn-lint itself refuses aliases that expand to too many values (it does since 1.57)."""
        return hasattr(cfn_yaml, "_guard_alias_expansion")

    def knows(self, region: str) -> bool:
        """Whether cfn-lint has the schemas of a region."""
        return region in REGIONS

    @property
    def regions(self) -> frozenset[str]:
        """The regions that a template as written is judged for."""
        return frozenset(self._config.regions)

    def rules(self) -> list[RuleInfo]:
        """Every rule that is loaded, the ones of ``append_rules`` among them, sorted by id."""
        own = [ParseError(), TransformError(), RuleFailure(), ConfigRule()]
        known = {rule.id: rule for rule in [*own, *self._rules.values()]}
        return [_rule_info(known[name]) for name in sorted(known)]

    def _configs(self, path: Path, found: list[Match]) -> Iterator[ConfigMixIn]:
        """The configurations that cfn-lint would run this file with, as its ``Runner.run`` does."""
        config = self._config
        if config.deployment_files:
            for deployed, problems in expand_deployment_files(config):
                found.extend(problems)
                if deployed and any(Path(name).absolute() == path for name in deployed.templates or ()):
                    yield deployed
                    return
        elif config.parameter_files:
            for given, problems in expand_parameter_files(config):
                found.extend(problems)
                if given:
                    yield given
        yield config

    def _enabled(self, rule: CloudFormationLintRule, config: ConfigMixIn) -> bool:
        return bool(
            rule.is_enabled(
                include_experimental=False,
                ignore_rules=config.ignore_checks,
                include_rules=config.include_checks,
                mandatory_rules=config.mandatory_checks,
            )
        )


def _setup(base: Path, limit: float) -> tuple[TemplateConfig, Any]:
    printed = io.StringIO()
    file = _blamed(base)
    try:
        with contextlib.redirect_stdout(printed), _alive(), deadline(limit, _is_own):
            # Template names are given one by one, so the configuration's own 'templates' must not count.
            config = TemplateConfig([], templates=[])
            runner = Runner(config)
            _check_regions(config, file)
            # These globs raise ValueError when nothing matches; cfn-lint asks for them at run time.
            _ = (config.deployment_files, config.parameter_files)
    except ConfigFileError as error:
        raise ConfigError(str(error), file=file) from error
    except CfnLintExitException as error:
        told = explain(error.__cause__, file, _PACKAGE) if error.__cause__ else None
        raise told or RuleError(str(error), file=file, hint="see append_rules and custom_rules") from error
    except (ValueError, OSError) as error:
        raise explain(error, file, _PACKAGE) or ConfigError(str(error), file=file) from error
    except SystemExit as error:
        told = explain(error, file, _PACKAGE)
        if told is not None:
            raise told from error
        said = printed.getvalue().strip() or "the override specification cannot be used"
        raise ConfigError(f"cfn-lint stopped: {said}", file=file) from error
    except Exception as error:
        # The project's own rules are imported here: they raise anything, and that is no defect of ours.
        told = explain(error, file, _PACKAGE)
        if told is None:
            raise
        raise told from error
    return config, runner.rules


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    """A rule that ends the process while it is loaded must not end the gate, with whatever exit code."""

    def refused(code: int) -> NoReturn:
        raise SystemExit(code)

    real, os._exit = os._exit, refused  # type: ignore[assignment]  # typed as never returning
    try:
        yield
    finally:
        os._exit = real


def _is_own(file: str) -> bool:
    # What an installed package does while it is imported may just be slow.
    return is_own(file, _PACKAGE) and not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _blamed(base: Path) -> str:
    """The configuration file that an error is about: the first that cfn-lint refuses, the user's or ours."""
    files = [found for folder in (Path.home(), base) if (found := config_file(folder)) is not None]
    for file in files:
        try:
            ConfigFileArgs(config_file=file)
        except (ConfigFileError, yaml.YAMLError, ValueError, OSError):
            return str(file)
    return str(files[-1] if files else base / ".cfnlintrc")


def _check_regions(config: ConfigMixIn, file: str) -> None:
    wrong = sorted(set(config.regions) - set(REGIONS))
    if wrong:
        hint = "see 'regions' and AWS_REGION"
        raise ConfigError(f"cfn-lint does not know the regions {', '.join(wrong)}", file=file, hint=hint)


def _silence() -> None:
    """Keep cfn-lint's log lines off the terminal; what they say is in its matches too."""
    logger = logging.getLogger("cfnlint")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _marked(value: Any, places: Iterator[int]) -> Any:
    """The value with a place of its own at every node: cfn-lint takes two matches at one place for one."""
    mark = Mark(next(places), 0)
    if isinstance(value, dict):
        return dict_node(
            {_marked(key, places): _marked(one, places) for key, one in value.items()}, mark, mark
        )
    if isinstance(value, list):
        return list_node([_marked(one, places) for one in value], mark, mark)
    return str_node(value, mark, mark) if isinstance(value, str) else value


def _matches(found: Iterable[Match]) -> list[LintMatch]:
    return sorted(_plain(match) for match in found)


def _plain(match: Match) -> LintMatch:
    path = tuple(str(part) if isinstance(part, str) else part for part in getattr(match, "path", None) or ())
    return LintMatch(
        line=match.linenumber,
        column=match.columnnumber,
        rule=str(match.rule.id),
        message=str(match.message),
        end_line=match.linenumberend,
        end_column=match.columnnumberend,
        path=tuple(part if isinstance(part, str | int) else str(part) for part in path),
        severity=_SEVERITIES.get(match.rule.severity, Severity.ERROR),
    )


def _rule_info(rule: CloudFormationLintRule) -> RuleInfo:
    return RuleInfo(
        id=rule.id,
        title=rule.shortdesc,
        severity=_SEVERITIES.get(rule.severity, Severity.ERROR),
        why=rule.description,
        source=rule.source_url,
        engine="cfn-lint",
        location=_defined_at(rule),
        tags=tuple(rule.tags),
    )


def _defined_at(rule: CloudFormationLintRule) -> Location | None:
    """Where an appended rule is written; None for the rules that come with cfn-lint."""
    # Rules of a folder are loaded without an entry in sys.modules: only their code knows the file.
    codes = [member.__code__ for member in vars(type(rule)).values() if inspect.isfunction(member)]
    if not codes or Path(codes[0].co_filename).is_relative_to(_PACKAGE):
        return None
    return Location(codes[0].co_filename, min(code.co_firstlineno for code in codes))
