"""The errors of SQS: the code that botocore shows and the shape behind it (query-compatible JSON)."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError

_NAMESPACE = "AWS.SimpleQueueService."


def namespaced(shape: str, message: str, status: int = 400) -> ServiceError:
    """An error whose query code carries SQS's old namespace."""
    return ServiceError(_NAMESPACE + shape, message, status=status, query_code=shape)


def no_queue() -> ServiceError:
    """The queue does not exist."""
    return ServiceError(
        f"{_NAMESPACE}NonExistentQueue",
        "The specified queue does not exist.",
        query_code="QueueDoesNotExist",
        query_message="The specified queue does not exist for this wsdl version.",
    )


def invalid_value(message: str) -> ServiceError:
    """InvalidParameterValue."""
    return ServiceError("InvalidParameterValue", message, query_code="InvalidParameterValueException")


def invalid(value: object, parameter: str, reason: str) -> ServiceError:
    """InvalidParameterValue in its usual wording."""
    return invalid_value(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing(parameter: str) -> ServiceError:
    """MissingParameter."""
    message = f"The request must contain the parameter {parameter}."
    return ServiceError("MissingParameter", message, query_code="MissingRequiredParameterException")


def attribute_name(message: str) -> ServiceError:
    """InvalidAttributeName."""
    return ServiceError("InvalidAttributeName", message, query_code="InvalidAttributeName")


def attribute_value(name: str, reason: str = "") -> ServiceError:
    """InvalidAttributeValue."""
    message = f"Invalid value for the parameter {name}." + (f" Reason: {reason}" if reason else "")
    return ServiceError("InvalidAttributeValue", message, query_code="InvalidAttributeValue")


def bad_receipt(handle: str) -> ServiceError:
    """The receipt handle was never given out."""
    message = f'The input receipt handle "{handle}" is not a valid receipt handle.'
    return ServiceError("ReceiptHandleIsInvalid", message, status=404, query_code="ReceiptHandleIsInvalid")


def contents() -> ServiceError:
    """The body has a character outside of XML 1.0."""
    message = (
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
        "#xE000 to #xFFFD | #x10000 to #x10FFFF"
    )
    return ServiceError("InvalidMessageContents", message, query_code="InvalidMessageContents")
