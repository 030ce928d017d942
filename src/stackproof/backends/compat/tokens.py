"""JSON Web Tokens: whether a signature is right. moto signs for all user pools with one key of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any


def signed(token: str, keys: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The claims of a token, None when its signature is not that of ``keys`` (a JWKS; None: moto's key)."""
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError

    try:
        found: Any = _of_pools() if keys is None else jwk.KeySet.import_key_set(dict(keys))  # type: ignore[arg-type]
        return dict(jwt.decode(token, found, algorithms=["RS256"]).claims)
    except (JoseError, ValueError, KeyError):
        return None


def published() -> dict[str, Any]:
    """The key set of the user pools, as their ``/.well-known/jwks.json`` has it."""
    return {"keys": [{**_of_pools().as_dict(private=False), "kid": "dummy", "alg": "RS256", "use": "sig"}]}


@cache
def _of_pools() -> Any:
    from joserfc import jwk
    from moto.utilities.utils import load_resource

    return jwk.RSAKey.import_key(load_resource("cognitoidp/resources/jwks-private.json"))
