"""Who wins when operators and registrations come at once.  Against DynamoDB Local, whose transactions are real."""

from functools import partial
from typing import Any

import pytest

from backbone import clock
from backbone.dynamodb import TransactionFailed, transact
from backbone.events import carried_by
from backbone.ids import ChallengeId, TierId
from backbone.readmodels import challenges, identities, tiers
from functions.devices import (
    admin_clients,
    admin_clients_api,
    admin_identities_api,
    admin_tiers_api,
    api,
    passwords,
)
from functions.devices.admin_clients_models import CreateClientIn, UpdateClientIn
from functions.devices.admin_identities_models import ChangeTierIn
from functions.devices.admin_tiers_models import CreateTierIn
from functions.devices.client_store import ClientStore
from functions.devices.items import identity_key
from functions.devices.models import CreateIdentityIn
from functions.devices.store import DeviceStore
from functions.devices.tier_store import TierStore
from tests.support.builders import PASSWORD, TIER, given_client, given_tier
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import everything, given_owner, started
from tests.unit.devices.race import at_once

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow]

GOLD = TierId("TIRgold0000000000000")
clients, tier_store = ClientStore(), TierStore()


@pytest.fixture(autouse=True)
def _tables(local_dynamodb: None) -> None:
    given_client()


def _registration(client_id: str = "test") -> CreateIdentityIn:
    key = ClientKey.new()
    challenge = {"id": ChallengeId.new(), "expiresAt": "2099-01-01T00:00:00.000Z"}
    challenges.table().put({"pk": challenge["id"], "expiresAt": challenge["expiresAt"]})
    body: dict[str, Any] = {
        "clientId": client_id,
        "clientSecret": "test",
        "identityPublicKey": key.public_key,
        "devicePassword": PASSWORD,
        "identityVersion": 1,
        "signedChallenge": key.sign(challenge),
    }
    return CreateIdentityIn.model_validate(body)


def _registering(count: int, client_id: str = "test") -> list[Any]:
    return [partial(api.create_identity, _registration(client_id)) for _ in range(count)]


def _limiting(maximum: int | None, tier: str = TIER) -> Any:
    body = UpdateClientIn.model_validate({"defaultTier": tier, "maxIdentities": maximum})
    return partial(admin_clients_api.update_client, "test", body)


def _identities() -> list[dict[str, Any]]:
    return [item for item in everything() if item["pk"].startswith("ID#") and item["sk"] == "I"]


@pytest.mark.parametrize("limit", [0, 4, 12])
def test_a_limit_set_in_the_middle_of_registrations_holds_from_then_on_and_the_count_is_exact(limit: int) -> None:
    """admin-api.md §5.5: `maxIdentities` smaller than present number of identities 400 …LessThanCurrentIdentities"""
    for _ in range(3):
        given = clients.count_identities("test")

        outcomes = at_once(*_registering(10), _limiting(given + limit))

        found = clients.get_with_count("test")
        assert found.identities == len(_identities()) == tier_store.count_identities(TIER)
        if found.client.max_identities is not None:
            assert found.identities <= given + limit
            assert set(outcomes) <= {"ok", "clientReachedIdentitiesLimit"}
        else:
            assert outcomes == ["maxIdentitiesLessThanCurrentIdentities", *["ok"] * 10]
        clients.update("test", TIER, None)


def test_limits_that_come_and_go_lose_no_registration() -> None:
    """admin-api.md §5.5: Missing/null `maxIdentities` removes the limit"""
    changes = [_limiting(100), _limiting(None), _limiting(90), _limiting(None), _limiting(80)]

    outcomes = at_once(*_registering(12), *changes)

    assert outcomes == ["ok"] * 17
    assert clients.count_identities("test") == len(_identities()) == 12
    clients.update("test", TIER, 12)
    assert at_once(*_registering(3)) == ["clientReachedIdentitiesLimit"] * 3


def test_deleted_identities_are_uncounted_whatever_happens_to_the_limit() -> None:
    at_once(*_registering(6))
    clients.update("test", TIER, 6)

    outcomes = at_once(*[_uncount_one] * 4, _limiting(None), _limiting(50))

    assert outcomes == ["ok"] * 6
    assert clients.count_identities("test") == 2


def _uncount_one() -> None:
    while True:
        try:
            transact(clients.uncounting_identity("test"))
            return
        except TransactionFailed:
            continue


def test_nobody_registers_with_a_client_that_has_been_deleted() -> None:
    """admin-api.md §5.6: Identities created with the client stay; nobody can log in with the deleted client id"""
    outcomes = at_once(*_registering(8), partial(admin_clients_api.delete_client, "test"))

    assert set(outcomes) <= {"ok", "unauthorized"}
    assert "ok" in outcomes
    assert outcomes.count("ok") - 1 == len(_identities()) == clients.count_identities("test")
    assert clients.get("test") is None
    assert clients.all() == []


def test_of_parallel_creations_of_a_client_one_wins() -> None:
    """admin-api.md §5.3: client id exists → 400 clientIdAlreadyExists"""
    body = CreateClientIn.model_validate({"defaultTier": "Basic", "clientId": "new"})

    outcomes = at_once(*[partial(admin_clients_api.create_client, body)] * 4)

    assert outcomes == ["clientIdAlreadyExists"] * 3 + ["ok"]
    assert [found.client.client_id for found in clients.all()] == ["new", "test"]
    assert (tiers.table().get(tiers.key(TIER)) or {})["clients"] == 2


def test_of_parallel_deletions_of_a_client_one_wins() -> None:
    outcomes = at_once(*[partial(admin_clients_api.delete_client, "test")] * 4)

    assert outcomes == ["ok"] + ["recordNotFound"] * 3
    assert (tiers.table().get(tiers.key(TIER)) or {})["clients"] == 0


def test_a_tier_name_is_given_once() -> None:
    """admin-api.md §6: name taken 400 tierNameAlreadyExists"""
    body = CreateTierIn.model_validate({"name": "Gold"})

    outcomes = at_once(*[partial(admin_tiers_api.create_tier, body)] * 4)

    assert outcomes == ["ok"] + ["tierNameAlreadyExists"] * 3


def test_a_tier_is_either_deleted_or_becomes_the_default_of_a_client() -> None:
    """admin-api.md §6: default tier of a client … usedTierCannotBeDeleted"""
    for number in range(6):
        given_tier(GOLD, "Gold")
        body = CreateClientIn.model_validate({"defaultTier": "Gold", "clientId": f"c{number}"})

        outcomes = at_once(partial(admin_tiers_api.delete_tier, GOLD), partial(admin_clients_api.create_client, body))

        assert outcomes in (["ok", "recordNotFound"], ["ok", "usedTierCannotBeDeleted"])
        client = clients.get(f"c{number}")
        assert (client is None) == (tier_store.get(GOLD) is None)
        if client:
            clients.delete(client.client_id)
            tier_store.delete(GOLD)


def test_a_tier_is_either_deleted_or_assigned() -> None:
    """admin-api.md §6: identities assigned … usedTierCannotBeDeleted; §8.2: tier unknown 404"""
    caller = given_owner()
    for _ in range(6):
        given_tier(GOLD, "Gold")
        body = ChangeTierIn.model_validate({"tierId": GOLD})

        outcomes = at_once(
            partial(admin_tiers_api.delete_tier, GOLD),
            partial(admin_identities_api.change_identity_tier, caller.address, body),
        )

        assert outcomes in (["ok", "recordNotFound"], ["ok", "usedTierCannotBeDeleted"])
        tier = DeviceStore().get_identity(caller.address).tier_id
        assert tier == (TIER if tier_store.get(GOLD) is None else GOLD)
        if tier == GOLD:
            tier_store.assign(caller.address, TIER, now=clock.now())
            tier_store.delete(GOLD)


def test_an_identity_never_comes_into_a_tier_that_is_gone() -> None:
    """The client takes another tier and the old one is deleted, while identities register with it."""
    given_tier(GOLD, "Gold")
    clients.update("test", GOLD, None)

    def replace_and_delete() -> None:
        clients.update("test", TIER, None)
        tier_store.delete(GOLD)

    outcomes = at_once(*_registering(8), replace_and_delete)

    assert set(outcomes) <= {"ok", "usedTierCannotBeDeleted"}
    assert outcomes.count("ok") >= 8
    assert len(_identities()) == 8
    existing = {tier.id for tier in tier_store.all()}
    assert {item["tierId"] for item in _identities()} <= existing
    for tier_id in existing:
        assert tier_store.count_identities(tier_id) == [item["tierId"] for item in _identities()].count(tier_id)


def test_an_identity_is_moved_or_queued_for_deletion_and_counted_right_in_both_cases() -> None:
    """admin-api.md §8.2: from or to the queued tier 400"""
    given_tier(GOLD, "Gold")
    for _ in range(4):
        before = {tier: tier_store.count_identities(tier) for tier in (TIER, GOLD)}
        caller = given_owner()
        body = ChangeTierIn.model_validate({"tierId": GOLD})

        outcomes = at_once(
            partial(admin_identities_api.change_identity_tier, caller.address, body), partial(started, caller, 1)
        )

        assert outcomes in (
            ["ok", "ok"],
            ["ok", "queuedForDeletionTierCannotBeManuallyAssignedOrUnassigned"],
        )
        moved = outcomes == ["ok", "ok"]
        identity = DeviceStore().get_identity(caller.address)
        assert identity.tier_id_before_deletion == (GOLD if moved else TIER)
        # `given_owner` puts identities in place without counting them: leaving the first tier counts one less.
        assert tier_store.count_identities(TIER) == before[TIER] - 1
        assert tier_store.count_identities(GOLD) == before[GOLD]


def test_parallel_moves_of_one_identity_end_in_one_tier_with_one_event_each() -> None:
    """admin-api.md §8.2: same tier 400 newAndOldMatch"""
    given_tier(GOLD, "Gold")
    caller = given_owner()
    body = ChangeTierIn.model_validate({"tierId": GOLD})

    outcomes = at_once(*[partial(admin_identities_api.change_identity_tier, caller.address, body)] * 4)

    assert outcomes == ["newAndOldMatch"] * 3 + ["ok"]
    assert tier_store.count_identities(GOLD) == 1
    (event,) = carried_by(identities.table().get(identity_key(caller.address)))
    assert (event.name, event.payload["newTierId"]) == ("TierOfIdentityChanged", GOLD)


def test_a_secret_changed_at_the_same_time_by_several_is_that_of_one_of_them() -> None:
    secrets = [f"secret {number}" for number in range(4)]

    assert at_once(*(partial(admin_clients.change_secret, "test", secret) for secret in secrets)) == ["ok"] * 4

    client = clients.get("test")
    assert client is not None
    assert [passwords.matches(secret, client.secret_hash) for secret in secrets].count(True) == 1
