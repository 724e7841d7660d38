"""Several devices of one identity and their datawallet against a Backbone in memory."""

import pytest

from enmeshed import (
    Account,
    Backbone,
    BackboneError,
    LoginRefusedError,
    MemoryStorage,
    Modification,
    NotFoundError,
    PreconditionError,
    StorageError,
    UnavailableError,
    create_empty_token,
    read_token,
)
from enmeshed.protocol.encoding import unb64json
from tests.people import Identity, new_secret
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone
from tests.unit.sdk.flows import GREETING, connect, hello


@pytest.fixture
def client(backbone: FakeBackbone) -> Backbone:
    return Backbone(BASE_URL, CLIENT_ID, CLIENT_SECRET, transport=backbone.transport)


def test_a_second_device_reads_the_whole_datawallet(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §11.4, §20.1."""
    relationship_id = connect(alice.device, bob.device)
    bob.device.messages.send(alice.address, hello("to all devices"))
    alice.device.sync()
    first, second = alice.device, alice.add_device(name="Second")
    assert second.relationships.get(relationship_id) == first.relationships.get(relationship_id)
    assert [one.content for one in second.messages.all()] == [hello("to all devices")]
    second.messages.send(bob.address, hello("from the second"))
    assert [one.content for one in bob.device.sync().messages] == [hello("from the second")]
    second.sync()
    first.sync()
    assert first.messages.all() == second.messages.all()
    assert first.objects.get("Devices", second.device_id)["publicKey"] == second.session.device_key.public.json()


def test_every_device_has_counters_of_its_own(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §24.1, §6: as the key ids of secrets, a million for each device."""
    connect(alice.device, bob.device)
    second = alice.add_device()
    sent = [device.messages.send(bob.address, hello("x")) for device in (alice.device, second, second)]
    keys = [unb64json(backbone.records[one.id]["recipients"][0]["encryptedKey"]) for one in sent]
    assert [key["cnt"] for key in keys] == [1, 2_000_000, 2_000_001]
    assert len(bob.device.sync().messages) == 3
    second.templates.create(GREETING)
    assert [one["nonce"] for one in second.objects.all("Secrets")][-1] == 2_000_000


@pytest.mark.parametrize("with_password", [False, True])
def test_a_device_is_onboarded_through_an_empty_token(alice: Identity, client: Backbone, with_password: bool) -> None:
    """client-protocol.md §11.3."""
    reference = create_empty_token(client, with_password=with_password)
    with pytest.raises(PreconditionError) as caught:
        read_token(client, reference)
    assert caught.value.code == "error.transport.tokens.emptyToken"
    new = alice.device.devices.create(name="Phone")
    alice.device.devices.share(new, reference.truncated)
    device = Account.onboard(MemoryStorage(), client, reference)
    assert device.address == alice.address
    assert (device.devices.current.name, device.devices.current.is_onboarded) == ("Phone", True)
    assert device.templates.create(GREETING).is_own
    with pytest.raises(PreconditionError) as caught:
        alice.device.devices.share(new, reference)
    assert caught.value.code == "error.client.tokenNotEmpty"


def test_a_device_is_onboarded_once(alice: Identity, client: Backbone) -> None:
    """client-protocol.md §11.2."""
    secret = new_secret(alice.device)
    storage = MemoryStorage()
    Account.onboard(storage, client, secret)
    with pytest.raises(LoginRefusedError):
        Account.onboard(MemoryStorage(), client, secret)
    with pytest.raises(StorageError):
        Account.onboard(storage, client, secret)
    alice.device.sync()
    with pytest.raises(PreconditionError) as caught:
        alice.device.devices.shared_secret(secret.id)
    assert caught.value.code == "error.transport.devices.alreadyOnboarded"
    with pytest.raises(PreconditionError):
        alice.device.devices.delete(secret.id)


def test_an_identity_is_recovered_with_its_latest_kit(
    backbone: FakeBackbone, alice: Identity, client: Backbone
) -> None:
    """client-protocol.md §11.5."""
    assert not alice.device.devices.has_recovery_kit
    lost = alice.device.devices.create_recovery_kit("first")
    kit = alice.device.devices.create_recovery_kit("recover")
    assert alice.device.devices.has_recovery_kit
    with pytest.raises(NotFoundError):
        Account.onboard(MemoryStorage(), client, lost.reference, password="first")
    with pytest.raises(NotFoundError):
        Account.onboard(MemoryStorage(), client, kit.reference, password="wrong")
    recovered = Account.onboard(MemoryStorage(), client, kit.reference.url, password="recover", device_name="Found")
    assert (recovered.address, recovered.is_admin) == (alice.address, True)
    assert recovered.devices.current.name == "Found"
    assert [device.is_backup_device for device in recovered.devices.all()] == [False, True]


def test_an_onboarded_device_has_changed_its_password(
    backbone: FakeBackbone, alice: Identity, client: Backbone
) -> None:
    """client-protocol.md §11.4."""
    secret = new_secret(alice.device)
    device = Account.onboard(MemoryStorage(), client, secret)
    assert backbone.users[secret.username]["password"] != secret.password
    changed = backbone.users[secret.username]["password"]
    device.devices.change_password()
    assert backbone.users[secret.username]["password"] != changed
    device.connection.forget_token()
    device.sync()


def test_a_device_that_is_no_admin_cannot_sign_for_the_identity(alice: Identity) -> None:
    """client-protocol.md §11.2."""
    device = alice.add_device(is_admin=False)
    with pytest.raises(PreconditionError):
        device.templates.create(GREETING)
    with pytest.raises(PreconditionError):
        device.devices.create()


def test_devices_are_renamed_for_all_and_leave(alice: Identity) -> None:
    """client-protocol.md §11.4, §20.1."""
    second = alice.add_device(name="Second")
    second.devices.rename(second.device_id, "Laptop", description="on the desk")
    second.offboard()
    alice.device.sync()
    seen = alice.device.devices.get(second.device_id)
    assert (seen.name, seen.description, seen.is_offboarded) == ("Laptop", "on the desk", True)


def test_own_modifications_are_pushed_and_pulled(alice: Identity) -> None:
    """client-protocol.md §20.2."""
    second = alice.add_device()
    alice.device.datawallet.pull()
    created = Modification("Settings", "LCLSET1", "Create", "Content", {"value": {"x": 1}})
    alice.device.datawallet.push_now([created, Modification("Settings", "LCLSET1", "Delete")])
    assert second.datawallet.pull() == [created, Modification("Settings", "LCLSET1", "Delete")]
    assert second.objects.all("Settings") == []


def test_of_two_devices_that_changed_something_the_later_pushes_last(alice: Identity) -> None:
    """client-protocol.md §20.2: a push onto an outdated index pulls first, then both agree."""
    first, second = alice.device, alice.add_device()
    first.sync()
    template = first.templates.create(GREETING)
    second.templates.create(GREETING)
    first.sync()
    second.datawallet.push()
    first.devices.rename(second.device_id, "named by the first")
    second.devices.rename(second.device_id, "named by the second")
    first.sync()
    second.sync()
    first.sync()
    assert {one.devices.get(second.device_id).name for one in (first, second)} == {"named by the second"}
    assert {one.id for one in first.templates.all()} == {one.id for one in second.templates.all()}
    assert template.id in {one.id for one in second.templates.all()}


def test_what_one_device_deleted_stays_deleted(alice: Identity) -> None:
    """client-protocol.md §20.1: a change that another device made before it knew does not bring it back."""
    first, second = alice.device, alice.add_device()
    first.datawallet.push_now([Modification("Settings", "LCLSET1", "Create", "Userdata", {"value": 1})])
    second.sync()
    second.objects.update("Settings", {**second.objects.get("Settings", "LCLSET1"), "value": 2})
    first.datawallet.push_now([Modification("Settings", "LCLSET1", "Delete")])
    second.sync()
    first.sync()
    assert first.objects.all("Settings") == second.objects.all("Settings") == []


def test_a_request_that_two_devices_received_belongs_to_the_one_that_finished(
    backbone: FakeBackbone, alice: Identity, bob: Identity
) -> None:
    """client-protocol.md §15: each makes secrets on receiving; those in use count, for both."""
    first, second = alice.device, alice.add_device()
    template = bob.device.templates.load(alice.device.templates.create(GREETING).reference)
    first.sync()
    relationship = bob.device.relationships.request(template, hello("may I?"))
    backbone.is_down_for_finalizing = True
    first.session.sleep = lambda _: None
    with pytest.raises(UnavailableError):
        first.sync()
    backbone.is_down_for_finalizing = False
    backbone.expire_runs()
    second.sync()
    second.relationships.accept(relationship.id)
    for device in (second, bob.device, first, second, first):
        device.sync()
    assert first.relationships.get(relationship.id) == second.relationships.get(relationship.id)
    for device in (first, second):
        device.messages.send(bob.address, hello("to Bob"))
    assert len(bob.device.sync().messages) == 2
    bob.device.messages.send(alice.address, hello("to Alice"))
    assert [one.content for one in first.sync().messages] == [hello("to Alice")]


def test_a_device_waits_while_another_one_syncs(backbone: FakeBackbone, alice: Identity) -> None:
    """synchronization.md §2.3, §3.3: for a while, then the refusal is reported."""
    codes = {
        "POST /api/v2/SyncRuns": "error.platform.validation.syncRun.cannotStartSyncRunWhenAnotherSyncRunIsRunning",
        "POST /api/v2/Datawallet/Modifications": (
            "error.platform.validation.datawallet.cannotPushDatawalletModificationsDuringActiveSyncRun"
        ),
    }
    for line, code in codes.items():
        waits: list[float] = []
        alice.device.session.sleep = waits.append
        alice.device.templates.create(GREETING)
        backbone.refuse(line, code, times=3)
        alice.device.sync()
        assert waits == [0.25, 0.5, 1.0]
        backbone.refuse(line, code, times=100)
        alice.device.templates.create(GREETING)
        with pytest.raises(BackboneError) as caught:
            alice.device.sync()
        assert (caught.value.code, 15 <= sum(waits) - 1.75 < 20) == (code, True)
        backbone.refusals.clear()
        alice.device.sync()
