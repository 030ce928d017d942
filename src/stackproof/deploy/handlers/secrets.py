"""AWS Secrets Manager: secrets, generated ones always the same for the same stack."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Mapping
from typing import Any

from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job, Refused
from stackproof.deploy.model import Made

_LENGTH = 32
_CLASSES = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}


def password(options: Mapping[str, Any], chooser: random.Random) -> str:
    """What GetRandomPassword makes of ``GenerateSecretString``. Raises ``Refused`` when nothing is left."""
    excluded = set(str(options.get("ExcludeCharacters", "")))
    classes = [
        [letter for letter in letters if letter not in excluded]
        for name, letters in _CLASSES.items()
        if text(options.get(name)) != "true"
    ]
    if text(options.get("IncludeSpace")) == "true":
        classes.append([" "])
    classes = [letters for letters in classes if letters]
    length = int(options.get("PasswordLength", _LENGTH))
    if not classes:
        raise Refused("GenerateSecretString excludes every character")
    found: list[str] = []
    if text(options.get("RequireEachIncludedType", True)) == "true":
        if length < len(classes):
            raise Refused(
                f"a password of {length} characters cannot hold one of each of {len(classes)} types"
            )
        found = [chooser.choice(letters) for letters in classes]
    every = [letter for letters in classes for letter in letters]
    found += [chooser.choice(every) for _ in range(length - len(found))]
    chooser.shuffle(found)
    return "".join(found)


class Secret(Handler):
    """``AWS::SecretsManager::Secret``."""

    type = "AWS::SecretsManager::Secret"
    covers = frozenset({"Name", "Description", "KmsKeyId", "SecretString", "GenerateSecretString", "Tags"})

    def _value(self, job: Job) -> str | None:
        if "SecretString" in job.properties:
            return document(job.get("SecretString"))
        options = job.get("GenerateSecretString")
        if options is None:
            return None
        made = password(options, random.Random(f"{job.place.stack_id}/{job.logical_id}"))
        template, key = options.get("SecretStringTemplate"), options.get("GenerateStringKey")
        if template is None and key is None:
            return made
        if template is None or key is None:
            raise Refused("GenerateSecretString takes SecretStringTemplate and GenerateStringKey together")
        try:
            return json.dumps({**json.loads(template), key: made})
        except (ValueError, TypeError) as error:
            raise Refused("SecretStringTemplate is not a JSON object") from error

    def create(self, job: Job) -> Made:
        """CreateSecret."""
        params = {
            "Name": job.name("Name"),
            "SecretString": self._value(job),
            "Tags": job.tag_list() or None,
            **job.pick({"Description": "Description", "KmsKeyId": "KmsKeyId"}),
        }
        arn = job.call("secretsmanager", "create_secret", params)["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateSecret; a generated value changes only when its options do."""
        params: dict[str, Any] = {"SecretId": made.physical_id}
        if job.changed("Description", "KmsKeyId"):
            params |= {"Description": job.get("Description", "")} | job.pick({"KmsKeyId": "KmsKeyId"})
        if job.changed("SecretString", "GenerateSecretString"):
            params["SecretString"] = self._value(job)
        if len(params) > 1:
            job.call("secretsmanager", "update_secret", params)
        removed = job.removed_tags()
        if removed:
            job.call("secretsmanager", "untag_resource", {"SecretId": made.physical_id, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            params = {"SecretId": made.physical_id, "Tags": job.tag_list()}
            job.call("secretsmanager", "tag_resource", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteSecret at once, as CloudFormation does."""
        params = {"SecretId": made.physical_id, "ForceDeleteWithoutRecovery": True}
        job.call("secretsmanager", "delete_secret", params)


class ResourcePolicy(Handler):
    """``AWS::SecretsManager::ResourcePolicy``."""

    type = "AWS::SecretsManager::ResourcePolicy"
    covers = frozenset({"SecretId", "ResourcePolicy", "BlockPublicPolicy"})

    def create(self, job: Job) -> Made:
        """PutResourcePolicy."""
        params = job.pick({"SecretId": "SecretId", "BlockPublicPolicy": "BlockPublicPolicy"})
        params["ResourcePolicy"] = document(job.get("ResourcePolicy"))
        job.call("secretsmanager", "put_resource_policy", params)
        return Made(str(job.get("SecretId")))

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteResourcePolicy."""
        job.call("secretsmanager", "delete_resource_policy", {"SecretId": made.physical_id})
