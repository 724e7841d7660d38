"""Access tokens against forgers.  Contract: devices.md, section 2.4; http-common.md, section 5.1."""

import json
import time
import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backbone import access_tokens, clock, parameters
from backbone.access_tokens import Unauthorized, caller_of
from backbone.settings import settings
from tests.support.api import InProcessApi, new_caller, token_of
from tests.support.engine import forged_token, new_token_key, put_token_keys

pytestmark = pytest.mark.usefixtures("moto")


def claims(**changes: Any) -> dict[str, Any]:
    caller = new_caller()
    now = int(time.time())
    return {
        "iss": settings().token_issuer,
        "iat": now,
        "exp": now + 300,
        "sub": str(uuid.uuid4()),
        "nmshd_address": caller.address,
        "device_id": caller.device_id,
        "client_id": "test",
        **changes,
    }


def problem_of(authorization: str | None) -> str | None:
    with pytest.raises(Unauthorized) as refusal:
        caller_of(authorization)
    return refusal.value.problem


def test_an_issued_token_names_its_caller() -> None:
    caller = new_caller("some-client")

    assert caller_of(f"Bearer {token_of(caller)}") == caller


def test_a_token_holds_the_documented_claims_and_lives_300_seconds() -> None:
    """devices.md §2.4"""
    caller = new_caller()
    token = token_of(caller)

    content = jwt.decode(token, options={"verify_signature": False})
    assert content["exp"] - content["iat"] == 300
    assert {"iss", "jti", "sub", "name", "nmshd_address", "device_id", "client_id"} <= set(content)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": "test-key"}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic dGVzdDp0ZXN0"])
def test_no_bearer_token_is_no_invalid_token(header: str | None) -> None:
    """http-common.md §5.1: `WWW-Authenticate: Bearer` when no token was sent"""
    assert problem_of(header) is None


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "..", "é.é.é", "a" * 1_000_000])
def test_garbage_is_an_invalid_token(token: str) -> None:
    assert problem_of(f"Bearer {token}") == "The token is not valid."


def test_an_expired_token_is_refused_to_the_second() -> None:
    """http-common.md §14: expired token -> 401, `error="invalid_token"`; zero clock skew"""
    long_ago = clock.now() - timedelta(seconds=301)
    token = access_tokens.issue(new_caller(), user_id="u", username="USRa", now=long_ago)

    assert problem_of(f"Bearer {token}") == "The token is expired."


def test_an_unsigned_token_is_refused() -> None:
    """alg: none"""
    assert problem_of(f"Bearer {forged_token(claims(), algorithm='none', key=None)}") == "The token is not valid."


def test_a_token_signed_with_the_public_key_as_secret_is_refused() -> None:
    """The classic confusion of a public key with an HMAC secret."""
    _, public = new_token_key("test-key")

    forged = forged_token(claims(), algorithm="HS256", key=public["x"])

    assert problem_of(f"Bearer {forged}") == "The token is not valid."


@pytest.mark.parametrize("key_id", ["test-key", "unknown-key", "../private"])
def test_a_token_of_another_key_is_refused_whatever_its_key_id_says(key_id: str) -> None:
    forged = forged_token(claims(), algorithm="EdDSA", key=Ed25519PrivateKey.generate(), key_id=key_id)

    assert problem_of(f"Bearer {forged}") == "The token is not valid."


def test_a_changed_token_is_refused() -> None:
    head, body, signature = token_of(new_caller()).split(".")
    other = token_of(new_caller()).split(".")[1]

    assert problem_of(f"Bearer {head}.{other}.{signature}") == "The token is not valid."
    assert problem_of(f"Bearer {head}.{body}.{signature[:-4]}AAAA") == "The token is not valid."


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere"},
        {"nmshd_address": "did:e:localhost:dids:0000000000000000000000"},
        {"nmshd_address": None},
        {"device_id": "nonsense"},
        {"exp": None},
        {"sub": None},
    ],
)
def test_a_well_signed_token_with_wrong_claims_is_refused(change: dict[str, Any]) -> None:
    private, public = new_token_key("own")
    put_token_keys([private], [public])
    content = {name: value for name, value in claims(**change).items() if value is not None}
    key = jwt.PyJWK(private, algorithm="EdDSA").key

    assert problem_of(f"Bearer {forged_token(content, algorithm='EdDSA', key=key, key_id='own')}") is not None


def test_a_token_of_another_type_is_refused() -> None:
    private, public = new_token_key("own")
    put_token_keys([private], [public])
    key = jwt.PyJWK(private, algorithm="EdDSA").key
    token = jwt.encode(claims(), key, algorithm="EdDSA", headers={"kid": "own", "typ": "JWT"})

    assert problem_of(f"Bearer {token}") == "The token is not valid."


def test_after_a_rotation_old_tokens_stay_valid_and_the_new_key_signs_once_all_know_it() -> None:
    """docs/decisions/access-tokens.md"""
    old_private, old_public = new_token_key("old", made_at=0)
    put_token_keys([old_private], [old_public])
    old_token = token_of(new_caller())
    new_private, new_public = new_token_key("new", made_at=clock.epoch_seconds(clock.now()))
    put_token_keys([new_private, old_private], [new_public, old_public])

    early_token = token_of(new_caller())
    later = clock.now() + timedelta(seconds=61)
    late_token = access_tokens.issue(new_caller(), user_id="u", username="USRa", now=later)

    assert caller_of(f"Bearer {old_token}")
    assert jwt.get_unverified_header(early_token)["kid"] == "old"
    assert jwt.get_unverified_header(late_token)["kid"] == "new"


def test_a_key_added_under_a_running_process_is_found_after_a_short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = new_token_key("first")
    put_token_keys([private], [public])
    token_of(new_caller())
    caller_of(f"Bearer {token_of(new_caller())}")
    other_private, other_public = new_token_key("second")
    monkeypatch.setattr(access_tokens, "forget_keys", lambda: None)
    put_token_keys([other_private, private], [other_public, public])
    let_time_pass(monkeypatch, 31)
    key = jwt.PyJWK(other_private, algorithm="EdDSA").key

    assert caller_of(f"Bearer {forged_token(claims(), algorithm='EdDSA', key=key, key_id='second')}")


def let_time_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic() + seconds
    monkeypatch.setattr("backbone.parameters.time.monotonic", lambda: now)


class Ssm:
    """Refuses everything, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    def get_parameter(self, **_: Any) -> Any:
        self.asked += 1
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "GetParameter")


def trouble(monkeypatch: pytest.MonkeyPatch) -> Ssm:
    """From now on, SSM is in trouble."""
    ssm = Ssm()
    monkeypatch.setattr(parameters, "client", lambda: ssm)
    return ssm


def deployed_with(monkeypatch: pytest.MonkeyPatch, *public: dict[str, Any]) -> None:
    """The function knows these keys from its deployment."""
    monkeypatch.setenv("BACKBONE_PUBLIC_TOKEN_KEYS", json.dumps({"keys": public}))
    settings.cache_clear()
    access_tokens.forget_keys()


def test_keys_that_cannot_be_refreshed_go_on_being_used(monkeypatch: pytest.MonkeyPatch) -> None:
    token = f"Bearer {token_of(new_caller())}"
    caller_of(token)
    ssm = trouble(monkeypatch)

    let_time_pass(monkeypatch, 301)

    assert caller_of(token) == caller_of(token)
    assert ssm.asked == 1  # and not again with every request


def test_without_keys_nobody_is_told_that_his_token_is_wrong(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http-common.md §5.4: a 401 makes clients log in again, a 503 makes them try again."""
    token = token_of(new_caller())
    access_tokens.forget_keys()
    ssm = trouble(monkeypatch)

    answers = [api.get("/api/v2/Tokens", token=token), api.post("/api/v2/Challenges", {}, token=token)]

    assert [answer.error for answer in answers] == [(503, "error.platform.unexpected")] * 2
    assert ssm.asked == 1


def test_a_key_that_may_be_new_is_not_refused_while_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private, public = new_token_key("known")
    deployed_with(monkeypatch, public)
    trouble(monkeypatch)
    new = forged_token(claims(), algorithm="EdDSA", key=Ed25519PrivateKey.generate(), key_id="new")
    known = forged_token(claims(), algorithm="EdDSA", key=jwt.PyJWK(private, algorithm="EdDSA").key, key_id="known")

    with pytest.raises(parameters.Unavailable):
        caller_of(f"Bearer {new}")
    assert caller_of(f"Bearer {known}")


def test_a_key_known_from_the_deployment_costs_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = new_token_key("known")
    deployed_with(monkeypatch, public)
    ssm = trouble(monkeypatch)
    key = jwt.PyJWK(private, algorithm="EdDSA").key

    assert caller_of(f"Bearer {forged_token(claims(), algorithm='EdDSA', key=key, key_id='known')}")
    assert ssm.asked == 0


def test_a_key_added_after_the_deployment_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, old_public = new_token_key("old")
    private, public = new_token_key("new")
    put_token_keys([private], [public, old_public])
    deployed_with(monkeypatch, old_public)
    key = jwt.PyJWK(private, algorithm="EdDSA").key
    asked: list[str] = []
    read = parameters.read

    def counted(name: str, **options: bool) -> str:
        asked.append(name)
        return read(name, **options)

    monkeypatch.setattr(parameters, "read", counted)

    for _ in range(3):
        assert caller_of(f"Bearer {forged_token(claims(), algorithm='EdDSA', key=key, key_id='new')}")
        assert problem_of(f"Bearer {forged_token(claims(), algorithm='EdDSA', key=key, key_id='stranger')}")

    assert len(asked) == 1
