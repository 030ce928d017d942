"""What a service of the fabric is. A new service is a new file and a line in ``registry.SERVICES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Params = dict[str, Any]
Response = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: account, region, the principal's ARN, and the name in the journal.

    ``service`` is set when an AWS service calls on its own behalf (``sns.amazonaws.com``).
    ``source_arn`` is then the resource it calls for. ``dry`` calls leave no journal entry.
    """

    account: str
    region: str
    arn: str = ""
    actor: str = "test"
    service: str = ""
    source_arn: str = ""
    user_id: str = "AIDAIENQZJOLO23YVJ4VO"

    def to(self, region: str, account: str = "") -> Caller:
        """The same caller in another region or account."""
        return Caller(
            account or self.account, region, self.arn, self.actor, self.service, self.source_arn, self.user_id
        )


Operation = Callable[[Params, Caller], Response]
Around = Callable[[Params, Caller, Operation], Response]
"""Does something before or after an operation that the state behind performs (its third argument)."""


class ServiceError(Exception):
    """An error answer of AWS.

    ``code`` is what botocore shows as ``Error.Code``; ``query_code`` the modelled shape's name where
    the service is query-compatible (botocore's ``QueryErrorCode``). ``status`` is the HTTP status,
    ``fault`` ``Sender`` or ``Receiver``; ``extra`` are further members of the error shape,
    ``query_message`` the wording over the older query protocol where it differs.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        query_code: str = "",
        fault: str = "Sender",
        extra: Mapping[str, Any] | None = None,
        query_message: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.query_code = query_code
        self.fault = fault
        self.extra = dict(extra or {})
        self.query_message = query_message or message


class Service(Protocol):
    """A service: one instance serves all accounts and regions of a world.

    Its class is called with the ``World``. ``operations`` maps the API's operation names
    (``SendMessage``) to methods; operations that are absent go to the state behind (moto).
    Params arrive validated by botocore's own validator; the response is the parsed output without
    ``ResponseMetadata``. Actions given to the scheduler must be methods of the service with immutable
    arguments (names, ARNs), and ``restore`` must change the service in place.

    A service may have ``around``: operation name to ``Around``, for operations that the state behind
    performs and that move something afterwards (an object was written, an item changed).
    """

    name: str

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Operation name to method."""
        ...

    def snapshot(self) -> Any:
        """The state, as data that later changes do not touch."""
        ...

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place; the same snapshot may be restored many times."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way from one resource to another.

    ``source`` is the ARN it comes from; ``body`` text. ``attributes`` are message attributes in
    boto3's shape (``DataType``, ``StringValue``, ``BinaryValue``); ``group`` and ``deduplication``
    are for FIFO queues; ``trace`` is an AWSTraceHeader; ``context`` is free for the two services.
    """

    source: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    group: str = ""
    deduplication: str = ""
    trace: str = ""
    principal: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


THROTTLES = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
        "RequestThrottled", "RequestLimitExceeded", "ProvisionedThroughputExceededException", "SlowDown",
        "LimitExceededException",
    }
)  # fmt: skip
"""Error codes that mean: later."""


class Undeliverable(Exception):
    """A receiver refuses a delivery.

    ``retry``: it can succeed later, ``after`` seconds at the earliest; ``code``: the AWS error's.
    """

    def __init__(self, reason: str, *, retry: bool = False, code: str = "", after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.code = code
        self.after = after

    @classmethod
    def refused(cls, error: ServiceError) -> Undeliverable:
        """What an API call of the delivery was refused with; faults and throttles may pass."""
        later = error.status >= 500 or error.code in THROTTLES
        return cls(error.message, retry=later, code=error.code)


class Receiver(Protocol):
    """Takes deliveries for one kind of ARN (the ARN's third field: ``sqs``, ``lambda``, ``sns``)."""

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Take a delivery; call ``done`` once with None (delivered) or the ``Undeliverable``.

        A queue calls ``done`` at once, a function when its invocation was accepted.
        """
        ...


class State(Protocol):
    """The state behind the fabric (moto), for operations that the fabric does not own."""

    def call(self, service: str, operation: str, params: Params, caller: Caller) -> Response:
        """One API call; raises ``ServiceError``."""
        ...

    def follow(self, table: str, on: bool, caller: Caller) -> None:
        """Tell of every change of a table (its name), whether it has a stream or not; or no longer."""
        ...

    def snapshot(self) -> Any:
        """A data-only copy."""
        ...

    def restore(self, state: Any) -> None:
        """Back to a copy."""
        ...
