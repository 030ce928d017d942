"""Which runtimes AWS lets a function have on a date.

The names are those of the provider's schema, the dates those that cfn-lint ships (Lambda developer guide,
"Lambda runtimes"). A runtime that AWS does not know fails the deployment, and so does one that AWS creates
no functions with any more - unless it is a Python 3: the interpreter here runs its functions, and a remark
says what AWS would say.
"""

from __future__ import annotations

from stackproof import schemas
from stackproof.deploy.handler import Job, Refused

_RUN_HERE = "python3."


def check(job: Job, runtime: str) -> None:
    """Refuse a runtime, or remark on it. ``job.before`` is None when the function is new. Raises Refused."""
    names = _known()
    if not names or runtime.startswith("arn:"):
        return
    today = job.backend.now()[:10]
    if runtime not in names:
        allowed = ", ".join(name for name in names if not _blocked(name, today, "create-block"))
        raise Refused(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{allowed}] or be a valid ARN ({_call(job)}: InvalidParameterValueException)"
        )
    dates = schemas.lambda_runtimes().get(runtime, {})
    blocked = _blocked(runtime, today, "create-block" if job.before is None else "update-block")
    if blocked and not runtime.startswith(_RUN_HERE):
        raise Refused(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            f"functions. We recommend you use the new runtime ({dates.get('successor')}) while creating or "
            f"updating functions. ({_call(job)}: InvalidParameterValueException)"
        )
    deprecated, block = dates.get("deprecated"), dates.get("create-block")
    if blocked:
        job.remark(f"AWS creates no functions with {runtime} since {block}: Python 3 of this machine runs it")
    elif deprecated and deprecated <= today:
        until = f", and creates no functions with it from {block}" if block else ""
        job.remark(f"AWS deprecated {runtime} on {deprecated}{until}")


def _call(job: Job) -> str:
    return "CreateFunction" if job.before is None else "UpdateFunctionConfiguration"


def _blocked(runtime: str, today: str, what: str) -> bool:
    date = schemas.lambda_runtimes().get(runtime, {}).get(what)
    return date is not None and date <= today


def _known() -> list[str]:
    """Every runtime there ever was, sorted; none when nobody can say."""
    declared = schemas.attribute("AWS::Lambda::Function", "Runtime") or {}
    return sorted({*declared.get("enum", ()), *schemas.lambda_runtimes()}) if declared.get("enum") else []
