"""`backbone push check`: what is wrong with credentials and applications, told before and after a deployment."""

import json
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from functions.push.application_store import carry_out
from tests.support.command import Outcome, backbone

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("stack")]

PATH = "/backbone/push-credentials"


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA, P256 = _pem(rsa.generate_private_key(65537, 2048)), _pem(ec.generate_private_key(ec.SECP256R1()))
FCM = {"type": "service_account", "project_id": "p", "private_key": RSA, "client_email": "a@b"}
APNS = {"teamId": "TEAM123456", "keyId": "KEY1234567", "privateKey": P256}


@pytest.fixture
def stack(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack `backbone`."""
    monkeypatch.setenv("BACKBONE_STACK", "backbone")


def put(place: str, value: Any) -> None:
    boto3.client("ssm").put_parameter(Name=f"{PATH}/{place}", Value=json.dumps(value), Type="SecureString")


def deploy() -> None:
    carry_out(
        {
            "RequestType": "Create",
            "ResourceProperties": {"Stack": "backbone", "CredentialsPath": PATH, "Version": "1"},
        }
    )


def check(*options: str) -> tuple[int, dict[str, Any]]:
    outcome: Outcome = backbone("push", "check", "--json", *options)
    return outcome.code, {record["app"]: record for record in json.loads(outcome.out)}


def test_good_credentials_are_new_before_a_deployment_and_good_after_it() -> None:
    put("fcm/app", FCM)
    put("apns/app", APNS)

    code, before = check("--before-deployment")
    assert (code, {record["state"] for record in before.values()}) == (0, {"new"})
    assert check()[0] == 1  # nobody can be pushed to yet

    deploy()

    code, after = check()
    assert (code, {record["state"] for record in after.values()}) == (0, {"good"})


@pytest.mark.parametrize(
    ("place", "value", "mistake"),
    [
        ("fcm/app", {**FCM, "private_key": "secret"}, "private_key: no RSA key in PEM"),
        ("fcm/app", {**FCM, "private_key": P256}, "private_key: no RSA key in PEM"),
        ("fcm/app", {**FCM, "type": "authorized_user"}, "type: this is no service account"),
        ("fcm/app", {"type": "service_account"}, "project_id: Field required"),
        ("apns/app", {**APNS, "privateKey": RSA}, "privateKey: no key for signing (P-256) in PEM"),
        ("apns/app", {**APNS, "teamId": "short"}, "teamId: not ten capitals and digits"),
        ("sms/app", FCM, "neither fcm/<app id> nor apns/<bundle id>"),
    ],
)
def test_what_is_wrong_with_credentials_is_told_without_a_part_of_them(place: str, value: Any, mistake: str) -> None:
    put(place, value)

    outcome = backbone("push", "check", "--before-deployment")

    assert outcome.code == 1
    assert mistake in outcome.out.replace("\\", "")
    assert "secret" not in outcome.out + outcome.err
    assert "BEGIN" not in outcome.out + outcome.err


def test_a_disabled_application_and_an_expired_certificate_are_told() -> None:
    put("apns/app", APNS)
    deploy()
    sns = boto3.client("sns")
    first, second = (
        each["PlatformApplicationArn"] for each in sns.list_platform_applications()["PlatformApplications"]
    )
    sns.set_platform_application_attributes(PlatformApplicationArn=first, Attributes={"Enabled": "false"})
    expired = {"AppleCertificateExpiryDate": "2024-01-02T03:04:05Z"}
    sns.set_platform_application_attributes(PlatformApplicationArn=second, Attributes=expired)

    code, found = check()

    assert code == 1
    assert found["apns/app"]["problems"] == [
        "SNS has disabled it",
        "its certificate was valid until 2024-01-02T03:04:05Z",
    ]


def test_an_application_without_credentials_is_told_but_is_no_failure() -> None:
    put("fcm/app", FCM)
    deploy()
    boto3.client("ssm").delete_parameter(Name=f"{PATH}/fcm/app")

    code, found = check()

    assert (code, found["backbone_app"]["state"]) == (0, "left over")
