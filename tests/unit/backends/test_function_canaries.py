"""The private hooks that functions and their HTTP calls need still are where they were."""

from __future__ import annotations

import http.client
import importlib
import logging
import os
import sys

import pytest


def test_the_interpreter_has_the_hooks() -> None:
    assert isinstance(os.environ._data, dict)
    assert isinstance(logging.root, logging.RootLogger)
    assert isinstance(logging.Logger.manager, logging.Manager)
    assert sys.path_hooks


def test_connections_have_the_hooks() -> None:
    import urllib3.connection

    for kind in (
        http.client.HTTPConnection,
        urllib3.connection.HTTPConnection,
        urllib3.connection.HTTPSConnection,
    ):
        assert callable(kind.connect)
    assert "is_verified" in vars(urllib3.connection.HTTPSConnection("x")) or hasattr(
        urllib3.connection.HTTPSConnection, "is_verified"
    )


def test_moto_asks_for_functions_at_one_place() -> None:
    from moto.awslambda.models import LambdaBackend

    assert callable(LambdaBackend.get_function)


@pytest.mark.parametrize("index", range(3))
def test_powertools_keeps_its_flags_where_they_were(index: int) -> None:
    from stackproof.backends.compat import views

    module, attribute, first = views._SWAPPED[index]
    assert isinstance(getattr(importlib.import_module(module), attribute), type(first()))


@pytest.mark.parametrize("index", range(5))
def test_powertools_keeps_its_mappings_where_they_were(index: int) -> None:
    from stackproof.backends.compat import views

    module, path = views._EMPTIED[index]
    held = importlib.import_module(module)
    for part in path.split("."):
        held = getattr(held, part)
    assert isinstance(held, dict)


def test_the_standard_library_has_its_cache_in_python_too() -> None:
    import functools
    import types

    from stackproof.backends.compat import caches

    before = functools._lru_cache_wrapper
    leave = caches.enter()
    try:
        made = functools.lru_cache(maxsize=1)(abs)
    finally:
        leave()
    assert isinstance(made, types.FunctionType)
    assert [made(-1), made(-1), made.cache_info().hits] == [1, 1, 1]
    assert functools._lru_cache_wrapper is before
    assert sys.modules["_functools"] is not None


def test_moto_reads_and_writes_every_protocol() -> None:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request, determine_request_protocol
    from moto.core.routing import get_service_router
    from moto.core.serialize import SerializationContext, get_serializer_class
    from moto.core.utils import get_service_model

    headers = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}
    request = Request.from_primitives("POST", "https://sqs.us-east-1.amazonaws.com/", headers, b"{}")
    assert determine_request_protocol(get_service_model("sqs"), request.content_type) == "json"
    operation, _ = get_service_router("sqs").match(request)
    made = get_serializer_class("sqs", "json")(operation, SerializationContext("id")).serialize(
        {"QueueUrls": []}
    )
    assert (operation.name, made["body"]) == ("ListQueues", '{"QueueUrls": []}')
    assert set(PROTOCOL_PARSERS) >= {"ec2", "json", "query", "rest-json", "rest-xml"}
