"""Amazon Cognito: user pools and what belongs to them. Triggers of a pool are not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.deploy.simple import Simple

_IDP = "cognito-idp"


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


class UserPool(Simple):
    """``AWS::Cognito::UserPool``."""

    type = "AWS::Cognito::UserPool"
    service = _IDP
    named = "UserPoolName"
    table: ClassVar[Mapping[str, str]] = {
        "UserPoolName": "PoolName",
        **_same(
            "Policies", "AutoVerifiedAttributes", "AliasAttributes", "UsernameAttributes",
            "SmsVerificationMessage", "EmailVerificationMessage", "EmailVerificationSubject",
            "VerificationMessageTemplate", "SmsAuthenticationMessage", "MfaConfiguration",
            "UserAttributeUpdateSettings", "DeviceConfiguration", "EmailConfiguration", "SmsConfiguration",
            "UserPoolTags", "AdminCreateUserConfig", "Schema", "UsernameConfiguration",
            "AccountRecoverySetting", "DeletionProtection", "UserPoolTier",
        ),
    }  # fmt: skip
    inert: ClassVar[Mapping[str, str]] = {
        "LambdaConfig": "triggers of user pools are not run",
        "UserPoolAddOns": "stored by AWS only",
        "EnabledMfas": "nobody is asked for a second factor",
    }
    creates, updates, deletes = "create_user_pool", "update_user_pool", "delete_user_pool"
    key, identifier = "UserPoolId", "UserPool.Id"
    _fixed = ("PoolName", "AliasAttributes", "UsernameAttributes", "Schema", "UsernameConfiguration")

    def create(self, job: Job) -> Made:
        """CreateUserPool."""
        params = self.params(job)
        params["UserPoolTags"] = job.tags("UserPoolTags")
        pool = job.call(_IDP, "create_user_pool", params, self.table)["UserPool"]
        name = f"{_IDP}.{job.place.region}.amazonaws.com/{pool['Id']}"
        attributes = {"Arn": pool["Arn"], "UserPoolId": pool["Id"], "ProviderName": name}
        return Made(str(pool["Id"]), {**attributes, "ProviderURL": f"https://{name}"})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateUserPool, with what can be changed."""
        params = {name: value for name, value in self.params(job).items() if name not in self._fixed}
        params |= {"UserPoolId": made.physical_id, "UserPoolTags": job.tags("UserPoolTags")}
        job.call(_IDP, "update_user_pool", params, self.table)
        return made


class UserPoolClient(Simple):
    """``AWS::Cognito::UserPoolClient``."""

    type = "AWS::Cognito::UserPoolClient"
    service = _IDP
    named = "ClientName"
    table: ClassVar[Mapping[str, str]] = _same(
        "ClientName", "GenerateSecret", "RefreshTokenValidity", "AccessTokenValidity", "IdTokenValidity",
        "TokenValidityUnits", "ReadAttributes", "WriteAttributes", "ExplicitAuthFlows",
        "SupportedIdentityProviders", "CallbackURLs", "LogoutURLs", "DefaultRedirectURI", "AllowedOAuthFlows",
        "AllowedOAuthScopes", "AllowedOAuthFlowsUserPoolClient", "PreventUserExistenceErrors",
        "EnableTokenRevocation", "EnablePropagateAdditionalUserContextData", "AuthSessionValidity",
    )  # fmt: skip
    owners: ClassVar[Mapping[str, str]] = _same("UserPoolId")
    creates, updates, deletes = (
        "create_user_pool_client",
        "update_user_pool_client",
        "delete_user_pool_client",
    )
    key, identifier = "ClientId", "UserPoolClient.ClientId"
    answers: ClassVar[Mapping[str, str]] = {
        "ClientId": "UserPoolClient.ClientId",
        "Name": "UserPoolClient.ClientName",
        "ClientSecret": "UserPoolClient.ClientSecret",
    }

    def params(self, job: Job) -> dict[str, Any]:
        """A change cannot say whether there is a secret."""
        found = super().params(job)
        return found if job.before is None else {k: v for k, v in found.items() if k != "GenerateSecret"}


class UserPoolDomain(Simple):
    """``AWS::Cognito::UserPoolDomain``; no page is served there."""

    type = "AWS::Cognito::UserPoolDomain"
    service = _IDP
    table: ClassVar[Mapping[str, str]] = _same("Domain", "CustomDomainConfig")
    owners: ClassVar[Mapping[str, str]] = _same("UserPoolId")
    inert: ClassVar[Mapping[str, str]] = {"ManagedLoginVersion": "no page is served"}
    creates, deletes = "create_user_pool_domain", "delete_user_pool_domain"
    key, identifier = "Domain", "@Domain"
    replaces = frozenset({"CustomDomainConfig"})


class UserPoolGroup(Simple):
    """``AWS::Cognito::UserPoolGroup``."""

    type = "AWS::Cognito::UserPoolGroup"
    service = _IDP
    named = "GroupName"
    table: ClassVar[Mapping[str, str]] = _same("GroupName", "Description", "Precedence", "RoleArn")
    owners: ClassVar[Mapping[str, str]] = _same("UserPoolId")
    creates, updates, deletes = "create_group", "update_group", "delete_group"
    key, identifier = "GroupName", "@GroupName"


class UserPoolUser(Simple):
    """``AWS::Cognito::UserPoolUser``; nobody gets a message."""

    type = "AWS::Cognito::UserPoolUser"
    service = _IDP
    named = "Username"
    table: ClassVar[Mapping[str, str]] = _same(
        "Username", "UserAttributes", "DesiredDeliveryMediums", "ForceAliasCreation", "MessageAction",
        "ClientMetadata", "ValidationData",
    )  # fmt: skip
    owners: ClassVar[Mapping[str, str]] = _same("UserPoolId")
    creates, deletes = "admin_create_user", "admin_delete_user"
    key, identifier = "Username", "@Username"


class UserPoolUserToGroupAttachment(Handler):
    """``AWS::Cognito::UserPoolUserToGroupAttachment``."""

    type = "AWS::Cognito::UserPoolUserToGroupAttachment"
    covers = frozenset({"UserPoolId", "GroupName", "Username"})
    replaces = covers

    def create(self, job: Job) -> Made:
        """AdminAddUserToGroup."""
        given = job.pick(_same(*self.covers))
        job.call(_IDP, "admin_add_user_to_group", given)
        return Made(job.name(""), given)

    def delete(self, job: Job, made: Made) -> None:
        """AdminRemoveUserFromGroup."""
        job.call(_IDP, "admin_remove_user_from_group", dict(made.attributes))


class UserPoolResourceServer(Simple):
    """``AWS::Cognito::UserPoolResourceServer``."""

    type = "AWS::Cognito::UserPoolResourceServer"
    service = _IDP
    table: ClassVar[Mapping[str, str]] = _same("Identifier", "Name", "Scopes")
    owners: ClassVar[Mapping[str, str]] = _same("UserPoolId")
    creates, updates = "create_resource_server", "update_resource_server"
    key, identifier = "Identifier", "@Identifier"


class UserPoolIdentityProvider(Simple):
    """``AWS::Cognito::UserPoolIdentityProvider``; nobody signs in with it."""

    type = "AWS::Cognito::UserPoolIdentityProvider"
    service = _IDP
    table: ClassVar[Mapping[str, str]] = _same(
        "ProviderName", "ProviderType", "ProviderDetails", "AttributeMapping", "IdpIdentifiers"
    )
    owners: ClassVar[Mapping[str, str]] = _same("UserPoolId")
    creates, deletes = "create_identity_provider", "delete_identity_provider"
    key, identifier = "ProviderName", "@ProviderName"
    replaces = frozenset({"ProviderDetails", "AttributeMapping", "IdpIdentifiers"})
