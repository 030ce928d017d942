"""What was asked of SNS about mobile applications and their endpoints."""

from __future__ import annotations

from typing import Any

from stage import ACCOUNT, Stage, scenario

SECRETS = {"PlatformPrincipal": "dummy", "PlatformCredential": "dummy"}
REGION = "us-east-1"


def application(name: str = "app", **attributes: str) -> dict[str, Any]:
    return {"Name": name, "Platform": "ADM", "Attributes": attributes or SECRETS}


def created(s: Stage) -> str:
    return str(s.sns.create_platform_application(**application())["PlatformApplicationArn"])


def endpoint(s: Stage, app: str, **more: Any) -> str:
    return str(
        s.sns.create_platform_endpoint(PlatformApplicationArn=app, Token="token_1", **more)["EndpointArn"]
    )


@scenario("sns", "test_create_platform_application")
def create_an_application(s: Stage) -> None:
    s.match("create-platform-application", s.sns.create_platform_application(**application()))


@scenario("sns", "test_list_platform_applications")
def list_applications(s: Stage) -> None:
    created(s)
    s.match("list-platform-applications", s.sns.list_platform_applications())


@scenario(
    "sns",
    *(
        f"test_create_platform_application_invalid_attributes[{case}]"
        for case in ("missing-principal", "no-args")
    ),
)
def an_application_without_credentials(s: Stage) -> None:
    given = {} if s.case == "no-args" else {"PlatformCredential": "dummy"}
    answer = s.error(s.sns.create_platform_application, Name="app", Platform="ADM", Attributes=given)
    s.match("platform-application-no-attributes", answer)


@scenario(
    "sns", *(f"test_create_platform_application_invalid_name[{case}]" for case in ("empty", "invalid-char"))
)
def an_application_with_a_wrong_name(s: Stage) -> None:
    name = {"empty": "", "invalid-char": "@name"}[s.case]
    s.match("invalid-application-name", s.error(s.sns.create_platform_application, **application(name)))


@scenario("sns", "test_get_platform_application_attributes_non_existing_app")
def ask_for_an_application_that_is_not_there(s: Stage) -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:app/ADM/NonExistingApp"
    answer = s.error(s.sns.get_platform_application_attributes, PlatformApplicationArn=arn)
    s.match("non_existing-application-arn", answer)


@scenario("sns", "test_set_platform_application_attributes")
def change_an_application(s: Stage) -> None:
    arn = created(s)
    changes = {"SuccessFeedbackSampleRate": "50"}
    s.sns.set_platform_application_attributes(PlatformApplicationArn=arn, Attributes=changes)
    answer = s.sns.get_platform_application_attributes(PlatformApplicationArn=arn)
    s.match("set-get-application-attributes", answer)


@scenario("sns", "test_set_platform_application_attributes_invalid_arn")
def change_an_application_by_no_arn(s: Stage) -> None:
    answer = s.error(
        s.sns.set_platform_application_attributes, PlatformApplicationArn="invalid-arn", Attributes={}
    )
    s.match("invalid-application-arn", answer)


@scenario(
    "sns",
    *(
        f"test_set_platform_application_attributes_non_existing_app[{case}]"
        for case in ("dummy-args", "missing-credential", "missing-principal", "no-args")
    ),
)
def change_an_application_that_is_not_there(s: Stage) -> None:
    given = {
        "dummy-args": {"PlatformPrincipal": "dummy"},
        "missing-credential": {"PlatformPrincipal": "dummy"},
        "missing-principal": {"PlatformCredential": "dummy"},
        "no-args": {},
    }[s.case]
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:app/ADM/NonExistingApp"
    answer = s.error(s.sns.set_platform_application_attributes, PlatformApplicationArn=arn, Attributes=given)
    s.match("non_existing-application-arn", answer)


@scenario("sns", "test_create_platform_endpoint")
def create_an_endpoint(s: Stage) -> None:
    answer = s.sns.create_platform_endpoint(PlatformApplicationArn=created(s), Token="token_1")
    s.match("create-platform-endpoint", answer)


@scenario("sns", "test_create_platform_endpoint_custom_data")
def an_endpoint_with_data(s: Stage) -> None:
    arn = endpoint(s, created(s), CustomUserData="bar")
    s.match("create-endpoint-double-custom-data", s.sns.get_endpoint_attributes(EndpointArn=arn))


WRONG = {
    "Empty": {},
    "Invalid_Name_Principal": {"PlatformPrincipal": "Principal"},
    "Invalid_Name_Credential": {"PlatformCredential": "Credential"},
    "Invalid_Name_Generic": {"InvalidKey": "Value"},
    "Data_Too_Long": {"CustomUserData": "A" * 2050},
}


@scenario(
    "sns",
    *(
        f"test_create_platform_endpoint_with_invalid_attributes[{case}]"
        for case in ("Invalid_Name_Credential", "Invalid_Name_Generic", "Invalid_Name_Principal")
    ),
)
def an_endpoint_with_wrong_attributes(s: Stage) -> None:
    answer = s.error(
        s.sns.create_platform_endpoint, PlatformApplicationArn=created(s), Token="t", Attributes=WRONG[s.case]
    )
    s.match("create-platform-endpoint-invalid-attr", answer)


@scenario(
    "sns",
    *(
        f"test_set_platform_endpoint_attributes_invalid_attributes[{case}]"
        for case in ("Data_Too_Long", "Empty", "Invalid_Name_Credential", "Invalid_Name_Generic")
    ),
)
def change_an_endpoint_wrongly(s: Stage) -> None:
    arn = endpoint(s, created(s))
    answer = s.error(s.sns.set_endpoint_attributes, EndpointArn=arn, Attributes=WRONG[s.case])
    s.match("set-platform-endpoint-invalid-attributes", answer)


@scenario("sns", "test_get_platform_endpoint_attributes")
def attributes_of_an_endpoint(s: Stage) -> None:
    answer = s.sns.get_endpoint_attributes(EndpointArn=endpoint(s, created(s)))
    s.match("get-platform-endpoint-attributes", answer)


UNKNOWN = f"arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/ADM/fakeapp/0f7d5971-aa8b-4bd5-b585-0826e9f93a66"
NO_ENDPOINT = "set-platform-endpoint-attributes-non-existent-app"


@scenario("sns", "test_get_platform_endpoint_attributes_non_existent_endpoint")
def ask_for_an_endpoint_that_is_not_there(s: Stage) -> None:
    s.match(NO_ENDPOINT, s.error(s.sns.get_endpoint_attributes, EndpointArn=UNKNOWN))


@scenario("sns", "test_set_platform_endpoint_attributes_non_existent_endpoint")
def change_an_endpoint_that_is_not_there(s: Stage) -> None:
    changes = {"CustomUserData": "data"}
    s.match(NO_ENDPOINT, s.error(s.sns.set_endpoint_attributes, EndpointArn=UNKNOWN, Attributes=changes))


@scenario("sns", "test_set_platform_endpoint_attributes_invalid_arn")
def change_an_endpoint_by_a_short_arn(s: Stage) -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/ADM/short"
    answer = s.error(s.sns.set_endpoint_attributes, EndpointArn=arn, Attributes={"CustomUserData": "data"})
    s.match(NO_ENDPOINT, answer)


@scenario("sns", "test_list_platform_endpoints")
def list_endpoints(s: Stage) -> None:
    app = created(s)
    endpoint(s, app)
    s.match("list-endpoints-by-app", s.sns.list_endpoints_by_platform_application(PlatformApplicationArn=app))


@scenario("sns", "test_delete_endpoints_of_deleted_app")
def endpoints_of_a_deleted_application(s: Stage) -> None:
    app = created(s)
    endpoint(s, app)
    s.match("delete-application", s.sns.delete_platform_application(PlatformApplicationArn=app))
    answer = s.error(s.sns.list_endpoints_by_platform_application, PlatformApplicationArn=app)
    s.match("list-endpoints-after-app-delete", answer)
