"""Platform applications: credentials in SSM become applications in SNS, at each deployment."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from backbone import custom_resource
from backbone.observability import logger
from functions.push import applications
from functions.push.application_store import ApplicationStore
from functions.push.applications import Application
from functions.push.handler import set_up_applications

pytestmark = pytest.mark.slow

FCM = json.dumps({"project_id": "p", "private_key": "secret", "client_email": "a@b", "type": "service_account"})
APNS = json.dumps({"teamId": "TEAM123456", "keyId": "KEY1234567", "privateKey": "secret"})
PATH = "/backbone/push-credentials"


@pytest.fixture
def answers(moto: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, str]]]:
    """What CloudFormation is told."""
    told: list[tuple[str, str, dict[str, str]]] = []
    monkeypatch.setattr(
        custom_resource, "answer", lambda request, name, status, reason, data: told.append((status, reason, dict(data)))
    )
    return told


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines of the log."""
    written: list[dict[str, Any]] = []
    handler = logger.registered_handler
    monkeypatch.setattr(handler, "emit", lambda record: written.append(json.loads(handler.format(record))))
    return written


def put(place: str, value: str, path: str = PATH) -> None:
    boto3.client("ssm").put_parameter(Name=f"{path}/{place}", Value=value, Type="SecureString", Overwrite=True)


def request(kind: str, stack: str = "backbone", version: int = 1) -> None:
    properties = {"Stack": stack, "CredentialsPath": f"/{stack}/push-credentials", "Version": str(version)}
    set_up_applications({"RequestType": kind, "ResourceProperties": properties}, None)


def in_sns() -> dict[str, dict[str, Any]]:
    found = boto3.client("sns").list_platform_applications()["PlatformApplications"]
    return {each["PlatformApplicationArn"].split(":", 5)[5]: each["Attributes"] for each in found}


def test_every_app_gets_its_applications(answers: list[Any]) -> None:
    """devices.md §12.4: Credentials: app id -> service account; §12.5: Production and Development"""
    put("fcm/org.example.app", FCM)
    put("fcm/org.example.other", FCM)
    put("apns/org.example.app", APNS)

    request("Create")

    apns = {
        "PlatformPrincipal": "KEY1234567",
        "PlatformCredential": "secret",
        "ApplePlatformTeamID": "TEAM123456",
        "ApplePlatformBundleID": "org.example.app",
    }
    assert in_sns() == {
        "app/GCM/backbone_org.example.app": {"PlatformCredential": FCM},
        "app/GCM/backbone_org.example.other": {"PlatformCredential": FCM},
        "app/APNS/backbone_org.example.app": apns,
        "app/APNS_SANDBOX/backbone_org.example.app": apns,
    }
    ((status, reason, data),) = answers
    assert (status, reason) == ("SUCCESS", "")
    assert json.loads(data["AppIds"]) == {
        "fcm": ["org.example.app", "org.example.other"], "apns": ["org.example.app"]
    }  # fmt: skip


def test_without_credentials_there_are_no_apps(answers: list[Any]) -> None:
    request("Create")

    assert in_sns() == {}
    assert json.loads(answers[0][2]["AppIds"]) == {"fcm": [], "apns": []}


def test_without_credentials_sns_is_not_asked(answers: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """There are regions in which SNS has no mobile push."""
    monkeypatch.setattr(ApplicationStore, "existing", lambda _: pytest.fail("SNS was asked"))

    request("Create")

    assert answers[0][0] == "SUCCESS"


def test_a_stack_can_be_deleted_even_if_its_applications_cannot(
    answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: ApplicationStore) -> None:
        raise ClientError({"Error": {"Code": "AuthorizationError"}}, "ListPlatformApplications")

    monkeypatch.setattr(ApplicationStore, "existing", refuse)

    request("Delete")

    assert answers == [("SUCCESS", "", {})]


def test_an_update_follows_the_credentials(answers: list[Any]) -> None:
    put("fcm/stays", FCM)
    put("fcm/goes", FCM)
    request("Create")

    boto3.client("ssm").delete_parameter(Name=f"{PATH}/fcm/goes")
    changed = FCM.replace("secret", "another secret")
    put("fcm/stays", changed)
    request("Update", version=2)
    request("Update", version=3)

    assert in_sns() == {"app/GCM/backbone_stays": {"PlatformCredential": changed}}


def test_stacks_leave_each_others_applications_alone(answers: list[Any]) -> None:
    put("fcm/app", FCM)
    put("fcm/app", FCM, "/backbone-test/push-credentials")
    request("Create", "backbone-test")
    request("Create")

    request("Delete")

    assert list(in_sns()) == ["app/GCM/backbone-test_app"]
    assert answers[-1] == ("SUCCESS", "", {})


@pytest.mark.parametrize(
    ("place", "value", "mistake"),
    [
        ("fcm/app", "no json", "fcm/app: JSON: Invalid JSON"),
        ("fcm/app", '{"project_id": "p", "private_key": "secret"}', "fcm/app: client_email: Field required"),
        ("apns/app", '{"teamId": "t", "keyId": "", "privateKey": "secret"}', "apns/app: keyId: Value error"),
        ("apns/app", '{"teamId": "t", "keyId": "k", "privateKey": "secret", "x": 1}', "apns/app: x: Extra inputs"),
        ("sms/app", FCM, "sms/app: neither fcm/<app id> nor apns/<bundle id>"),
        ("app", FCM, "app: neither fcm/<app id> nor apns/<bundle id>"),
        ("fcm/an/app", FCM, "fcm/an/app: neither"),
    ],
)
def test_a_mistake_concerns_its_own_app_alone(
    answers: list[Any], place: str, value: str, mistake: str, lines: list[dict[str, Any]]
) -> None:
    put("fcm/good", FCM)
    put(place, value)

    request("Create")

    ((status, _, data),) = answers
    assert status == "SUCCESS"
    refused = json.loads(data["Refused"])
    assert list(refused) == [place]
    assert refused[place].startswith(mistake.removeprefix(f"{place}: "))
    assert json.loads(data["AppIds"]) == {"fcm": ["good"], "apns": []}
    assert list(in_sns()) == ["app/GCM/backbone_good"]
    assert [line["app"] for line in lines if line["event_id"] == 613189] == [place]
    assert "secret" not in json.dumps([data, lines])


def test_an_app_with_a_mistake_goes_on_with_its_former_credentials(answers: list[Any]) -> None:
    put("fcm/app", FCM)
    request("Create")
    put("fcm/app", "no json")

    request("Update", version=2)

    assert in_sns() == {"app/GCM/backbone_app": {"PlatformCredential": FCM}}
    assert json.loads(answers[-1][2]["AppIds"])["fcm"] == ["app"]
    assert list(json.loads(answers[-1][2]["Refused"])) == ["fcm/app"]


def test_an_app_that_sns_refuses_takes_no_other_down(answers: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    put("apns/bad", APNS)
    put("fcm/good", FCM)
    set_up = ApplicationStore._put

    def refuse(store: ApplicationStore, application: Application, existing: Any) -> None:
        if application.name.endswith("bad"):
            raise ClientError({"Error": {"Code": "InvalidParameter", "Message": "secret"}}, "CreatePlatformApplication")
        set_up(store, application, existing)

    monkeypatch.setattr(ApplicationStore, "_put", refuse)

    request("Create")

    ((status, _, data),) = answers
    assert (status, json.loads(data["AppIds"])) == ("SUCCESS", {"fcm": ["good"], "apns": []})
    assert json.loads(data["Refused"]) == {"apns/bad": "SNS refuses it: InvalidParameter"}


def test_coming_back_from_a_failed_update_needs_neither_credentials_nor_sns(
    answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation asks for the former version then; if that failed, too, the stack could not be updated any more."""
    put("fcm/app", FCM)
    request("Create")

    def refuse(_: ApplicationStore) -> None:
        raise ClientError({"Error": {"Code": "AuthorizationError"}}, "ListPlatformApplications")

    monkeypatch.setattr(ApplicationStore, "existing", refuse)
    put("fcm/app", "no json")
    request("Update", version=2)
    request("Update", version=1)

    assert [status for status, _, _ in answers] == ["SUCCESS", "FAILED", "SUCCESS"]
    assert answers[2][2] == answers[0][2]


def test_credentials_show_in_no_representation() -> None:
    found = applications.read({"fcm/app": FCM}, "backbone")

    assert "secret" not in repr(found)


def test_an_empty_invocation_warms_it_up(answers: list[Any]) -> None:
    set_up_applications({}, None)

    assert answers == []
