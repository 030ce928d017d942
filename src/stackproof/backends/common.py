"""What backends with a world share: who calls, clients, code folders, the names of things."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stackproof.backends.compat import boto, clients, holding
from stackproof.backends.packing import packed, packed_folder
from stackproof.errors import CallNotEmulated
from stackproof.fabric import registry
from stackproof.fabric.service import Caller, Params, Response
from stackproof.fabric.tasks import current
from stackproof.fabric.world import World

FAKE_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "stackproof",
    "AWS_SESSION_TOKEN": "stackproof",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
_HIDDEN = ("AWS_", "BOTO_")
_SEEN = ("AWS_LAMBDA_",)
"""What a test sets for code that it calls itself, outside of a function."""


def whoami(caller: Caller) -> Response:
    """GetCallerIdentity's answer to the session of a role."""
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


class WorldBackend:
    """The part of ``backends.base.Backend`` that depends on the world only."""

    world: World
    _actor = "test"

    def __init__(self) -> None:
        self._callers: dict[tuple[str, str], Caller] = {}
        self.refusals: list[str] = []
        self.missing: list[str] = []

    @property
    def account(self) -> str:
        """The world's account."""
        return self.world.account

    @property
    def region(self) -> str:
        """The world's region."""
        return self.world.region

    def now(self) -> str:
        """The world's time."""
        return self.world.clock.iso()

    def client(self, service: str, *, region: str = "", account: str = "") -> Any:
        """A boto3 client of this world; shared, so do not register event handlers on it."""
        return clients.client(service, region or self.world.region, account or self.world.account)

    def caller_of(self, client: Any) -> Caller:
        """Who calls through ``client``: the running task, or the account that is its access key."""
        region = client.meta.region_name or self.world.region
        if region.startswith("aws-") and region.endswith("global"):
            region = self.world.region
        task = current()
        if task is not None and task.identity is not None:
            identity: Caller = task.identity
            return identity if identity.region == region else identity.to(region)
        key = boto.access_key(client)
        known = self._callers.get((key, region))
        if known is None:
            account = key if len(key) == 12 and key.isdigit() else self.world.account
            known = self._callers[key, region] = self.world.caller(account, region, actor=self._actor)
        return known

    def note_refusal(self, host: str) -> None:
        """A connection was refused: the journal has it, and so has the test when a task wanted it."""
        task = current()
        actor = task.identity.actor if task is not None and task.identity is not None else "test"
        self.world.journal.record(actor, "net.Refused", host)
        if task is not None:
            self.refusals.append(f"{actor} wanted a connection to {host}")

    def wanted(self) -> list[str]:
        """What tasks wanted beyond loopback, one line each: refused by Python's sockets or by the kernel."""
        self.refusals += holding.refused()
        return self.refusals

    def note_missing(self, error: CallNotEmulated, caller: Caller) -> None:
        """A task called what nobody emulates: its code may handle the error, and the test must know."""
        if current() is not None:
            self.missing.append(f"{caller.actor}: {error}")

    def asked(
        self,
        service: str,
        operation: str,
        params: Params,
        caller: Caller,
        perform: Callable[[Callable[[], Response], Caller], Response],
    ) -> Response:
        """A call of the fabric itself to the state behind: ``perform`` is given botocore's own call.

        Raises ``ServiceError`` where AWS answers with an error.
        """
        client = self.client(service, region=caller.region, account=caller.account)
        send = boto.original_call()
        try:
            response = perform(lambda: send(client, operation, params), caller)
        except Exception as error:
            answer = boto.aws_error(error)
            if answer is None:
                raise
            raise answer from error
        response.pop("ResponseMetadata", None)
        return response

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Calls of the test's thread stand in the journal as made by ``actor``."""
        before = self._actor, self._callers
        self._actor, self._callers = actor, {}
        try:
            yield
        finally:
            self._actor, self._callers = before

    def code(self, kind: str, name: str, folder: Path | None) -> dict[str, Any]:
        """Let the fabric load a function or a layer straight from its folder; None forgets the folder."""
        service = self.world.service("lambda") if "lambda" in registry.names() else None
        holder = getattr(service, "code" if kind == "function" else "layers", None)
        if holder is None:
            return {} if folder is None else {"ZipFile": packed_folder(folder)}
        if folder is None:
            holder.registered.pop(name, None)
            return {}
        if kind == "built layer":
            holder.register(name, folder, built=True)
        else:
            holder.register(name, folder)
        return {"ZipFile": packed({"README": b"loaded from its folder"})}

    def end_tasks(self) -> None:
        """Kill what still runs."""
        for task in list(self.world.scheduler.open_tasks.values()):
            self.world.scheduler.abandon(task)

    def environment(self) -> Callable[[], None]:
        """Put fake credentials into the process's environment until the answer is called.

        Every other variable of AWS's (profiles, endpoints, roles, certificates) is out of sight meanwhile:
        no SDK may read the machine's own files or ask for real credentials.
        """
        fake = {**FAKE_ENVIRONMENT, "AWS_ACCESS_KEY_ID": self.world.account}
        fake["AWS_DEFAULT_REGION"] = fake["AWS_REGION"] = self.world.region
        others = [name for name in os.environ if name.startswith(_HIDDEN) and not name.startswith(_SEEN)]
        before = {name: os.environ.get(name) for name in (*fake, *others)}
        for name in others:
            del os.environ[name]
        os.environ.update(fake)

        def end() -> None:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

        return end
