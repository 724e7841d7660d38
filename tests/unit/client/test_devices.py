"""Several devices of one identity and their datawallet against a Backbone in memory."""

import pytest

from tests.client import (
    BackboneApi,
    ClientError,
    Device,
    DeviceSharedSecret,
    Identity,
    Modification,
    ProtocolError,
    create_empty_token,
    load_token,
)
from tests.client.encoding import unb64json
from tests.unit.client.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone
from tests.unit.client.flows import GREETING, connect, hello


def test_a_second_device_reads_the_whole_datawallet(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §11.4, §20.1."""
    relationship_id = connect(alice.device, bob.device)
    bob.device.send_message([alice.address], hello("to all devices"))
    alice.device.sync()
    first, second = alice.device, alice.add_device(name="Second")
    assert second.relationships.get(relationship_id) == first.relationships.get(relationship_id)
    assert [one.content for one in second.messages.all()] == [hello("to all devices")]
    second.send_message([bob.address], hello("from the second"))
    assert [one.content for one in bob.device.sync().messages] == [hello("from the second")]
    second.sync()
    first.sync()
    assert first.messages.all() == second.messages.all()
    assert first.account.store.get("Devices", second.id)["publicKey"] == second.account.device_key.public.json()


def test_the_second_device_counts_on_where_the_first_one_stopped(
    backbone: FakeBackbone, alice: Identity, bob: Identity
) -> None:
    """client-protocol.md §24.1, §6: the counter travels with the secret."""
    connect(alice.device, bob.device)
    alice.device.send_message([bob.address], hello("1"))
    second = alice.add_device()
    sent = second.send_message([bob.address], hello("2"))
    assert unb64json(backbone.records[sent.id]["recipients"][0]["encryptedKey"])["cnt"] == 2
    containers = [one for one in second.account.store.all("Secrets") if one["nonce"] >= 2_000_000]
    assert len(containers) == 1


def test_a_device_is_onboarded_through_an_empty_token(backbone: FakeBackbone, alice: Identity) -> None:
    """client-protocol.md §11.3."""
    new_device = BackboneApi(BASE_URL, CLIENT_ID, CLIENT_SECRET, transport=backbone.transport)
    reference = create_empty_token(new_device)
    with pytest.raises(ProtocolError) as caught:
        load_token(new_device, reference)
    assert caught.value.code == "error.transport.tokens.emptyToken"
    alice.device.fill_token(reference.truncated(), alice.device.add_device(name="Phone"))
    content = load_token(new_device, reference)
    device = Device.onboard(new_device, DeviceSharedSecret.parse(content["sharedSecret"]))
    assert device.address == alice.address
    assert device.account.store.get("Devices", device.id)["name"] == "Phone"
    assert device.create_template(GREETING).is_own


def test_an_onboarded_device_has_changed_its_password(backbone: FakeBackbone, alice: Identity) -> None:
    """client-protocol.md §11.4."""
    secret = alice.device.add_device()
    device = Device.onboard(alice.device.api, secret)
    assert backbone.users[secret.username]["password"] != secret.password
    device.api.forget_token()
    device.sync()


def test_a_device_that_is_no_admin_cannot_sign_for_the_identity(alice: Identity) -> None:
    """client-protocol.md §11.2."""
    device = alice.add_device(is_admin=False)
    with pytest.raises(ProtocolError):
        device.create_template(GREETING)


def test_own_modifications_are_pushed_and_pulled(alice: Identity) -> None:
    """client-protocol.md §20.2."""
    second = alice.add_device()
    alice.device.pull()
    created = Modification("Settings", "LCLSET1", "Create", "Content", {"value": {"x": 1}})
    alice.device.push([created, Modification("Settings", "LCLSET1", "Delete")])
    assert second.pull() == [created, Modification("Settings", "LCLSET1", "Delete")]
    assert second.account.store.all("Settings") == []


def test_a_push_onto_an_outdated_index_is_refused(alice: Identity) -> None:
    """client-protocol.md §20.2: not handled specially, the next synchronisation repeats it."""
    second = alice.add_device()
    alice.device.create_template(GREETING)
    with pytest.raises(ClientError) as caught:
        alice.device.push()
    assert caught.value.code == "error.platform.validation.datawallet.datawalletNotUpToDate"
    alice.device.sync()
    second.sync()
    assert len(second.account.store.all("Templates")) == 1
