"""The operator's command for clients."""

import os
import subprocess
import sys
from functools import partial

import pytest

from functions.devices import passwords
from functions.devices.client_store import ClientStore
from functions.devices.clients import CannotCreate, create_client, main
from tests.unit.devices.race import at_once

CREATE = ["create", "--client-id", "test", "--client-secret", "test", "--default-tier", "Basic"]
store = ClientStore()


@pytest.mark.usefixtures("engine")
def test_a_client_is_created_with_the_tiers_it_needs() -> None:
    """operations.md §6: tiers `Basic` and queued-for-deletion exist; a client can be created by one command"""
    assert main([*CREATE, "--display-name", "Test client", "--max-identities", "7"]) == 0

    client = store.get("test")
    assert client is not None
    assert passwords.matches("test", client.secret_hash)
    assert client.default_tier == store.find_tier("Basic")
    assert (client.display_name, client.max_identities, client.identities) == ("Test client", 7, 0)
    assert store.find_tier("Queued for Deletion") == "TIR00000000000000001"


@pytest.mark.usefixtures("moto")
def test_a_client_is_unlimited_and_named_after_its_id_unless_told_otherwise() -> None:
    main(CREATE)

    client = store.get("test")
    assert client is not None
    assert (client.display_name, client.max_identities) == ("test", None)


@pytest.mark.usefixtures("moto")
def test_the_command_may_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    main(CREATE)
    client, tier = store.get("test"), store.find_tier("Basic")

    assert main([*CREATE, "--display-name", "Another"]) == 0

    assert (store.get("test"), store.find_tier("Basic")) == (client, tier)
    assert "exists already" in capsys.readouterr().out


@pytest.mark.usefixtures("moto")
def test_a_client_does_not_change_its_secret(capsys: pytest.CaptureFixture[str]) -> None:
    main(CREATE)
    client = store.get("test")

    assert main(["create", "--client-id", "test", "--client-secret", "another", "--default-tier", "Basic"]) == 1

    assert store.get("test") == client
    assert "'test' exists with another secret" in capsys.readouterr().err


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"default_tier": "Gold"}, "no tier 'Gold'"),
        ({"client_id": ""}, "1 to 100 characters"),
        ({"client_id": "x" * 101}, "1 to 100 characters"),
        ({"client_secret": ""}, "must not be empty"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, str], problem: str) -> None:
    wanted = {"client_id": "test", "client_secret": "test", "default_tier": "Basic", **arguments}

    with pytest.raises(CannotCreate, match=problem):
        create_client(store, **wanted)  # type: ignore[arg-type]


@pytest.mark.usefixtures("moto")
def test_a_tier_may_be_given_by_id() -> None:
    """admin-api.md §5.3: tier **name or id**"""
    main(CREATE)

    assert main(["create", "--client-id", "a", "--client-secret", "a", "--default-tier", "TIR00000000000000001"]) == 0


@pytest.mark.local_dynamodb
@pytest.mark.usefixtures("local_dynamodb")
def test_parallel_set_ups_agree() -> None:
    def create(number: int) -> str:
        created = create_client(store, client_id=f"c{number % 2}", client_secret="s", default_tier="Basic")
        return "created" if created else "left"

    outcomes = at_once(*(partial(create, number) for number in range(6)))

    assert outcomes == ["created"] * 2 + ["left"] * 4
    tiers = {client.default_tier for client in (store.get("c0"), store.get("c1")) if client}
    assert tiers == {store.find_tier("Basic")}


@pytest.mark.local_dynamodb
@pytest.mark.usefixtures("local_dynamodb")
def test_it_runs_as_a_program() -> None:
    """python -m functions.devices.clients create …"""
    command = [sys.executable, "-m", "functions.devices.clients", *CREATE]
    environment = {**os.environ, "PYTHONPATH": "layers:."}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Client 'test' created.\n", "")
    assert store.get("test") is not None
