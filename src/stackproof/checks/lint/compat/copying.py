"""Copying cfn-lint's contexts, filters and validators by their dictionaries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import cfnlint.context.context as context_module
import cfnlint.jsonschema._filter as filter_module
import cfnlint.jsonschema.validators as validators_module
from cfnlint.rules.jsonschema import Base as base_module  # noqa: N813 - a module, not a class

from stackproof.checks.lint.compat import routes
from stackproof.checks.lint.compat.patching import replace


def context() -> None:
    """Copy ``Context`` and ``Path`` by their dictionary; both are frozen and have no ``__post_init__``."""
    replace(context_module.Context, "evolve", _evolve_by_dict(context_module.Context, merge="ref_values"))
    replace(context_module.Path, "evolve", _evolve_by_dict(context_module.Path))
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

    replace(context_module.Path, "descend", descend)


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


def function_filter() -> None:
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

    replace(cls, "evolve", evolve)


def validators() -> None:
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
            made[key] = slow(validators, function_filter, fn_resolvers)
            made[key].evolve = _evolve_of(made[key])
            made[key].descend = routes.descend_of(made[key])
        return made[key]

    replace(validators_module, "create", create)
    for cls in (validators_module.StandardValidator, validators_module.CfnTemplateValidator):
        replace(cls, "evolve", _evolve_of(cls))
        replace(cls, "descend", routes.descend_of(cls))


def _filter_key(function_filter: Any) -> tuple[Any, ...]:
    if function_filter is None:
        return ()
    # group_functions is a constant list; the rest are booleans.
    return (
        function_filter.__class__,
        function_filter.add_cfn_lint_keyword,
        function_filter.validate_dynamic_references,
    )


def _evolve_of(cls: Any) -> Callable[..., Any]:
    """An ``evolve`` for a validator class that does not go through its constructor."""
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

    return evolve


def base() -> None:
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

    replace(cls, "extend_validator", extend_validator)


SHORTCUTS: dict[ModuleType, Callable[[], None]] = {
    context_module: context,
    filter_module: function_filter,
    validators_module: validators,
    base_module: base,
}
