"""Keys and secrets are replaced on the deployed system, in the way docs/operating.md says, and clients go on."""

import json
from collections.abc import Callable

import httpx

from infra.local.stack import STACK, LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.test_operator_command import backbone
from tests.people import Identity

NewIdentity = Callable[[], Identity]


def test_a_new_key_for_tokens_lets_those_of_the_old_one_live(stack: LocalStack, new_identity: NewIdentity) -> None:
    """devices.md §2.4; docs/operating.md, 'Rotate'"""
    alice, ssm = new_identity(), stack.client("ssm")
    headers = {"authorization": f"Bearer {alice.device.connection.token}"}

    def keys() -> list[str]:
        parameter = ssm.get_parameter(Name=f"/{STACK}/token-keys/public")["Parameter"]["Value"]
        return [key["kid"] for key in json.loads(parameter)["keys"]]

    [*before] = keys()
    stack.deploy(TokenKeyRotation="2")

    assert keys()[1:] == before
    function = stack.client("lambda").get_function_configuration(FunctionName=f"{STACK}-messages")
    known = json.loads(function["Environment"]["Variables"]["BACKBONE_PUBLIC_TOKEN_KEYS"])["keys"]
    assert [key["kid"] for key in known] == keys()
    for path in ("Messages", "Files", "Quotas", "Devices"):
        assert httpx.get(f"{stack.base_url}/api/v2/{path}", headers=headers, timeout=60).status_code == 200
    assert new_identity().device.connection.get("/Messages") == []


def test_a_new_secret_of_a_client_is_the_only_one(stack: LocalStack, new_identity: NewIdentity) -> None:
    """devices.md §5.4; docs/operating.md, 'Rotate'"""
    alice = new_identity()
    credentials = alice.device.connection.credentials
    backbone(stack, "client", "create", "--client-id", "rotated", "--client-secret", "old", "--default-tier", "Basic")

    def log_in(secret: str) -> int:
        form = {"grant_type": "password", "username": credentials.username, "password": credentials.password}
        form |= {"client_id": "rotated", "client_secret": secret}
        return httpx.post(f"{stack.base_url}/connect/token", data=form, timeout=60).status_code

    assert log_in("old") == 200
    backbone(stack, "client", "change-secret", "rotated", "--client-secret", "new")

    assert log_in("new") == 200
    eventually("the end of the old one", lambda: log_in("old") in (400, 401))
