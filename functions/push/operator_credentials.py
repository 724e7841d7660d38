"""What can be told of credentials for push notifications before Google, Apple or SNS are asked."""

import json
import re
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from functions.push.applications import CredentialsInvalid, app_of
from functions.push.domain import Platform

_APPLE_ID = re.compile(r"[A-Z0-9]{10}")
_EXPIRY = "AppleCertificateExpiryDate"


def mistakes_in(place: str, value: str, stack: str) -> list[str]:
    """What is wrong with the credentials of an app, by `<platform>/<app id>`; never a part of them."""
    try:
        app = app_of(place, value, stack)
    except CredentialsInvalid as mistake:
        return [str(mistake)]
    credentials = json.loads(value)
    return _of_google(credentials) if app.platform == Platform.FCM else _of_apple(credentials)


def _of_google(account: dict[str, str]) -> list[str]:
    mistakes = []
    if account.get("type") != "service_account":
        mistakes.append("type: this is no service account")
    if not account.get("token_uri", "https://").startswith("https://"):
        mistakes.append("token_uri: no HTTPS address")
    if not isinstance(_key(account["private_key"]), RSAPrivateKey):
        mistakes.append("private_key: no RSA key in PEM")
    return mistakes


def _of_apple(key: dict[str, str]) -> list[str]:
    mistakes = [f"{name}: not ten capitals and digits" for name in ("teamId", "keyId") if not _is_apple_id(key[name])]
    private_key = _key(key["privateKey"])
    if not isinstance(private_key, EllipticCurvePrivateKey) or not isinstance(private_key.curve, SECP256R1):
        mistakes.append("privateKey: no key for signing (P-256) in PEM, as in the .p8 file")
    return mistakes


def _is_apple_id(text: str) -> bool:
    return _APPLE_ID.fullmatch(text) is not None


def _key(pem: str) -> object:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def faults_of(attributes: dict[str, str], *, now: datetime) -> list[str]:
    """What keeps an application in SNS from sending."""
    faults = []
    if attributes.get("Enabled", "true").lower() == "false":
        faults.append("SNS has disabled it")
    if (until := attributes.get(_EXPIRY)) and datetime.fromisoformat(until).astimezone(UTC) <= now:
        faults.append(f"its certificate was valid until {until}")
    return faults
