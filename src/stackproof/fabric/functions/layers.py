"""Layers: content published under a name, version by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.functions import errors
from stackproof.fabric.functions.admin import paged
from stackproof.fabric.functions.model import Code
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService


@dataclass(frozen=True, slots=True)
class Layer:
    """One version of a layer; ``arn`` includes the version, ``built`` as in ``Layers.register``."""

    arn: str
    number: int
    code: Code
    given: Mapping[str, Any]
    created: str
    built: bool = False


class Layers:
    """``versions`` by ARN; ``foreign`` names layers of other accounts that stand for installed packages."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self.versions: dict[str, Layer] = {}
        self._numbers: dict[str, int] = {}
        self.registered: dict[str, Path] = {}
        self.built: frozenset[str] = frozenset()
        self.operations: Mapping[str, Operation] = {
            "PublishLayerVersion": self.publish_layer_version,
            "GetLayerVersion": self.get_layer_version,
            "GetLayerVersionByArn": self.get_layer_version_by_arn,
            "DeleteLayerVersion": self.delete_layer_version,
            "ListLayerVersions": self.list_layer_versions,
            "ListLayers": self.list_layers,
        }

    def register(self, name: str, folder: Path, *, built: bool = False) -> None:
        """Take the content of a layer (a name, or a versioned ARN) straight from ``folder``.

        ``built`` means what ``sam build`` makes of the folder: all of it, and what its ``requirements.txt``
        asks for, lies in the layer's ``python/`` (SAM developer guide, "Building Lambda layers").
        """
        self.registered[name] = Path(folder).resolve()
        self.built = self.built | {name} if built else self.built - {name}

    def roots(self, layers: Sequence[str], caller: Caller) -> tuple[Path, ...]:
        """The folders of layers that Python imports from; a later layer overlays an earlier one.

        A layer of another account is taken to be installed in this Python. Raises ServiceError for one of
        this account that is not there, UsageError when requirements cannot be installed.
        """
        found: list[Path] = []
        for arn in reversed(layers):
            layer = self.versions.get(arn)
            if layer is not None and layer.code.folder is not None:
                found.extend(self._roots(layer.code.folder, layer.built))
            elif arn in self.registered:
                found.extend(self._roots(self.registered[arn], arn in self.built))
            elif f":{caller.account}:" in arn:
                raise errors.invalid(f"Layer version {arn} does not exist.")
        return tuple(found)

    def _roots(self, folder: Path, built: bool) -> list[Path]:
        if built:
            return [folder, *self._service.code.requirements.target(folder)]
        places = [folder / "python", *sorted(folder.glob("python/lib/python3.*/site-packages"))]
        return [place for place in reversed(places) if place.is_dir()]

    def _arn(self, name: str, caller: Caller) -> str:
        return (
            name
            if name.startswith("arn:")
            else arns.arn("lambda", caller.region, caller.account, f"layer:{name}")
        )

    def publish_layer_version(self, params: Params, caller: Caller) -> Response:
        """The next version of a layer."""
        base = self._arn(params["LayerName"], caller)
        folder = self.registered.get(params["LayerName"])
        code = (
            Code(folder, "", 0)
            if folder is not None
            else self._service.code.of(base, base, params["Content"], caller)
        )
        number = self._numbers.get(base, 0) + 1
        self._numbers[base] = number
        created = iso(self._service.world.clock.ms).replace("Z", "+0000")
        given = {
            name: params[name]
            for name in ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
            if params.get(name) is not None
        }
        layer = Layer(
            f"{base}:{number}", number, code, given, created, built=params["LayerName"] in self.built
        )
        self.versions[layer.arn] = layer
        return _shown(layer)

    def _layer(self, arn: str) -> Layer:
        layer = self.versions.get(arn)
        if layer is None:
            raise errors.not_found("The resource you requested does not exist.")
        return layer

    def get_layer_version(self, params: Params, caller: Caller) -> Response:
        """One version."""
        return _shown(self._layer(f"{self._arn(params['LayerName'], caller)}:{params['VersionNumber']}"))

    def get_layer_version_by_arn(self, params: Params, caller: Caller) -> Response:
        """One version by its ARN."""
        return _shown(self._layer(params["Arn"]))

    def delete_layer_version(self, params: Params, caller: Caller) -> Response:
        """Functions that use it keep it."""
        self.versions.pop(f"{self._arn(params['LayerName'], caller)}:{params['VersionNumber']}", None)
        return {}

    def list_layer_versions(self, params: Params, caller: Caller) -> Response:
        """The versions of a layer, newest first."""
        base = self._arn(params["LayerName"], caller)
        found = [layer for layer in self.versions.values() if layer.arn.rpartition(":")[0] == base]
        return paged("LayerVersions", [_listed(layer) for layer in reversed(found)], params)

    def list_layers(self, params: Params, caller: Caller) -> Response:
        """The latest version of each layer."""
        latest: dict[str, Layer] = {layer.arn.rpartition(":")[0]: layer for layer in self.versions.values()}
        entries = [
            {"LayerName": arns.last(base), "LayerArn": base, "LatestMatchingVersion": _listed(layer)}
            for base, layer in sorted(latest.items())
        ]
        return paged("Layers", entries, params)

    def snapshot(self) -> Any:
        """All layers."""
        return dict(self.versions), dict(self._numbers), dict(self.registered), self.built

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        *parts, self.built = state
        self.versions, self._numbers, self.registered = (dict(part) for part in parts)


def _listed(layer: Layer) -> Response:
    return {
        "LayerVersionArn": layer.arn, "Version": layer.number, "CreatedDate": layer.created, **layer.given,
    }  # fmt: skip


def _shown(layer: Layer) -> Response:
    return {
        "LayerArn": layer.arn.rpartition(":")[0],
        **_listed(layer),
        "Content": {"Location": "", "CodeSha256": layer.code.sha256, "CodeSize": layer.code.size},
    }
