"""Hooks into moto: its state without its mocks, one set of backends for each world."""

from __future__ import annotations

import copy
import re
from functools import cache
from typing import Any

from stackproof.backends.compat import copies, documents, entropy, s3
from stackproof.fabric.service import Params, Response

ACCOUNT_HEADER = "x-moto-account-id"


@cache
def _stubber() -> Any:
    from moto.core.botocore_stubber import BotocoreStubber

    return BotocoreStubber()


def quiet() -> None:
    """Switch off what moto does besides keeping state: the list of all instances ever made."""
    from moto.core import common_models

    if getattr(common_models.BaseModel, "_stackproof_quiet", False):
        return

    def _new(cls: type, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)

    _load_outside()
    common_models.BaseModel.__new__ = _new  # type: ignore[method-assign]
    common_models.BaseModel._stackproof_quiet = True  # type: ignore[attr-defined]


def _load_outside() -> None:
    """moto draws ids while its services are imported, at the first call of one: not from the world's seed, or
    the first world of a process would differ from the next ones."""
    import moto.backends

    load: Any = moto.backends.get_backend
    loaded: set[str] = set()

    def get_backend(name: str) -> Any:
        if name in loaded:
            return load(name)
        with entropy.outside():
            found = load(name)
        loaded.add(name)
        return found

    moto.backends.get_backend = get_backend


def respond(request: Any, account: str) -> Any:
    """moto's answer to a prepared botocore request, as botocore's transport would give it."""
    from botocore.awsrequest import AWSResponse
    from moto.core.botocore_stubber import MockRawResponse

    request.headers[ACCOUNT_HEADER] = account
    s3.mend()
    answer = _stubber().process_request(request)
    if answer is None:
        answer = (404, {}, b"")
    status, headers, body = answer
    return AWSResponse(request.url, status, headers, MockRawResponse(body))


def seed(value: int) -> None:
    """Seed the generator that moto draws its ids from."""
    from moto.moto_api._internal import mock_random

    mock_random.seed(value)


def _random_state() -> Any:
    from moto.moto_api._internal import mock_random

    return mock_random.getstate()


Backends = dict[Any, dict[str, Any]]


def take_out() -> Backends:
    """Take the state of every moto backend out of the process: the process has an empty moto then."""
    from moto.core.base_backend import BackendDict

    taken = {holder: dict.copy(holder) for holder in BackendDict._instances}  # type: ignore[misc]
    for holder in taken:
        dict.clear(holder)
        s3.own_names(holder)
    BackendDict._instances.clear()  # type: ignore[misc]
    return taken


def put_in(backends: Backends) -> None:
    """Put what ``take_out`` or ``copied`` gave in place of what is there."""
    from moto.core.base_backend import BackendDict

    take_out()
    for holder, accounts in backends.items():
        dict.update(holder, accounts)
        s3.own_names(holder)
        BackendDict._instances.append(holder)  # type: ignore[misc]


def copied() -> tuple[Backends, Any]:
    """A data-only copy of every backend, and the state of moto's generator."""
    from moto.core.base_backend import BackendDict

    memo: dict[int, Any] = {}
    holders = list(BackendDict._instances)  # type: ignore[misc]
    for holder in holders:
        memo[id(holder)] = holder
    taken = {holder: dict.copy(holder) for holder in holders}
    return _copies(taken, memo), _random_state()


def _copies(taken: Backends, memo: dict[int, Any]) -> Backends:
    for holder, accounts in taken.items():
        copies.shared(holder, accounts, memo)
    return {holder: _copy(accounts, memo) for holder, accounts in taken.items()}


def _copy(accounts: dict[str, Any], memo: dict[int, Any]) -> dict[str, Any]:
    return {name: _copy_account(account, memo) for name, account in accounts.items()}


def _copy_account(account: Any, memo: dict[int, Any]) -> Any:
    clone = dict.__new__(type(account))
    clone.__dict__.update(account.__dict__)
    memo[id(account)] = clone
    for region, backend in dict.items(account):
        dict.__setitem__(clone, region, copy.deepcopy(backend, memo))
    return clone


def put_copy(state: tuple[Backends, Any]) -> None:
    """Put a copy of a copy in place, so that the copy can be restored again."""
    from moto.moto_api._internal import mock_random

    backends, random_state = state
    memo: dict[int, Any] = {id(holder): holder for holder in backends}
    put_in(_copies(backends, memo))
    mock_random.setstate(random_state)


# DynamoDB without HTTP.

DYNAMO_OPERATIONS = {
    "PutItem": "put_item",
    "GetItem": "get_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "Query": "query",
    "Scan": "scan",
    "BatchWriteItem": "batch_write_item",
    "BatchGetItem": "batch_get_item",
    "TransactWriteItems": "transact_write_items",
}


class DynamoRefused(Exception):
    """moto raised: ask again over the long way, which words the error."""


def put(params: Params, account: str, region: str) -> bool:
    """The quickest way of a put: whether the item is stored. It reads no clock and tells no stream.

    It has looked then at all that ``documents.check`` looks at.
    """
    table = _bare_put(params, account, region)
    return table is not None and _put_simple(table, params["Item"])


def dynamo(operation: str, params: Params, account: str, region: str) -> Response:
    """A data-plane call straight into moto's handler; ``DynamoRefused`` when it raised.

    Raises ``ServiceError`` for what DynamoDB refuses and moto does not, or falls over.
    """
    documents.check(params)
    if operation == "PutItem" and (table := _bare_put(params, account, region)) is not None:
        try:
            if _plain_values(params["Item"]):
                table.put_item(plain(params["Item"]), overwrite=True)
                return {}
        except Exception as error:
            raise DynamoRefused(str(error)) from error
    from moto.dynamodb.responses import DynamoHandler

    handler = DynamoHandler()
    # A copy: moto keeps the very list of a set that it is given, and takes members out of it.
    handler.body = handler.params = plain(params)
    handler.current_account = account
    handler.region = region
    handler.headers = {}
    try:
        result = getattr(handler, DYNAMO_OPERATIONS[operation])().result
    except Exception as error:
        refusal = documents.malformed(params, error)
        if refusal is not None:
            raise refusal from error
        raise DynamoRefused(str(error)) from error
    answer: Response = plain(result)
    return documents.asked_for(params, answer)


_PLAIN_TYPES = frozenset(("S", "N", "BOOL"))


def _bare_put(params: Params, account: str, region: str) -> Any:
    """The table of a put that needs nothing but the put: no condition, no return."""
    if len(params) != 2 or "Item" not in params:
        return None
    regions = dict.get(_dynamo().backends, account)
    backend = dict.get(regions, region) if regions is not None else None
    return None if backend is None else backend.tables.get(params["TableName"])


def _plain_values(item: dict[str, dict[str, Any]]) -> bool:
    """Whether no value of an item is odd."""
    for value in item.values():
        if len(value) != 1:
            return False
        ((kind, content),) = value.items()
        if kind not in _PLAIN_TYPES or content == "":
            return False
    return True


_SMALL, _FEW = 256, 64
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,38}", re.ASCII).fullmatch


def _put_simple(table: Any, item: dict[str, dict[str, Any]]) -> bool:
    """Store an item that every check of moto's ``put_item`` passes; False, with nothing done, if unsure.

    moto measures the whole item again for each attribute. Here an item has few small plain values, the
    keys have their types, and no stream and no index looks on.
    """
    if table.stream_shard is not None or table.global_indexes or len(item) > _FEW:
        return False
    types = _dynamo()
    kept = dict.__new__(types.attributes)
    for name, value in item.items():
        if len(value) != 1 or len(name) > _SMALL:
            return False
        ((kind, content),) = value.items()
        if kind == "S":
            if type(content) is not str or not 0 < len(content) <= _SMALL:
                return False
        elif kind == "N":
            if type(content) is not str or not _WHOLE_NUMBER(content):
                return False
        elif kind != "BOOL":
            return False
        made = object.__new__(types.value)
        made.type, made.value = kind, content
        dict.__setitem__(kept, name, made)
    first, range_key = kept.get(table.hash_key_attr), table.range_key_attr
    second = None if range_key is None else kept.get(range_key)
    if first is None or first.type != table.hash_key_type:
        return False
    if range_key is not None and (second is None or second.type != table.range_key_type):
        return False
    stored: Any = object.__new__(types.item)
    stored.hash_key, stored.range_key, stored.attrs = first, second, kept
    if second is None:
        table.items[first] = stored
    else:
        table.items[first][second] = stored
    return True


class _Dynamo:
    """moto's classes, looked up once: the holder of backends, an item, its attributes, a value."""

    def __init__(self) -> None:
        from moto.dynamodb.models import dynamo_type, dynamodb_backends

        self.backends: Any = dynamodb_backends
        self.item: Any = dynamo_type.Item
        self.attributes: Any = dynamo_type.LimitedSizeDict
        self.value: Any = dynamo_type.DynamoType


_dynamo = cache(_Dynamo)


def plain(value: Any) -> Any:
    """A deep copy of JSON-like data: what the caller gets is not moto's own."""
    kind = type(value)
    if kind is dict:
        return {key: plain(item) for key, item in value.items() if item is not None}
    if kind is list or kind is tuple:
        return [plain(item) for item in value]
    return value
