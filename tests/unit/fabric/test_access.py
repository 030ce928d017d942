"""Resource policies: which statements let a service in."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.fabric.access import Visit, allows

QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
BUCKET = "arn:aws:s3:::buck"
VISIT = Visit("s3.amazonaws.com", "sqs:SendMessage", QUEUE, BUCKET, "123456789012")


def statement(**changes: Any) -> dict[str, Any]:
    base = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


OPEN = {
    "as written": {},
    "everybody": {"Principal": "*"},
    "every account": {"Principal": {"AWS": "*"}},
    "one of many services": {"Principal": {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}},
    "any action of the service": {"Action": ["sqs:Get*", "SQS:*"]},
    "a part of the name": {"Resource": "arn:aws:sqs:*:*:?"},
    "without a resource": {"Resource": None},
    "all but another action": {"Action": None, "NotAction": "sqs:ReceiveMessage"},
    "of this bucket": {"Condition": {"ArnEquals": {"aws:SourceArn": BUCKET}}},
    "of buckets like it": {
        "Condition": {"ArnLike": {"AWS:SourceArn": ["arn:aws:s3:::x", "arn:*:s3:*:*:b*"]}}
    },
    "of this account": {"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}},
    "if there is such a key": {"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}},
    "not of another": {"Condition": {"StringNotEquals": {"aws:SourceAccount": ["1", "2"]}}},
    "without a key": {"Condition": {"Null": {"aws:PrincipalOrgID": "true"}}},
}
SHUT = {
    "another service": {"Principal": {"Service": "sns.amazonaws.com"}},
    "an account": {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
    "another action": {"Action": "sqs:ReceiveMessage"},
    "another resource": {"Resource": f"{QUEUE}2"},
    "all but this action": {"Action": None, "NotAction": "sqs:Send*"},
    "another bucket": {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}},
    "another account": {"Condition": {"StringEquals": {"aws:SourceAccount": "210987654321"}}},
    "one of two conditions fails": {
        "Condition": {
            "ArnLike": {"aws:SourceArn": BUCKET},
            "StringEquals": {"aws:SourceAccount": "210987654321"},
        }
    },
    "a key that is not there": {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
    "an operator nobody knows": {"Condition": {"MoonIs": {"aws:SourceArn": BUCKET}}},
    "in the clear only": {"Condition": {"Bool": {"aws:SecureTransport": False}}},
    "a denial": {"Effect": "Deny"},
}


@pytest.mark.parametrize("changes", OPEN.values(), ids=OPEN)
def test_it_lets_in(changes: dict[str, Any]) -> None:
    assert allows({"Statement": [statement(**changes)]}, VISIT)


@pytest.mark.parametrize("changes", SHUT.values(), ids=SHUT)
def test_it_does_not_let_in(changes: dict[str, Any]) -> None:
    assert not allows({"Statement": [statement(**changes)]}, VISIT)


def test_a_denial_wins() -> None:
    denial = statement(Effect="Deny", Principal="*", Action="sqs:*")
    assert not allows({"Statement": [statement(), denial]}, VISIT)
    insecure = {**denial, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert allows({"Statement": [statement(), insecure]}, VISIT)


def test_nothing_said_is_nothing_allowed() -> None:
    assert not allows(None, VISIT)
    assert not allows({}, VISIT)
    assert allows({"Statement": statement()}, VISIT)
