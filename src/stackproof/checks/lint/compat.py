"""Where cfn-lint is made faster from outside without changing an answer.

Each shortcut replaces a function of one cfn-lint module that copies a dataclass field by field, makes
the same class again and again, or searches the same schema again and again. A shortcut is installed
only where the module's source is one that it was compared with (``KNOWN``, SHA-256 of the file): with
any other version cfn-lint runs as it is, only slower. The tests compare the findings with and without
the shortcuts and fail when the installed version is not in ``KNOWN``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import cfnlint.context.context as context_module
import cfnlint.jsonschema._filter as filter_module
import cfnlint.jsonschema.validators as validators_module
import cfnlint.rules._rules as rules_module
import cfnlint.schema.resolver._resolver as resolver_module
import cfnlint.template.transforms.transform as transform_module
from cfnlint.rules.jsonschema import Base as base_module  # noqa: N813 - a module, not a class

KNOWN: dict[str, frozenset[str]] = {
    "cfnlint.context.context": frozenset(
        {"785e6ca7d57cde01cc8aed6d398a192debdfa611831f2a801e7f27de2be31aff"}  # 1.58.0
    ),
    "cfnlint.jsonschema._filter": frozenset(
        {"e4af1d28ef36a100111b13bc2af7eef0d8e49fc96c015e0344206d3bffc03971"}  # 1.58.0
    ),
    "cfnlint.jsonschema.validators": frozenset(
        {"6494508f68508e392b0caff55d51ce061d2621dd2edaf9ed2621456ebdad3605"}  # 1.58.0
    ),
    "cfnlint.rules.jsonschema.Base": frozenset(
        {"ef503696ce8103624da987dc82032be38f643111f020069a90a2ae6cdc3a10bc"}  # 1.58.0
    ),
    "cfnlint.schema.resolver._resolver": frozenset(
        {"b0a4bf119e37225d730e4258967d8800ea06812c5b941e24ce7145dd828eac45"}  # 1.58.0
    ),
    "cfnlint.template.transforms.transform": frozenset(
        {"294e2323450246e985012c55fa9ad05e92e9eb64dc8e6b9b2854ab8472158c0b"}  # 1.58.0
    ),
    "cfnlint.rules._rules": frozenset(
        {"11f11c4d5a2fac69f5872e3666c230666450cffc1f13fcc4b41124c7eb2305a5"}  # 1.58.0
    ),
}
_installed: list[tuple[Any, str, Any]] = []
_SCHEMAS_KEPT = 512


def speed_up() -> tuple[str, ...]:
    """Install every shortcut that fits; gives the names of the modules left as they are."""
    left = tuple(module.__name__ for module in _SHORTCUTS if not _is_known(module))
    if not _installed:
        for module, install in _SHORTCUTS.items():
            if module.__name__ not in left:
                install()
    return left


def slow_down() -> None:
    """Take every shortcut back (for the tests)."""
    while _installed:
        owner, name, original = _installed.pop()
        setattr(owner, name, original)


def digest(module: ModuleType) -> str:
    """The SHA-256 of a module's source file, as ``KNOWN`` holds it."""
    return hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()


def modules() -> tuple[ModuleType, ...]:
    """The modules that have a shortcut."""
    return tuple(_SHORTCUTS)


def _is_known(module: ModuleType) -> bool:
    return digest(module) in KNOWN.get(module.__name__, frozenset())


def _replace(owner: Any, name: str, new: Any) -> None:
    _installed.append((owner, name, getattr(owner, name)))
    setattr(owner, name, new)


def _context() -> None:
    """Copy ``Context`` and ``Path`` by their dictionary; both are frozen and have no ``__post_init__``."""
    _replace(context_module.Context, "evolve", _evolve_by_dict(context_module.Context, merge="ref_values"))
    _replace(context_module.Path, "evolve", _evolve_by_dict(context_module.Path))
    slow = context_module.Path.descend
    functions = frozenset(context_module.FUNCTIONS)

    def descend(self: Any, **kwargs: Any) -> Any:
        step = kwargs.get("cfn_path")
        if step in functions or isinstance(step, int) or not kwargs.keys() <= _PATH_FIELDS:
            return slow(self, **kwargs)
        new = object.__new__(self.__class__)
        state = new.__dict__
        for name, value in self.__dict__.items():
            added = kwargs.get(name)
            if added is None:
                state[name] = value
            else:
                state[name] = longer = value.copy()
                longer.append(added)
        return new

    _replace(context_module.Path, "descend", descend)


_PATH_FIELDS = frozenset({"path", "value_path", "cfn_path"})


def _evolve_by_dict(cls: Any, merge: str = "") -> Callable[..., Any]:
    names = tuple(field.name for field in dataclasses.fields(cls) if field.init)
    known = frozenset(names)
    slow = cls.evolve

    def evolve(self: Any, **kwargs: Any) -> Any:
        if not kwargs.keys() <= known:
            return slow(self, **kwargs)
        if merge and merge in kwargs:
            kwargs[merge] = {**getattr(self, merge), **kwargs[merge]}
        state = self.__dict__
        new = object.__new__(self.__class__)
        fresh = new.__dict__
        for name in names:
            fresh[name] = state[name]
        fresh.update(kwargs)
        return new

    return evolve


def _filter() -> None:
    """Copy a ``FunctionFilter`` by its dictionary; ``group_functions`` is made anew by the original."""
    cls = filter_module.FunctionFilter
    names = frozenset(field.name for field in dataclasses.fields(cls) if field.init)
    slow = cls.evolve
    made: dict[tuple[Any, ...], Any] = {}

    def evolve(self: Any, **kwargs: Any) -> Any:
        if not kwargs.keys() <= names or self.__class__ is not cls:
            return slow(self, **kwargs)
        state = {name: kwargs.get(name, getattr(self, name)) for name in names}
        key = tuple(state.items())
        if key not in made:
            made[key] = slow(self, **kwargs)
        return made[key]

    _replace(cls, "evolve", evolve)


def _validators() -> None:
    """Make one class for the same validators instead of one for each use, and copy instances quickly."""
    slow = validators_module.create
    made: dict[Any, Any] = {}

    def create(validators: Any = None, function_filter: Any = None, fn_resolvers: Any = None) -> Any:
        key = (
            frozenset((validators or {}).items()),
            _filter_key(function_filter),
            frozenset((fn_resolvers or {}).items()),
        )
        if key not in made:
            made[key] = _quick(slow(validators, function_filter, fn_resolvers))
        return made[key]

    _replace(validators_module, "create", create)
    for cls in (validators_module.StandardValidator, validators_module.CfnTemplateValidator):
        _installed.append((cls, "evolve", cls.evolve))
        _quick(cls)


def _filter_key(function_filter: Any) -> tuple[Any, ...]:
    if function_filter is None:
        return ()
    # group_functions is a constant list; the rest are booleans.
    return (
        function_filter.__class__,
        function_filter.add_cfn_lint_keyword,
        function_filter.validate_dynamic_references,
    )


def _quick(cls: Any) -> Any:
    """Give a validator class an ``evolve`` that does not go through its constructor."""
    slow = cls.evolve
    fields = dataclasses.fields(cls)
    names = tuple(field.name for field in fields if field.init)
    known = frozenset(names)
    constants = {field.name: cast(Any, field.default_factory)() for field in fields if not field.init}

    def evolve(self: Any, **kwargs: Any) -> Any:
        if not kwargs.keys() <= known or self.__class__ is not cls:
            return slow(self, **kwargs)
        state = self.__dict__
        new = object.__new__(cls)
        fresh = new.__dict__
        for name in names:
            fresh[name] = state[name]
        fresh.update(kwargs)
        if fresh["context"] is None or fresh["resolver"] is None:
            return slow(self, **kwargs)
        fresh.update(constants)
        return new

    cls.evolve = evolve
    return cls


def _base() -> None:
    """Extend a validator without building an empty ``Template`` for an instance that is replaced at once."""
    cls = base_module.BaseJsonSchema
    slow = cls.extend_validator

    def extend_validator(self: Any, validator: Any, schema: Any, context: Any, validators: Any = None) -> Any:
        if context is None:
            return slow(self, validator, schema, context, validators)
        wanted = self._get_validators()
        if validators:
            wanted.update(validators)
        extended = validator.extend(validators=wanted)
        return extended(
            schema=schema,
            cfn=validator.cfn,
            context=context,
            resolver=base_module.RefResolver.from_schema(schema),
        )

    _replace(cls, "extend_validator", extend_validator)


class _Subschemas:
    """Which parts of a schema carry an id. Schemas do not change while templates are judged."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Any, dict[str, list[Any]]]] = OrderedDict()

    def of(self, schema: Any) -> dict[str, list[Any]]:
        """The parts by keyword, in the order of a search breadth first."""
        known = self._kept.get(id(schema))
        if known is None:
            # The schema is kept with its answer, so no other object can have its identity.
            self._kept[id(schema)] = known = (schema, _search(schema))
            if len(self._kept) > _SCHEMAS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(id(schema))
        return known[1]


def _search(schema: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {key: [] for key in resolver_module._SUBSCHEMAS_KEYWORDS}
    values: deque[Any] = deque([schema])
    while values:
        value = values.pop()
        if isinstance(value, dict):
            for key, parts in found.items():
                if key in value:
                    parts.append(value)
            values.extendleft(value.values())
    return found


def _resolver() -> None:
    """Search a schema for ids once, not for each ``$ref`` in it."""
    subschemas = _Subschemas()
    slow = resolver_module._match_keyword

    def search_schema(schema: Any, matcher: Any) -> Iterator[Any]:
        found = subschemas.of(schema)
        if matcher is resolver_module._match_subschema_keywords:
            yield from ((keyword, part) for keyword, parts in found.items() for part in parts)
        else:
            yield from found[matcher.keyword]

    def match_keyword(keyword: str) -> Any:
        matcher = slow(keyword)
        matcher.keyword = keyword
        return matcher

    _replace(resolver_module, "_match_keyword", match_keyword)
    _replace(resolver_module, "_search_schema", search_schema)


def _transform() -> None:
    """Do not print the whole template as JSON for a log line that nobody reads."""
    slow = transform_module.format_json_string

    def format_json_string(value: Any) -> str:
        return str(slow(value)) if transform_module.LOGGER.isEnabledFor(logging.INFO) else ""

    _replace(transform_module, "format_json_string", format_json_string)


def _rules() -> None:
    """Run the rules without asking the configuration once a rule and every rule for every resource."""
    cls = rules_module.Rules
    plain_resource = rules_module.CloudFormationLintRule.matchall_resource_properties

    def run(self: Any, filename: Any, cfn: Any, config: Any) -> Iterator[Any]:
        enabled = _prepare(self, cfn, config)
        for rule_id, rule in self.data.items():
            checked = self.run_check(rule.matchall, filename, rule_id, config, enabled, filename, cfn)
            yield from (match for match in checked if match.rule.id in enabled)
        # The stock matchall_resource_properties answers only for the rule's own resource types.
        by_type = [
            (
                rule_id,
                rule,
                None
                if type(rule).matchall_resource_properties is not plain_resource
                else frozenset(rule.resource_property_types),
            )
            for rule_id, rule in self.data.items()
        ]
        for name, body in cfn.get_resources().items():
            kind, properties = body.get("Type"), body.get("Properties")
            if not isinstance(kind, str) or not isinstance(properties, dict):
                continue
            path = ["Resources", name, "Properties"]
            for rule_id, rule, kinds in by_type:
                if kinds is not None and kind not in kinds:
                    continue
                checked = self.run_check(
                    rule.matchall_resource_properties,
                    filename,
                    rule_id,
                    config,
                    enabled,
                    filename,
                    cfn,
                    properties,
                    kind,
                    path,
                )
                yield from (match for match in checked if match.rule.id in enabled)

    _replace(cls, "run", run)


def _prepare(rules: Any, cfn: Any, config: Any) -> set[str]:
    """Configure, start and link the rules for one template; the ids of those that are enabled."""
    configured, experimental = config.configure_rules, config.include_experimental
    wanted = {
        "include_experimental": experimental,
        "ignore_rules": config.ignore_checks,
        "include_rules": config.include_checks,
        "mandatory_rules": config.mandatory_checks,
    }
    enabled = set()
    for rule_id, rule in rules.data.items():
        rule.configure(configured.get(rule_id, None), experimental)
        rule.initialize(cfn)
        if rule.is_enabled(**wanted):
            enabled.add(rule_id)
    data = rules.data
    for rule_id, rule in data.items():
        for key in rule.child_rules:
            if key in data:
                rule.child_rules[key] = data[key]
        for parent in rule.parent_rules:
            if parent in data:
                data[parent].child_rules[rule_id] = rule
    return enabled


_SHORTCUTS: dict[ModuleType, Callable[[], None]] = {
    context_module: _context,
    filter_module: _filter,
    validators_module: _validators,
    base_module: _base,
    resolver_module: _resolver,
    transform_module: _transform,
    rules_module: _rules,
}
