"""Frozen data of the template room: documents, environments, expanded and resolved templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.model import JSON, DocPath, Finding, Location, Related


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value inside a resolved tree that nobody can know before deployment.

    ``expression`` is the intrinsic function as written, with what is known put in
    (``{"Fn::GetAtt": ["Queue", "Arn"]}``); a document for Guard's ``written`` probe.
    ``kind`` is ``string``, ``number``, ``boolean``, ``list`` or ``any``.
    ``pattern`` is a regular expression that every possible value matches from end to end
    (an ARN, ``arn:aws:s3:::.+/\\*`` for a Sub over an unknown bucket); "" when nothing is known.
    ``values`` are the only possible values when they can be listed.
    ``generated`` is True for a name, id or ARN that AWS chooses while it deploys: no literal that
    was written beforehand can be equal to it, unless that literal matches ``pattern`` and the pattern
    is not "".
    ``may_be_empty``: the empty string or list is possible.
    """

    expression: JSON
    reason: str
    kind: str = "any"
    pattern: str = ""
    values: tuple[JSON, ...] = ()
    generated: bool = False
    may_be_empty: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """An ``Fn::If`` over a condition whose value is unknown. A branch is a tree, or ``ABSENT``.

    The same ``condition`` has the same value everywhere in one template.
    """

    condition: str
    then: Any
    otherwise: Any
    expression: JSON = None


class Absent:
    """The type of ``ABSENT``: what ``AWS::NoValue`` leaves behind, inside a ``Choice`` only."""

    _instance: Absent | None = None

    def __new__(cls) -> Absent:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __reduce__(self) -> tuple[type[Absent], tuple[()]]:
        return (Absent, ())

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded template file, as written.

    ``file`` is the name that findings carry, ``path`` where it was read. ``tree`` is the decoder's:
    dicts, lists and strings that carry ``start_mark``/``end_mark``. ``locate`` gives the span of the
    key (or list item) at a path, of the nearest parent when the path does not exist in the source.
    """

    file: str
    path: Path
    text: str
    tree: dict[str, Any]
    locate: Callable[[DocPath], Location]


@dataclass(frozen=True, slots=True)
class Expanded:
    """A template after its transforms (SAM, language extensions, includes), before parameters.

    ``tree`` is plain JSON. ``locate`` maps a path of ``tree`` to the source line that produced it.
    ``origin`` maps a path of ``tree`` to the path in the source document.
    ``findings`` are the transform's own. ``reads`` are local files that the result depends on.
    ``partial``: something could not be expanded, so logical ids may be missing that the deployed
    template will have (a reference to nothing is then no proof of a mistake).
    """

    document: Document
    tree: dict[str, Any]
    locate: Callable[[DocPath], Location]
    origin: Callable[[DocPath], DocPath]
    findings: tuple[Finding, ...] = ()
    reads: tuple[Path, ...] = ()
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter's value with the place that gave it."""

    value: JSON
    location: Location


@dataclass(frozen=True, slots=True)
class Configuration:
    """A deployment configuration: what one deployment of a template is given.

    ``name`` is what reports show (``prod``, ``prod (via master.yaml/Database)``, ``Size=small``,
    ``""`` when there is none). ``environment`` is the name under which exports are shared.
    ``region``, ``account``, ``partition``, ``stack_name`` are "" when unknown.
    """

    name: str
    environment: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    stack_policy: JSON = None
    region: str = ""
    account: str = ""
    partition: str = ""
    stack_name: str = ""
    organization: str = ""
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A template as it will be deployed under one configuration.

    ``tree`` is JSON whose leaves may be ``Unknown`` or ``Choice``; intrinsic functions are gone,
    resources with a false condition too. ``conditional`` maps the logical ids of resources whose
    condition is unknown to the condition's name. ``parameters`` and ``conditions`` hold what was decided
    (a condition is None when unknown). ``exports`` maps an export's name to its value.
    ``provenance`` tells for a path of ``tree`` which outside values took part (parameter file lines …).
    ``parents`` is the chain of parent stacks (``file/LogicalId``) that instantiates this one.
    """

    expanded: Expanded
    configuration: Configuration
    tree: dict[str, Any]
    locate: Callable[[DocPath], Location]
    provenance: Callable[[DocPath], Sequence[Related]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool | None] = field(default_factory=dict)
    conditional: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    parents: tuple[str, ...] = ()
