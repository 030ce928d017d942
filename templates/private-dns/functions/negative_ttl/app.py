"""Set the time to live of a zone's SOA record: how long resolvers remember that a name is unknown.

Resolvers keep such an answer for the smaller of the record's own time to live and its last number (RFC 2308);
Route 53 makes zones with 900 and 86,400 seconds. The record belongs to the zone, so CloudFormation can
neither create nor delete it: this function changes it, and leaves it when the zone goes.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
names = boto3.client("route53")


def set_negative_ttl(zone: str, name: str, seconds: int) -> None:
    """Write the SOA record with both numbers; its serial and the rest stay."""
    absolute = name.rstrip(".") + "."
    answer = names.list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=absolute, StartRecordType="SOA", MaxItems="1"
    )
    (found,) = [
        one for one in answer["ResourceRecordSets"] if one["Type"] == "SOA" and one["Name"] == absolute
    ]
    *head, _ = found["ResourceRecords"][0]["Value"].split()
    record = {
        "Name": absolute,
        "Type": "SOA",
        "TTL": seconds,
        "ResourceRecords": [{"Value": " ".join([*head, str(seconds)])}],
    }
    changes = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    names.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)


def answer(event: dict[str, Any], status: str, reason: str) -> None:
    """Tell CloudFormation: it waits for this, also when something went wrong."""
    given = event["ResourceProperties"]
    body = json.dumps(
        {
            "Status": status,
            "Reason": reason,
            "PhysicalResourceId": event.get("PhysicalResourceId") or f"negative-ttl-{given.get('ZoneId')}",
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
        }
    ).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """A request of CloudFormation."""
    try:
        if event["RequestType"] != "Delete":
            given = event["ResourceProperties"]
            set_negative_ttl(given["ZoneId"], given["ZoneName"], int(given["Seconds"]))
    except Exception as error:
        logger.exception("the SOA record was not changed")
        answer(event, "FAILED", f"{type(error).__name__}: {error}")
        return
    answer(event, "SUCCESS", "")
