"""What tests of Devices do again and again, over HTTP."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import DeviceId
from backbone.settings import settings
from tests.support.api import Answer, InProcessApi
from tests.support.builders import PASSWORD
from tests.support.keys import ClientKey

FORM = {"content-type": "application/x-www-form-urlencoded"}


def registration(api: InProcessApi, key: ClientKey, **changes: Any) -> dict[str, Any]:
    """A body for POST /Identities with a fresh challenge."""
    body: dict[str, Any] = {
        "clientId": "test",
        "clientSecret": "test",
        "identityPublicKey": key.public_key,
        "devicePassword": PASSWORD,
        "identityVersion": 1,
    }
    if "signedChallenge" not in changes:
        body["signedChallenge"] = key.sign(api.post("/api/v2/Challenges", {}).result)
    return {**body, **changes}


def register(api: InProcessApi, key: ClientKey, **changes: Any) -> Answer:
    """POST /Identities; everything is right unless changed."""
    return api.post("/api/v2/Identities", registration(api, key, **changes))


def caller_of(created: Answer) -> Caller:
    """The first device of an identity that has just been created."""
    return Caller(Address(created.result["address"]), DeviceId(created.result["device"]["id"]), "test")


def add_device(api: InProcessApi, key: ClientKey, caller: Caller, **changes: Any) -> Answer:
    """POST /Devices; everything is right unless changed."""
    body: dict[str, Any] = {"devicePassword": PASSWORD}
    if "signedChallenge" not in changes:
        body["signedChallenge"] = key.sign(api.post("/api/v2/Challenges", {}, caller=caller).result)
    return api.post("/api/v2/Devices", {**body, **changes}, caller=caller)


def log_in(
    api: InProcessApi,
    username: str,
    password: str = PASSWORD,
    /,
    *,
    headers: dict[str, str] | None = None,
    **fields: str | None,
) -> Answer:
    """POST /connect/token; a field that is None is not sent."""
    form: dict[str, str | None] = {
        "grant_type": "password",
        "client_id": "test",
        "client_secret": "test",
        "username": username,
        "password": password,
        **fields,
    }
    sent = urlencode({name: value for name, value in form.items() if value is not None})
    return api.request("POST", "/connect/token", body=sent.encode(), headers={**FORM, **(headers or {})})


def outcome(answer: Answer) -> tuple[int, str]:
    """Status and OAuth error of an answer of the token endpoint."""
    return answer.status, answer.json.get("error", "")


def let_time_pass(monkeypatch: pytest.MonkeyPatch, passed: timedelta) -> datetime:
    """Move the server's clock."""
    later = clock.now() + passed
    monkeypatch.setattr(clock, "now", lambda: later)
    return later


def require_strong_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch to the password policy of production."""
    monkeypatch.setenv("BACKBONE_PASSWORD_POLICY", "strict")
    settings.cache_clear()
