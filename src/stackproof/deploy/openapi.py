"""An API definition (Swagger 2 or OpenAPI 3, as SAM writes them) as the methods that it defines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.deploy import openapi_models
from stackproof.deploy.code import local_path
from stackproof.deploy.handler import Job, Refused

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
AUTHORIZER = "x-amazon-apigateway-authorizer"
EMULATED = frozenset({"AWS", "AWS_PROXY", "MOCK"})
"""Integration types that answer here; a request to any other is refused by name."""
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", ANY})


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a path. ``security`` are the names of the schemes it asks for (None: nothing said).

    ``models`` are the schemas of its body by content type, each with a name or ""; ``validator`` is a name.
    """

    path: str
    verb: str
    integration: Mapping[str, Any]
    security: tuple[str, ...] | None
    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, bool] = field(default_factory=dict)
    key_required: bool = False
    models: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    validator: str = ""


def definition(job: Job) -> Mapping[str, Any]:
    """``Body``, or what ``BodyS3Location`` names: a local file, or an object. Raises ``Refused``."""
    body = job.get("Body")
    if isinstance(body, Mapping):
        return body
    place = job.get("BodyS3Location")
    if not isinstance(place, Mapping):
        return {}
    path = local_path(job, {"S3Bucket": place.get("Bucket"), "S3Key": place.get("Key")})
    if path is not None:
        text = path.read_text(encoding="utf-8")
    else:
        answer = job.call("s3", "get_object", {"Bucket": place.get("Bucket"), "Key": place.get("Key")})
        text = answer["Body"].read().decode("utf-8")
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refused(f"the API definition {place.get('Key')} cannot be read: {error}") from error
    if not isinstance(found, Mapping):
        raise Refused(f"the API definition {place.get('Key')} is no object")
    return found


def methods(body: Mapping[str, Any]) -> Iterator[Method]:
    """Every method of a definition, in path order."""
    paths = body.get("paths")
    default = body.get("security")
    for path, item in sorted(paths.items()) if isinstance(paths, Mapping) else ():
        for verb, definition in item.items() if isinstance(item, Mapping) else ():
            if verb.lower() in _METHODS and isinstance(definition, Mapping):
                yield _method(body, path, verb.lower(), definition, default)


def _method(
    body: Mapping[str, Any], path: str, verb: str, definition: Mapping[str, Any], default: Any
) -> Method:
    security = definition.get("security", default)
    names: tuple[str, ...] | None = None
    scopes: tuple[str, ...] = ()
    keyed = False
    if isinstance(security, list):
        given = [one for one in security if isinstance(one, Mapping)]
        keys = api_keys(body)
        wanted = [name for one in given for name in one]
        keyed = any(name in keys for name in wanted)
        names = tuple(name for name in wanted if name not in keys)
        scopes = tuple(str(scope) for one in given for items in one.values() for scope in items or ())
    found = definition.get(INTEGRATION)
    return Method(
        path,
        "ANY" if verb == ANY else verb.upper(),
        found if isinstance(found, Mapping) else {},
        names,
        scopes,
        {
            f"method.request.{_PLACES[one['in']]}.{one['name']}": bool(one.get("required"))
            for one in definition.get("parameters") or ()
            if isinstance(one, Mapping) and one.get("in") in _PLACES
        },
        keyed,
        openapi_models.schemas(body, definition),
        openapi_models.validator(body, definition),
    )


_PLACES = {"path": "path", "query": "querystring", "header": "header"}


def schemes(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The security schemes, wherever the version keeps them."""
    components = body.get("components")
    inside = components.get("securitySchemes") if isinstance(components, Mapping) else None
    found = body.get("securityDefinitions") or inside
    return found if isinstance(found, Mapping) else {}


def api_keys(body: Mapping[str, Any]) -> frozenset[str]:
    """The schemes that ask for an API key."""
    return frozenset(
        name
        for name, one in schemes(body).items()
        if one.get("name") == "x-api-key"
        and AUTHORIZER not in one
        and "x-amazon-apigateway-authtype" not in one
    )


def signed(body: Mapping[str, Any], name: str) -> bool:
    """Whether a scheme asks for a signed call."""
    return str(schemes(body).get(name, {}).get("x-amazon-apigateway-authtype", "")).lower() == "awssigv4"
