"""AWS IoT: things, policies, topic rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stackproof.deploy.fit import document
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_NO_RULES = "stored, messages are not routed here"


class TopicRule(Handler):
    """``AWS::IoT::TopicRule``."""

    type = "AWS::IoT::TopicRule"
    covers = frozenset({"RuleName", "TopicRulePayload", "Tags"})

    def create(self, job: Job) -> Made:
        """CreateTopicRule."""
        name = job.name("RuleName")
        if "RuleName" not in job.properties:
            name = name.replace("-", "_")
        job.call("iot", "create_topic_rule", self._params(job, name))
        if "iot" not in job.backend.capabilities:
            job.left_out("TopicRulePayload", _NO_RULES)
        place = job.place
        return Made(name, {"Arn": f"arn:{place.partition}:iot:{place.region}:{place.account}:rule/{name}"})

    @staticmethod
    def _params(job: Job, name: str) -> dict[str, object]:
        return {"ruleName": name, **job.pick({"TopicRulePayload": "topicRulePayload"})}

    def update(self, job: Job, made: Made) -> Made:
        """ReplaceTopicRule."""
        if job.changed("TopicRulePayload"):
            job.call("iot", "replace_topic_rule", self._params(job, made.physical_id))
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteTopicRule."""
        job.call("iot", "delete_topic_rule", {"ruleName": made.physical_id})


class Thing(Handler):
    """``AWS::IoT::Thing``."""

    type = "AWS::IoT::Thing"
    covers = frozenset({"ThingName", "AttributePayload"})

    def create(self, job: Job) -> Made:
        """CreateThing."""
        payload = job.get("AttributePayload")
        params = {
            "thingName": job.name("ThingName"),
            "attributePayload": {"attributes": payload.get("Attributes", {})} if payload else None,
        }
        answer = job.call("iot", "create_thing", params)
        return Made(
            answer["thingName"], {"Arn": answer["thingArn"], "Id": answer.get("thingId") or job.unique()}
        )

    def update(self, job: Job, made: Made) -> Made:
        """UpdateThing."""
        attributes = (job.get("AttributePayload") or {}).get("Attributes", {})
        payload = {"attributes": attributes, "merge": False}
        job.call("iot", "update_thing", {"thingName": made.physical_id, "attributePayload": payload})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteThing."""
        job.call("iot", "delete_thing", {"thingName": made.physical_id})


class Policy(Handler):
    """``AWS::IoT::Policy``: kept; no device is asked for it."""

    type = "AWS::IoT::Policy"
    covers = frozenset({"PolicyName", "PolicyDocument", "Tags"})
    inert: ClassVar[Mapping[str, str]] = {"PolicyDocument": "stored, no device is held against it"}

    def create(self, job: Job) -> Made:
        """CreatePolicy."""
        name = job.name("PolicyName")
        params = {"policyName": name, "policyDocument": document(job.get("PolicyDocument"))}
        answer = job.call("iot", "create_policy", params)
        return Made(name, {"Arn": answer["policyArn"], "Id": name})

    def update(self, job: Job, made: Made) -> Made:
        """CreatePolicyVersion."""
        params = {
            "policyName": made.physical_id,
            "policyDocument": document(job.get("PolicyDocument")),
            "setAsDefault": True,
        }
        job.call("iot", "create_policy_version", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeletePolicy."""
        job.call("iot", "delete_policy", {"policyName": made.physical_id})
