"""Which properties of a resource type hold a secret, by the provider's schema.

Providers mark what they never show again as ``writeOnlyProperties``; among these the name tells a secret from
an idempotency token or a switch. Some schemas mark nothing, so names that can mean nothing else count too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from stackproof import schemas

_CERTAIN = re.compile(
    r"(?i)\w*(Passwords?|Passphrase|PrivateKey|ClientSecret|SecretKey|SecretAccessKey|OAuthToken|AuthToken"
    r"|AccessToken|ApiKey|PlatformCredential)"
)
_LIKELY = re.compile(
    r"(?i)\w*(Passwords?|Passphrase|Secret|SecretString|SecretKey|Token|PrivateKey|Credentials?|ApiKey|ApiKeyValue"
    r"|SharedKey|AuthKey|AccessKey)"
)
_OTHER = re.compile(r"(Manage|Rotate|Remove|Generate|Validate|No)[A-Z].*|.*ClientToken|NextToken")
# Its schema says "a map of text"; the key is that of the Cognito API.
_MAPS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "AWS::Cognito::UserPoolIdentityProvider": (("ProviderDetails",),),
}
# A description of an API: what it calls a password or credentials is a name, not a value.
_DESCRIPTIONS = ("Body",)
# The file's place in the proxy's container, not the key.
_PLACES = ("File", "PrivateKey")
_TEXT = frozenset({"string", None})
_DEEPEST = 8

Steps = tuple[str, ...]


def is_secret(name: str, *, write_only: bool) -> bool:
    """Whether a property of this name holds a secret; ``write_only`` ones do by weaker signs."""
    bare = name.replace("_", "")
    return bool((_LIKELY if write_only else _CERTAIN).fullmatch(bare)) and not _OTHER.fullmatch(name)


@lru_cache(maxsize=4096)
def secret_paths(resource_type: str) -> tuple[Steps, ...]:
    """Where a type's secrets stand, ``*`` for any item of a list; a mapping there holds secrets by name."""
    schema = schemas.schema(resource_type)
    if schema is None:
        return ()
    found = dict.fromkeys((*_certain(schema, schema, (), 0), *_MAPS.get(resource_type, ())))
    for pointer in schema.get("writeOnlyProperties", ()):
        steps = tuple(step for step in str(pointer).split("/") if step not in ("", "properties", "items"))
        found[steps] = None
    shown = schemas.read_only(resource_type)
    left_out = (_DESCRIPTIONS, ())
    return tuple(
        steps
        for steps in found
        if steps not in left_out and steps[-2:] != _PLACES and ".".join(steps) not in shown
    )


def _certain(root: Mapping[str, Any], node: Any, steps: Steps, depth: int) -> Iterator[Steps]:
    node = _followed(root, node)
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return
    name = next((step for step in reversed(steps) if step != "*"), "")
    if name and is_secret(name, write_only=False) and _is_text(node):
        yield steps
    if "items" in node:
        yield from _certain(root, node["items"], (*steps, "*"), depth + 1)
    properties = node.get("properties")
    for key, value in properties.items() if isinstance(properties, Mapping) else ():
        yield from _certain(root, value, (*steps, str(key)), depth + 1)


def _is_text(node: Mapping[str, Any]) -> bool:
    return node.get("type") in _TEXT and not {"properties", "enum"} & node.keys()


def _followed(root: Mapping[str, Any], node: Any) -> Any:
    for _ in range(_DEEPEST):
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        node = root
        for part in reference[2:].split("/"):
            node = node.get(part) if isinstance(node, Mapping) else None
    return node
