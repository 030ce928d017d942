"""Address arithmetic of ``Fn::Cidr``."""

from __future__ import annotations

import ipaddress
from typing import Any

from stackproof.template.constraints import number
from stackproof.template.model import Unknown
from stackproof.template.unknowns import text_of, unite

CIDR_PATTERN = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F:.]+)/[0-9]{1,3}"
_MAX_COUNT = 256
_DEFAULT_BITS = 8


def subnets(arguments: list[Any], expression: Any) -> list[Any] | Unknown | str:
    """The blocks of ``Fn::Cidr``; as many unknown blocks when only the count is known; a text on error.

    ``bits`` are host bits: 8 of an IPv4 block gives /24 blocks.
    """
    count, bits = (
        arguments[1] if len(arguments) > 1 else None,
        arguments[2] if len(arguments) > 2 else _DEFAULT_BITS,
    )
    if isinstance(count, Unknown):
        return _unknown(arguments, expression, "list")
    wanted = number(count)
    if wanted is None or not 1 <= wanted <= _MAX_COUNT or wanted != int(wanted):
        return f"the count is '{text_of(count)}', expected 1 to {_MAX_COUNT}"
    if isinstance(arguments[0], Unknown) or isinstance(bits, Unknown):
        total = int(wanted)
        return [
            _unknown(arguments, {"Fn::Select": [str(index), expression]}, "string") for index in range(total)
        ]
    return _divide(text_of(arguments[0]), int(wanted), number(bits))


def _divide(block: str, count: int, bits: float | None) -> list[Any] | str:
    try:
        network = ipaddress.ip_network(block, strict=False)
    except ValueError:
        return f"'{block}' is no address block"
    if bits is None or bits != int(bits) or not 0 < bits <= network.max_prefixlen:
        return "the subnet bits are no number in range"
    prefix = network.max_prefixlen - int(bits)
    if prefix < network.prefixlen or count > 2 ** (prefix - network.prefixlen):
        return f"{count} blocks with {int(bits)} bits each do not fit into {block}"
    step = 2 ** int(bits)
    first = int(network.network_address)
    kind = type(network.network_address)
    return [f"{kind(first + index * step)}/{prefix}" for index in range(count)]


def _unknown(arguments: list[Any], expression: Any, kind: str) -> Unknown:
    unknown = [item for item in arguments if isinstance(item, Unknown)]
    reason = "; ".join(dict.fromkeys(item.reason for item in unknown))
    generated = any(item.generated for item in unknown)
    return Unknown(expression, reason, kind, CIDR_PATTERN, (), generated, False, unite(unknown))
