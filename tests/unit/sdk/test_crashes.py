"""Killed between any two writes or requests and opened again: nothing is lost, nothing is sent twice."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from enmeshed import Account, Backbone, MemoryStorage, Modification
from tests.people import Identity, new_secret
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone
from tests.unit.sdk.flows import GREETING, REQUEST, connect, hello, new_identity
from tests.unit.sdk.killing import Countdown, Killed, Lives

pytestmark = pytest.mark.slow
COLLECTIONS = ("Devices", "Templates", "Relationships", "Messages", "Files", "Secrets", "Tokens")


def at_every_point(tmp_path: Path, play: Callable[[Path, Countdown], None]) -> int:
    """Play something, killed at the first point, then at the second …, until it was not killed. How many there were."""
    point = 1
    while True:
        countdown = Countdown(point)
        play(tmp_path / f"{point}.sqlite", countdown)
        if countdown.points < point:
            return point - 1
        point += 1


def survives(lives: Lives, act: Callable[[Account], None]) -> None:
    """Do something; if that is killed, open the account again and synchronise."""
    try:
        with lives.account() as account:
            act(account)
    except Killed:
        pass
    lives.countdown.stop()
    with lives.account() as account:
        account.sync()


def assert_another_device_agrees(backbone: FakeBackbone, lives: Lives) -> None:
    """A fresh device knows from the datawallet what this one knows, and nothing was pushed twice."""
    with lives.account() as account:
        account.sync()
        key = account.session.keys.synchronization_key
        pushed = Counter(str(Modification.decrypt(item, key)) for item in backbone.wallets[account.address])
        assert set(pushed.values()) == {1}
        client = Backbone(BASE_URL, CLIENT_ID, CLIENT_SECRET, transport=backbone.transport)
        other = Account.onboard(MemoryStorage(), client, new_secret(account))
        account.sync()
        for collection in COLLECTIONS:
            mine = {one["id"]: _shared(one) for one in account.objects.all(collection)}
            assert mine == {one["id"]: _shared(one) for one in other.objects.all(collection)}, collection


def _shared(value: dict[str, object]) -> dict[str, object]:
    """Without what only new devices lose (§20.1: a member that vanished stays elsewhere)."""
    return {name: part for name, part in value.items() if name != "initialPassword"}


def test_an_identity_is_whole_or_not_there(tmp_path: Path) -> None:
    """client-protocol.md §9."""

    def play(path: Path, countdown: Countdown) -> None:
        backbone = FakeBackbone()
        lives = Lives(backbone, path, countdown)
        survives(lives, lambda account: None)
        assert_another_device_agrees(backbone, lives)

    assert at_every_point(tmp_path, play) > 20


def test_a_message_is_sent_once_and_known_as_sent(tmp_path: Path) -> None:
    """client-protocol.md §17: what arrived is there as sent, what did not is not; counters never repeat."""

    def play(path: Path, countdown: Countdown) -> None:
        backbone = FakeBackbone()
        bob = new_identity(backbone)
        lives = Lives(backbone, path, Countdown())
        with lives.account() as alice:
            connect(alice, bob.device)
        lives.countdown = countdown
        survives(lives, lambda account: send_two(account, bob))
        with lives.account() as alice:
            sent = [message.id for message in alice.messages.all()]
            assert sent == [record for record in backbone.records if record.startswith("MSG")]
            if len(sent) < 2:
                alice.messages.send(bob.address, hello("again"))
        received = [message.id for message in bob.device.sync().messages]
        assert sent == received[: len(sent)]
        assert Counter(received).most_common(1)[0][1] == 1
        counters = [m["recipients"][0]["encryptedKey"] for m in backbone.records.values() if "body" in m]
        assert len(set(counters)) == len(counters)
        assert_another_device_agrees(backbone, lives)

    assert at_every_point(tmp_path, play) > 10


def send_two(account: Account, bob: Identity) -> None:
    account.messages.send(bob.address, hello("1"))
    account.messages.send(bob.address, hello("2"))


def test_events_are_reported_though_their_synchronisation_was_killed(tmp_path: Path) -> None:
    """client-protocol.md §20.4: each message is kept once, and told about once at least."""

    def play(path: Path, countdown: Countdown) -> None:
        backbone = FakeBackbone()
        bob = new_identity(backbone)
        lives = Lives(backbone, path, Countdown())
        with lives.account() as alice:
            connect(alice, bob.device)
            file = bob.device.files.upload(b"content")
            for number in range(2):
                bob.device.messages.send(alice.address, hello(str(number)), attachments=[file])
        lives.countdown = countdown
        told: list[str] = []
        for _ in range(2):
            try:
                with lives.account() as alice:
                    told += [message.content["value"] for message in alice.sync().messages]
            except Killed:
                backbone.expire_runs()
        countdown.stop()
        with lives.account() as alice:
            assert [message.content["value"] for message in alice.messages.all()] == ["0", "1"]
            assert alice.files.download(file.id) == b"content"
        assert set(told) == {"0", "1"}
        assert_another_device_agrees(backbone, lives)

    assert at_every_point(tmp_path, play) > 20


@pytest.mark.parametrize("role", ["templator", "requestor"])
def test_a_relationship_survives_on_both_sides(tmp_path: Path, role: str) -> None:
    """client-protocol.md §15, §16: whoever is killed wherever, both can write to each other in the end."""

    def play(path: Path, countdown: Countdown) -> None:
        backbone = FakeBackbone()
        bob = new_identity(backbone)
        lives = Lives(backbone, path, Countdown())
        with lives.account():
            pass
        lives.countdown = countdown
        {"templator": as_templator, "requestor": as_requestor}[role](lives, bob, backbone)
        countdown.stop()
        with lives.account() as alice:
            alice.sync()
            bob.device.sync()
            alice.messages.send(bob.address, hello("to Bob"))
            bob.device.messages.send(alice.address, hello("to Alice"))
            assert [one.content for one in alice.sync().messages] == [hello("to Alice")]
            assert [one.content for one in bob.device.sync().messages] == [hello("to Bob")]
        assert_another_device_agrees(backbone, lives)

    assert at_every_point(tmp_path, play) > 20


def as_templator(lives: Lives, bob: Identity, backbone: FakeBackbone) -> None:
    step(lives, backbone, lambda alice: alice.templates.create(GREETING), lambda alice: bool(alice.templates.all()))
    with lives.account() as alice:
        template = bob.device.templates.load(alice.templates.all()[0].reference)
        relationship = bob.device.relationships.request(template, REQUEST)
    step(lives, backbone, lambda alice: alice.sync(), lambda alice: bool(alice.relationships.all()))
    is_active = lambda alice: alice.relationships.all()[0].status == "Active"  # noqa: E731
    step(lives, backbone, lambda alice: alice.relationships.accept(relationship.id), is_active)


def as_requestor(lives: Lives, bob: Identity, backbone: FakeBackbone) -> None:
    reference = bob.device.templates.create(GREETING).reference
    step(lives, backbone, lambda alice: alice.templates.load(reference), lambda alice: bool(alice.templates.all()))

    def request(alice: Account) -> None:
        alice.relationships.request(alice.templates.all()[0], REQUEST)

    step(lives, backbone, request, lambda alice: backbone.has_relationship_of(alice.address))
    bob.device.sync()
    bob.device.relationships.accept(bob.device.relationships.all()[0])
    is_active = lambda alice: [one.status for one in alice.relationships.all()] == ["Active"]  # noqa: E731
    step(lives, backbone, lambda alice: alice.sync(), is_active)


def step(
    lives: Lives, backbone: FakeBackbone, act: Callable[[Account], object], is_done: Callable[[Account], bool]
) -> None:
    """Do something; killed, open again, synchronise, and do it again if it was not done."""
    for is_second in (False, True):
        try:
            with lives.account() as account:
                if is_second:
                    account.sync()
                if not is_done(account):
                    act(account)
        except Killed:
            backbone.expire_runs()


def test_a_device_is_onboarded_though_it_was_killed(tmp_path: Path) -> None:
    """client-protocol.md §11.4: once its keys are kept, opening goes on; before, the secret is still good."""

    def play(path: Path, countdown: Countdown) -> None:
        backbone = FakeBackbone()
        alice = new_identity(backbone)
        alice.device.templates.create(GREETING)
        secret = new_secret(alice.device, name="Second")
        lives = Lives(backbone, path, countdown)
        try:
            lives.onboard(secret)
        except Killed:
            if not lives.has_keys():
                lives.onboard(secret)
        countdown.stop()
        with lives.account() as second:
            second.sync()
            assert second.address == alice.address
            assert second.devices.current.is_onboarded
            assert len(second.templates.all()) == 1
        assert backbone.users[secret.username]["password"] != secret.password
        assert_another_device_agrees(backbone, lives)

    assert at_every_point(tmp_path, play) > 20
