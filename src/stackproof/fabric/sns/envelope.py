"""What SNS sends to an endpoint: the JSON envelope, Lambda's event, HTTP headers."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.sns.model import Publication, Subscription

_CERTIFICATE = "SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"


def notification(publication: Publication, subscription: Subscription, version: str) -> dict[str, Any]:
    """The fields of a notification, in AWS's order. Messages of FIFO topics carry no signature."""
    region = _region(publication.topic)
    fields: dict[str, Any] = {"Type": "Notification", "MessageId": publication.id}
    if publication.sequence:
        fields["SequenceNumber"] = publication.sequence
    fields["TopicArn"] = publication.topic
    if publication.subject is not None:
        fields["Subject"] = publication.subject
    fields["Message"] = publication.text(subscription.protocol)
    fields["Timestamp"] = iso(publication.published_ms)
    if not publication.sequence:
        fields.update(_signed(fields, region, version))
    fields["UnsubscribeURL"] = (
        f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
    )
    if publication.attributes:
        fields["MessageAttributes"] = shown_attributes(publication.attributes)
    return fields


def confirmation(
    subscription: Subscription, kind: str, identifier: str, ms: int, version: str
) -> dict[str, Any]:
    """The fields of a SubscriptionConfirmation or UnsubscribeConfirmation."""
    region = _region(subscription.topic)
    if kind == "SubscriptionConfirmation":
        text = (
            f"You have chosen to subscribe to the topic {subscription.topic}.\nTo confirm the subscription, "
            "visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subscription.arn}.\nTo cancel this operation and "
            "restore the subscription, visit the SubscribeURL included in this message."
        )
    fields: dict[str, Any] = {
        "Type": kind,
        "MessageId": identifier,
        "Token": subscription.token,
        "TopicArn": subscription.topic,
        "Message": text,
        "SubscribeURL": (
            f"https://sns.{region}.amazonaws.com/?Action=ConfirmSubscription&TopicArn={subscription.topic}"
            f"&Token={subscription.token}"
        ),
        "Timestamp": iso(ms),
    }
    return {**fields, **_signed(fields, region, version)}


def _signed(fields: Mapping[str, Any], region: str, version: str) -> dict[str, str]:
    """Signature fields. The signature is a digest, not AWS's: it does not verify against a certificate."""
    text = "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields))
    digest = hashlib.sha512(text.encode()).digest() * 4
    return {
        "SignatureVersion": version,
        "Signature": base64.b64encode(digest).decode(),
        "SigningCertURL": f"https://sns.{region}.amazonaws.com/{_CERTIFICATE}",
    }


def _region(arn: str) -> str:
    parsed = arns.parse(arn)
    return parsed.region if parsed else ""


def shown_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Message attributes as an envelope shows them; binary values in base64."""
    shown = {}
    for name, value in attributes.items():
        data = value.get("BinaryValue")
        text = value.get("StringValue", "") if data is None else base64.b64encode(data).decode()
        shown[name] = {"Type": value["DataType"], "Value": text}
    return shown


def text(fields: Mapping[str, Any]) -> str:
    """The envelope as AWS writes it: one field a line."""
    lines = (f"  {json.dumps(name)} : {_value(value)}" for name, value in fields.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _value(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    lines = (
        f'    {json.dumps(name, ensure_ascii=False)} : {{"Type":{json.dumps(item["Type"])},'
        f'"Value":{json.dumps(item["Value"], ensure_ascii=False)}}}'
        for name, item in value.items()
    )
    return "{\n" + ",\n".join(lines) + "\n  }"


def lambda_event(publication: Publication, subscription: Subscription, version: str) -> str:
    """The event that a function receives. AWS's version field there is always 1 (recorded)."""
    fields = notification(publication, subscription, version)
    record = {
        "Type": fields["Type"],
        "MessageId": fields["MessageId"],
        "TopicArn": fields["TopicArn"],
        "Subject": fields.get("Subject"),
        "Message": fields["Message"],
        "Timestamp": fields["Timestamp"],
        "SignatureVersion": "1",
        "Signature": fields.get("Signature", ""),
        "SigningCertUrl": fields.get("SigningCertURL", ""),
        "UnsubscribeUrl": fields["UnsubscribeURL"],
        "MessageAttributes": fields.get("MessageAttributes", {}),
    }
    event = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": record,
    }
    return json.dumps({"Records": [event]})


def headers(kind: str, identifier: str, subscription: Subscription, content_type: str) -> dict[str, str]:
    """The headers of an HTTP(S) delivery."""
    found = {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": identifier,
        "x-amz-sns-topic-arn": subscription.topic,
        "Content-Type": content_type,
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    if kind != "SubscriptionConfirmation":
        found["x-amz-sns-subscription-arn"] = subscription.arn
    if kind == "Notification" and subscription.raw:
        found["x-amz-sns-rawdelivery"] = "true"
    return found
