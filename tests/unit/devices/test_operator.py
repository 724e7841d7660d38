"""`backbone client|tier|identity …`.  Contract: admin-api.md, section 13; operations.md, sections 2 and 9."""

import os
import subprocess
import sys
from functools import partial

import pytest

from backbone.ids import QUEUED_FOR_DELETION_TIER
from cli.output import CommandFailed
from functions.devices import passwords
from functions.devices.admin_clients import NewClient
from functions.devices.client_store import ClientStore
from functions.devices.deletion_process import DELETING_SERVICES
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.operator_clients import create_unless_there
from functions.devices.store import DeviceStore
from functions.devices.tier_store import TierStore
from functions.devices.tiers import Tier
from tests.support.api import new_caller
from tests.support.command import backbone
from tests.unit.devices.deletions import confirm_all, given_owner, started
from tests.unit.devices.race import at_once

pytestmark = pytest.mark.slow
CREATE = ["client", "create", "--client-id", "test", "--client-secret", "test", "--default-tier", "Basic"]
store, tiers = ClientStore(), TierStore()


# Clients --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("engine")
def test_a_client_is_created_with_the_tiers_it_needs() -> None:
    """operations.md §12: tiers `Basic` and queued-for-deletion exist; a client can be created by one command with id,
    secret and default tier."""
    assert backbone(*CREATE, "--display-name", "Test client", "--max-identities", "7").code == 0

    client = store.get("test")
    assert client is not None
    assert passwords.matches("test", client.secret_hash)
    assert tiers.find("Basic") == Tier(client.default_tier, "Basic")
    assert (client.display_name, client.max_identities, client.identities) == ("Test client", 7, 0)
    assert tiers.find("Queued for Deletion") == Tier(QUEUED_FOR_DELETION_TIER, "Queued for Deletion")


@pytest.mark.usefixtures("moto")
def test_options_may_be_written_as_in_the_reference() -> None:
    """admin-api.md §13: `client create --clientId test --clientSecret test --defaultTier Basic`"""
    outcome = backbone("client", "create", "--clientId", "test", "--clientSecret", "test", "--defaultTier", "Basic")

    client = store.get("test")
    assert outcome.code == 0
    assert client is not None
    assert (client.display_name, client.max_identities) == ("test", None)


@pytest.mark.usefixtures("moto")
def test_what_is_not_given_is_made_up_and_printed_once() -> None:
    """admin-api.md §13: prints the created client as indented camelCase JSON and a note to keep the secret"""
    outcome = backbone("client", "create", "--default-tier", "Basic", "--json")

    printed = outcome.json
    client = store.get(printed["clientId"])
    assert client is not None
    assert printed["clientId"].startswith("CLT")
    assert passwords.matches(printed["clientSecret"], client.secret_hash)
    assert "Keep the secret" in outcome.err
    assert printed["clientSecret"] not in backbone("client", "list").out


@pytest.mark.usefixtures("moto")
def test_the_command_may_be_repeated() -> None:
    backbone(*CREATE)
    client, tier = store.get("test"), tiers.find("Basic")

    again = backbone(*CREATE, "--display-name", "Another")

    assert again.code == 0
    assert (store.get("test"), tiers.find("Basic")) == (client, tier)
    assert "exists already" in again.err


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--client-id", "new", "--default-tier", "Gold"], 1, "Tier not found"),
        (["--client-id", "x" * 101], 1, "more than 100 characters"),
        (["--client-secret", ""], 1, "'test' exists with another secret"),
        (["--client-secret", "another"], 1, "'test' exists with another secret"),
        (["--max-identities", "-1"], 2, "--max-identities"),
        (["--max-identities", "many"], 2, "--max-identities"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: list[str], code: int, problem: str) -> None:
    backbone(*CREATE)
    client = store.get("test")

    outcome = backbone(*CREATE, *arguments)

    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert problem in outcome.err
    assert store.get("test") == client


@pytest.mark.usefixtures("moto")
def test_a_tier_may_be_given_by_id() -> None:
    """admin-api.md §13: `--defaultTier`⁎ (id or name)"""
    assert backbone(*CREATE, "--default-tier", "TIR00000000000000001").code == 0


@pytest.mark.usefixtures("moto")
def test_clients_are_listed_and_deleted() -> None:
    """admin-api.md §13: deletes each; prints success or error per id"""
    backbone(*CREATE)

    [listed] = backbone("client", "list", "--json").json
    assert (listed["clientId"], listed["numberOfIdentities"], listed["maxIdentities"]) == ("test", 0, None)

    outcome = backbone("client", "delete", "unknown", "test")
    assert outcome.code == 1
    assert [line.split(":")[0] for line in outcome.err.splitlines()] == [
        "Client 'unknown'",
        "Client 'test' is deleted.",
        "error",
    ]
    assert backbone("client", "list", "--json").json == []


@pytest.mark.usefixtures("moto")
def test_a_secret_can_be_changed() -> None:
    """operations.md §12: The API key and the client secrets can be rotated without losing data."""
    backbone(*CREATE)

    changed = backbone("client", "change-secret", "test", "--json").json

    client = store.get("test")
    assert client is not None
    assert passwords.matches(changed["clientSecret"], client.secret_hash)
    assert backbone("client", "change-secret", "unknown").code == 1


@pytest.mark.local_dynamodb
@pytest.mark.usefixtures("local_dynamodb")
def test_parallel_set_ups_agree() -> None:
    def create(number: int) -> str:
        try:
            _, secret = create_unless_there(NewClient("Basic", client_id=f"c{number % 2}", client_secret="s"))
        except CommandFailed as problem:
            return str(problem)
        return "created" if secret else "left"

    outcomes = at_once(*(partial(create, number) for number in range(6)))

    assert outcomes == ["created"] * 2 + ["left"] * 4
    given = {client.default_tier for client in (store.get("c0"), store.get("c1")) if client}
    basic = tiers.find("Basic")
    assert basic is not None
    assert given == {basic.id}


@pytest.mark.local_dynamodb
@pytest.mark.usefixtures("local_dynamodb")
def test_it_runs_as_a_program() -> None:
    """backbone client create …"""
    environment = {**os.environ, "PYTHONPATH": "layers:."}

    done = subprocess.run(
        [sys.executable, "-m", "cli", *CREATE], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert store.get("test") is not None


# Tiers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("moto")
def test_tiers_are_created_listed_and_deleted() -> None:
    """admin-api.md §13: `tier list` prints tiers as JSON; `tier create` as `POST /Tiers`"""
    backbone(*CREATE)
    created = backbone("tier", "create", "--name", "Gold", "--json").json

    listed = backbone("tier", "list", "--json").json
    assert [tier["name"] for tier in listed] == ["Basic", "Gold", "Queued for Deletion"]
    assert listed[1] == {**created, "numberOfIdentities": 0}
    assert backbone("tier", "delete", "Gold").code == 0
    assert backbone("tier", "delete", created["id"]).code == 1
    assert backbone("tier", "delete", "Basic").err.count("\n") == 1


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("name", ["ab", "x" * 31, "Basic"])
def test_a_tier_needs_a_good_name(name: str) -> None:
    backbone(*CREATE)

    outcome = backbone("tier", "create", "--name", name)

    assert (outcome.code, outcome.out) == (1, "")


# Identities -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("moto")
def test_an_identity_is_shown_with_its_devices_and_processes() -> None:
    owner = given_owner()
    started(owner, 4)

    shown = backbone("identity", "show", owner.address, "--json").json

    assert (shown["address"], shown["status"]) == (owner.address, "ToBeDeleted")
    assert [device["id"] for device in shown["devices"]] == [owner.device_id]
    assert [process["status"] for process in shown["deletionProcesses"]] == ["Active"]
    assert owner.device_id in backbone("identity", "show", owner.address).out


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(("address", "code"), [(new_caller().address, 1), ("nobody", 2)], ids=["unknown", "malformed"])
def test_an_unknown_identity_is_no_trace_of_python(address: str, code: int) -> None:
    outcome = backbone("identity", "show", address)

    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("days_before", [None, 4, 0], ids=["active", "in its grace period", "past it"])
def test_an_operator_deletes_an_identity_at_once(days_before: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, other = given_owner(), given_owner()
    if days_before is not None:
        started(owner, days_before)
    started(other, 0)

    def services_confirm(_: float) -> None:
        from backbone import clock

        [current] = [
            process
            for process in DeletionProcessStore().all_of(owner.address, now=clock.now())
            if process.status != "Cancelled"
        ]
        assert current.unconfirmed == DELETING_SERVICES
        confirm_all(current)

    monkeypatch.setattr("time.sleep", services_confirm)

    outcome = backbone("identity", "delete", owner.address, "--yes")

    assert outcome.code == 0, outcome.err
    assert backbone("identity", "show", owner.address).code == 1
    assert DeviceStore().get_identity(other.address).status == "ToBeDeleted"


@pytest.mark.usefixtures("moto")
def test_without_confirmation_nothing_is_deleted() -> None:
    owner = given_owner()

    outcome = backbone("identity", "delete", owner.address, answers="n\n")

    assert outcome.code == 1
    assert DeviceStore().get_identity(owner.address).status == "Active"
