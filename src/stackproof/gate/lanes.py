"""What the workers of a run do: every stage in one process, or cfn-lint's stages beside the others.

To load cfn-lint takes longer than to judge a template, and so does what Guard needs. Where few
templates are to be judged the two are loaded side by side, each in the process that uses it, while the
parent still looks into the cache. Importing this module is cheap for that reason.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import stackproof
from stackproof.config import Config
from stackproof.gate.keys import Keys
from stackproof.gate.pool import Ready, Work
from stackproof.gate.results import WRITTEN, StageResult
from stackproof.gate.sending import message
from stackproof.model import Problem, RuleInfo
from stackproof.template.discover import TemplateFile
from stackproof.template.environments import FOLDER

if TYPE_CHECKING:
    from stackproof.checks.base import Checks
    from stackproof.checks.guard.engine import GuardEngine
    from stackproof.checks.lint.engine import LintEngine
    from stackproof.gate.judging import Views

Results = Mapping[str, StageResult]


@dataclass(frozen=True, slots=True)
class Told:
    """What the parent must know of the rule sets and checks: their rules, what is wrong with them.

    ``code`` are the files of rules and checks that are not installed under a version, with what they
    import: their content is an input.
    """

    rules: tuple[RuleInfo, ...] = ()
    problems: tuple[Problem, ...] = ()
    code: tuple[str, ...] = ()

    def and_of(self, other: Told) -> Told:
        """What two workers told."""
        return Told((*self.rules, *other.rules), (*self.problems, *other.problems), (*self.code, *other.code))


@dataclass(frozen=True, slots=True)
class Linter:
    """cfn-lint, loaded, and the files of the project's own rules and of what they import."""

    engine: LintEngine
    code: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policies:
    """Guard's rule sets and the checks, loaded."""

    guard: GuardEngine
    checks: Checks
    told: Told


class Lanes:
    """The work on the ``templates`` of a run, which the jobs are numbers of.

    ``known`` gives the stages of a template that need not be judged again.
    """

    def __init__(
        self,
        root: Path,
        config: Config,
        keys: Keys,
        templates: Sequence[TemplateFile],
        known: Callable[[str], Results],
        stages: Iterable[str],
        *,
        as_written: bool,
    ) -> None:
        self._root = root
        self._config = config
        self._keys = keys
        self._templates = templates
        self._known = known
        self._stages = frozenset(stages)
        self._as_written = as_written

    def policies(self) -> Policies:
        """Load the rule sets and the checks."""
        from stackproof.checks.base import load_checks
        from stackproof.checks.guard.engine import GuardEngine
        from stackproof.checks.guard.rulesets import load_rulesets

        before = frozenset(sys.modules)
        rulesets, checks = load_rulesets(self._config, self._root), load_checks(self._config.checks)
        guard = GuardEngine(rulesets)
        told = Told(
            (*guard.rules(), *checks.rules()),
            (*rulesets.problems, *checks.problems),
            tuple(_editable_code(before)),
        )
        return Policies(guard, checks, told)

    def linter(self) -> Linter:
        """Load cfn-lint with its rules. Raises ``ConfigError`` and ``RuleError``."""
        from stackproof.checks.lint.engine import LintEngine

        before = frozenset(sys.modules)
        engine = LintEngine(self._config, self._root)
        return Linter(engine, tuple(_editable_code(before)))

    def deploying(self) -> Ready:
        """A worker for Guard and the checks; it tells what the parent must know of them."""
        import stackproof.template.decode  # noqa: F401 - what takes long is loaded before there is a job

        policies = self.policies()
        return Ready(self._deployed(policies, self._views(self._keys.links.related)), message(policies.told))

    def linting(self) -> Ready:
        """A worker for cfn-lint."""
        loaded = self.linter()
        work = self._linted(loaded.engine, self._views(self._keys.links.related))
        return Ready(work, message(Told(code=loaded.code)))

    def together(self, lint: LintEngine | None, policies: Policies, missing: Collection[str]) -> Ready:
        """A worker for every stage. Those of the ``missing`` that share neighbours share what is read.

        Without cfn-lint its stages are left out.
        """
        from stackproof.gate.estates import groups

        views = self._views(groups(self._keys.links, missing).__getitem__)
        works = [self._deployed(policies, views)]
        if lint is not None:
            works.append(self._linted(lint, views))
        return Ready(lambda job: (payload for work in works for payload in work(job)))

    def _views(self, related: Callable[[str], frozenset[str]]) -> Views:
        from stackproof.gate.estates import Estates
        from stackproof.gate.judging import Views
        from stackproof.gate.reads import Recorder

        folders = {template.path.parent for template in self._keys.templates.values()}
        recorder = Recorder(folders | {folder / FOLDER for folder in folders})
        estates = Estates(self._root, self._config, self._keys.templates, related)
        return Views(estates, recorder, as_written=self._as_written)

    def _deployed(self, policies: Policies, views: Views) -> Work:
        from stackproof.gate.judging import Deployed

        judge = Deployed(policies.guard, policies.checks, views)
        return self._work(lambda template, known: judge.stages(template, self._stages - known.keys()))

    def _linted(self, lint: LintEngine, views: Views) -> Work:
        from stackproof.gate.judging import Linted

        judge = Linted(lint, views)
        return self._work(
            lambda template, known: judge.stages(template, self._stages - known.keys(), known.get(WRITTEN))
        )

    def _work(self, stages: Callable[[TemplateFile, Results], Iterator[StageResult]]) -> Work:
        def work(job: int) -> Iterator[bytes]:
            template = self._templates[job]
            return map(message, stages(template, self._known(template.file)))

        return work


def _editable_code(before: Collection[str]) -> Iterator[str]:
    """The files of modules that were imported since and are not installed under a version."""
    schemes = sysconfig.get_paths()
    installed = tuple(
        f"{folder}{os.sep}"
        for folder in (
            *(schemes[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            os.path.dirname(stackproof.__file__),
        )
    )
    for name, module in list(sys.modules.items()):
        file = None if name in before else getattr(module, "__file__", None)
        if file and not os.path.abspath(file).startswith(installed):
            yield os.path.abspath(file)
