"""Each private hook still is where this version of its library has it."""

from __future__ import annotations

import queue
import random
import threading
import time

import pytest


def test_botocore_has_the_hooks() -> None:
    from botocore.client import BaseClient
    from botocore.endpoint import Endpoint
    from botocore.validate import ParamValidationDecorator, ParamValidator

    assert callable(BaseClient._make_api_call)
    assert callable(BaseClient._emit_api_params)
    assert callable(Endpoint._send)
    assert callable(ParamValidator.validate)
    assert issubclass(ParamValidationDecorator, object)


def test_a_client_has_signer_and_serializer() -> None:
    from stackproof.backends.compat import boto, clients

    client = clients.client("sqs", "us-east-1", "123456789012")
    assert boto.access_key(client) == "123456789012"
    assert client._serializer is not None


def test_moto_has_the_hooks() -> None:
    from moto.core.base_backend import BackendDict
    from moto.core.botocore_stubber import BotocoreStubber
    from moto.core.common_models import BaseModel
    from moto.core.responses import BaseResponse
    from moto.dynamodb.responses import DynamoHandler
    from moto.moto_api._internal import mock_random
    from moto.s3.models import FakeBucket, s3_backends

    from stackproof.backends.compat import moto

    assert isinstance(BackendDict._instances, list)
    assert callable(BotocoreStubber.process_request)
    assert "__new__" in vars(BaseModel)
    assert callable(BaseResponse.get_current_account)
    assert callable(mock_random.seed)
    assert callable(FakeBucket._log_permissions_enabled_policy)
    assert callable(FakeBucket.get_permission)
    assert isinstance(s3_backends.bucket_accounts, dict)
    for method in moto.DYNAMO_OPERATIONS.values():
        assert callable(getattr(DynamoHandler, method))


@pytest.mark.parametrize("name", ["_allocate_lock", "Lock", "RLock", "Condition", "Thread"])
def test_threading_has_the_hooks(name: str) -> None:
    assert hasattr(threading, name)


def test_random_draws_through_urandom() -> None:
    assert callable(random._urandom)
    assert callable(queue.SimpleQueue)


def test_time_machine_freezes_and_lets_go() -> None:
    import time_machine

    travel = time_machine.travel(1_000_000.0, tick=False)
    traveller = travel.start()
    assert time.time() == 1_000_000
    traveller.move_to(2_000_000.0)
    assert time.time() == 2_000_000
    travel.stop()
    assert time.time() > 1_500_000_000
