"""Amazon SES: who may send. An identity is verified as soon as it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stackproof.deploy.simple import Simple


class EmailIdentity(Simple):
    """``AWS::SES::EmailIdentity``."""

    type = "AWS::SES::EmailIdentity"
    service = "sesv2"
    table: ClassVar[Mapping[str, str]] = {"EmailIdentity": "EmailIdentity"}
    inert: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "ConfigurationSetAttributes", "DkimAttributes", "DkimSigningAttributes", "FeedbackAttributes",
            "MailFromAttributes",
        ),
        "no mail leaves, and nobody signs it",
    )  # fmt: skip
    tagged = "list"
    creates, deletes = "create_email_identity", "delete_email_identity"
    key, identifier = "EmailIdentity", "@EmailIdentity"
