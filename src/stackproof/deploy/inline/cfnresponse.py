"""What ``import cfnresponse`` gives an inline function: answers to CloudFormation.

Source: CloudFormation user guide, "cfn-response module" (its names and parameters).
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event: Any,
    context: Any,
    responseStatus: str,  # noqa: N803 - the documented name
    responseData: Any,  # noqa: N803 - the documented name
    physicalResourceId: str | None = None,  # noqa: N803 - the documented name
    noEcho: bool = False,  # noqa: N803 - the documented name
    reason: str | None = None,
) -> None:
    """Answer a request of CloudFormation; failing to is only printed."""
    where = f"See the details in CloudWatch Log Stream: {context.log_stream_name}"
    answer = {
        "Status": responseStatus,
        "Reason": reason or where,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(answer).encode(), headers={"content-type": ""}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request) as response:
            sys.stdout.write(f"Status code: {response.status}\n")
    except OSError as error:
        sys.stdout.write(f"send(..) failed: {error}\n")
