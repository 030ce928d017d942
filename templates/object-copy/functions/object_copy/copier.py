"""Copy the objects whose names the topic tells; told twice, they are copied once."""

from __future__ import annotations

import json
import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from objects import copy, heard

logger = Logger()


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """A copy that fails raises: the message comes again, and at last it is set aside."""
    for record in event["Records"]:
        item = heard(json.loads(record["Sns"]["Message"]))
        copied = copy(os.environ["SOURCE_BUCKET"], os.environ["DESTINATION_BUCKET"], item)
        logger.info("done", extra={"key": item.key, "copied": copied})
