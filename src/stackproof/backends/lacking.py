"""What moto has not got, said by name instead of as a 404, a missing module or an error of Python.

A service or an operation that nobody here emulates may still be answered: by an HTTP double of its
endpoint, ``fabric.http.double("https://translate.eu-west-1.amazonaws.com", {"TranslatedText": "Hallo"})``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stackproof.errors import CallNotEmulated
from stackproof.fabric.service import Response

_UNKNOWN = ("", "Not Found", "Not yet implemented")
"""What the errors of botocore say when moto answers that it has no such service or operation."""


def named(client: Any, operation: str, original: Callable[[], Response]) -> Callable[[], Response]:
    """``original``, which raises ``CallNotEmulated`` where moto says that it lacks something."""

    def call() -> Response:
        from botocore.exceptions import ClientError

        if client.meta.service_model.service_name == "apigatewaymanagementapi":
            raise _missing(client, operation, "nobody can connect to a WebSocket API")
        try:
            return original()
        except ModuleNotFoundError as error:
            raise _missing(client, operation, f"it needs the package '{error.name}'") from error
        except AssertionError as error:  # how moto's parsers give up (a PartiQL statement, for one)
            raise _missing(client, operation, "moto cannot read what it was given") from error
        except NotImplementedError as error:
            raise _missing(client, operation, str(error)) from error
        except ClientError as error:
            told = error.response.get("Error", {})
            if str(told.get("Code")) == "404" and str(told.get("Message", "")) in _UNKNOWN:
                if operation.startswith("Head"):  # an answer without a body: what was asked for is not there
                    raise
                raise _missing(client, operation, "") from error
            raise

    return call


def _missing(client: Any, operation: str, why: str) -> CallNotEmulated:
    service, endpoint = client.meta.service_model.service_name, client.meta.endpoint_url
    return CallNotEmulated(
        f"not emulated: {service}.{operation}{f' ({why})' if why else ''}",
        hint=f'to answer it in a test: fabric.http.double("{endpoint}", …)',
    )
