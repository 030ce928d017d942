"""Which runtime runs a version: one line a runtime family."""

from __future__ import annotations

from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.functions.environment import Environment
from stackproof.fabric.functions.python import PythonRuntime


def runtime_of(environment: Environment) -> Any:
    """The runtime for an environment; raises CapabilityMissing when nothing here can run it."""
    config = environment.version.config
    name = str(config.get("Runtime", ""))
    if name.startswith("python"):
        return PythonRuntime(environment)
    if name.startswith("nodejs"):
        from stackproof.fabric.functions.node import NodeRuntime

        return NodeRuntime(environment)
    what = f"runtime {name}" if name else "container images"
    raise CapabilityMissing(f"not emulated: {what} (function {config['FunctionName']})")
