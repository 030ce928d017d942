"""Counts of words in a table: what one message adds, it adds once."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import boto3
from botocore.exceptions import ClientError

# A transaction takes 100 items, and one of them remembers the message.
WORDS_A_TRANSACTION = 99
READS_A_REQUEST = 100
# The longest partition key of DynamoDB, in bytes.
LONGEST_WORD = 2048
# Slack and SNS give up long before this.
REMEMBERED_SECONDS = 30 * 24 * 3600
ATTEMPTS = 6

client = boto3.client("dynamodb")


def words(text: str) -> Counter[str]:
    """How often each word stands in a text. Raises ``ValueError`` for a word that no table can hold."""
    found = Counter(text.split())
    for word in found:
        if len(word.encode()) > LONGEST_WORD:
            raise ValueError(f"a word of more than {LONGEST_WORD} bytes cannot be counted")
    return found


def add(counter: str, message: str, found: Mapping[str, int], amount: int) -> None:
    """Add ``amount`` for every occurrence of a word, once for this counter and message.

    The words and the memory of the message change in one transaction (one for every 99 words): a second
    delivery, or one after a crash between two transactions, adds only what is missing.
    """
    for number, part in enumerate(_parts(sorted(found.items()), WORDS_A_TRANSACTION)):
        remember = {
            "Put": {
                "TableName": os.environ["COUNTED_TABLE"],
                "Item": {
                    "id": {"S": f"{counter} {message} {number}"},
                    "expires": {"N": str(int(time.time()) + REMEMBERED_SECONDS)},
                },
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        _write([remember, *(_addition(word, times * amount) for word, times in part)])


def read(found: Iterable[str]) -> dict[str, int]:
    """The count of each word, in the order asked for."""
    table = os.environ["DYNAMO_TABLE"]
    counts: dict[str, int] = {}
    wanted = list(found)
    for part in _parts(wanted, READS_A_REQUEST):
        request: dict[str, Any] = {
            table: {"Keys": [{"word": {"S": word}} for word in part], "ConsistentRead": True}
        }
        while request:
            answer = client.batch_get_item(RequestItems=request)
            for item in answer["Responses"][table]:
                counts[item["word"]["S"]] = int(item["seen"]["N"])
            request = answer.get("UnprocessedKeys", {})
    return {word: counts[word] for word in wanted}


def _addition(word: str, amount: int) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": os.environ["DYNAMO_TABLE"],
            "Key": {"word": {"S": word}},
            "UpdateExpression": "ADD seen :amount",
            "ExpressionAttributeValues": {":amount": {"N": str(amount)}},
        }
    }


def _write(items: list[dict[str, Any]]) -> None:
    """Write all or nothing; two messages with a common word may meet, and then one of them waits."""
    for attempt in range(ATTEMPTS):
        try:
            client.transact_write_items(TransactItems=items)
        except client.exceptions.TransactionCanceledException as error:
            reasons = [reason["Code"] for reason in error.response["CancellationReasons"]]
            if reasons[0] == "ConditionalCheckFailed":
                return
            if "TransactionConflict" not in reasons or attempt == ATTEMPTS - 1:
                raise
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionInProgressException" or attempt == ATTEMPTS - 1:
                raise
        else:
            return
        time.sleep(random.uniform(0.5, 1) * 0.05 * 2**attempt)


def _parts(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
