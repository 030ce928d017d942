"""Values that a transform may know: parameters of the configuration, defaults, pseudo parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.template.model import Configuration

_SUB_NAME = re.compile(r"\$\{([^!{}][^{}]*)\}")


class NotKnown(Exception):
    """A value that cannot be had before deployment; ``name`` is the parameter or function to blame."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Values:
    """``parameters`` by name (lists for list types), ``pseudo`` parameters that are known, ``mappings``."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    pseudo: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)

    def evaluate(self, node: Any, loop: Mapping[str, str] | None = None) -> Any:
        """The value of ``node``. Raises ``NotKnown`` where it hangs on something that is not known."""
        if isinstance(node, list):
            return [self.evaluate(item, loop) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name == "Ref":
                return self._ref(argument, loop or {})
            if name.startswith("Fn::"):
                return self._function(name, argument, loop)
        return {key: self.evaluate(value, loop) for key, value in node.items()}

    def _ref(self, name: Any, loop: Mapping[str, str]) -> Any:
        for known in (loop, self.parameters, self.pseudo):
            if isinstance(name, str) and name in known:
                return known[name]
        raise NotKnown(str(name))

    def _function(self, name: str, argument: Any, loop: Mapping[str, str] | None) -> Any:
        if name == "Fn::Sub":
            return self._sub(argument, loop)
        if name == "Fn::FindInMap" and isinstance(argument, list) and len(argument) >= 3:
            return self._find(argument, loop)
        value = self.evaluate(argument, loop)
        match name, value:
            case "Fn::Split", [str(separator), str(text)] if separator:
                return text.split(separator)
            case "Fn::Join", [str(separator), [*parts]] if all(isinstance(part, str) for part in parts):
                return separator.join(parts)
            case "Fn::Select", [int() | str() as index, [*items]] if str(index).isdigit():
                if int(index) < len(items):
                    return items[int(index)]
            case "Fn::Length", [*items]:
                return len(items)
        raise NotKnown(name)

    def _sub(self, argument: Any, loop: Mapping[str, str] | None) -> str:
        template, own = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(template, str) or not isinstance(own, dict):
            raise NotKnown("Fn::Sub")

        def replace(match: re.Match[str]) -> str:
            name = match[1].strip()
            value = self.evaluate(own[name], loop) if name in own else self._ref(name, loop or {})
            return str(value)

        return _SUB_NAME.sub(replace, template).replace("${!", "${")

    def _find(self, argument: list[Any], loop: Mapping[str, str] | None) -> Any:
        keys = [self.evaluate(item, loop) for item in argument[:3]]
        node: Any = self.mappings
        for key in keys:
            if not isinstance(node, dict) or str(key) not in node:
                default = argument[3] if len(argument) > 3 else None
                if isinstance(default, dict) and "DefaultValue" in default:
                    return self.evaluate(default["DefaultValue"], loop)
                raise NotKnown("Fn::FindInMap")
            node = node[str(key)]
        return node


def known_values(tree: Mapping[str, Any], configuration: Configuration | None) -> Values:
    """What is known of the parameters of ``tree``: the configuration's values, else the defaults.

    The value of an SSM parameter type is the name of the parameter, not what the template sees: not known.
    """
    given = configuration.parameters if configuration else {}
    parameters: dict[str, Any] = {}
    declared = tree.get("Parameters")
    for name, definition in (declared if isinstance(declared, dict) else {}).items():
        if not isinstance(definition, dict):
            continue
        kind = str(definition.get("Type", "String"))
        value = given[name].value if name in given else definition.get("Default")
        if value is None or kind.startswith("AWS::SSM::"):
            continue
        if (kind.startswith("List<") or kind == "CommaDelimitedList") and isinstance(value, str):
            value = [item.strip() for item in value.split(",")]
        parameters[name] = value
    mappings = tree.get("Mappings")
    return Values(parameters, pseudo_values(configuration), mappings if isinstance(mappings, dict) else {})


def pseudo_values(configuration: Configuration | None) -> dict[str, str]:
    """The pseudo parameters that the configuration knows."""
    if configuration is None:
        return {}
    known = {
        "AWS::Region": configuration.region,
        "AWS::AccountId": configuration.account,
        "AWS::Partition": configuration.partition,
        "AWS::StackName": configuration.stack_name,
    }
    return {name: value for name, value in known.items() if value}


def references(node: Any) -> Iterator[str]:
    """Every name that ``Ref`` or ``Fn::Sub`` mentions below ``node``, once or more often."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref" and isinstance(value, str):
                yield str(value)
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) and value else value
                if isinstance(text, str):
                    yield from (name.strip().split(".")[0] for name in _SUB_NAME.findall(text))
                yield from references(value)
            else:
                yield from references(value)
