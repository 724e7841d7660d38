"""The command ``enmeshed``: two people and two machines, as they would type."""

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import enmeshed.cli.main as command
from enmeshed import Backbone
from enmeshed.cli import run as run_command
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone

CLIENT = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
Run = Callable[..., Any]


@pytest.fixture
def run(
    backbone: FakeBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command for somebody; returns what ``--json`` printed, or the plain text."""
    monkeypatch.setattr(command, "Backbone", lambda *a: Backbone(*a, transport=backbone.transport))
    monkeypatch.setenv("COLUMNS", "200")

    def run_as(who: str, *arguments: str, as_json: bool = True, status: int = 0) -> Any:
        options = ["--home", str(tmp_path / who), *(["--json"] if as_json else [])]
        monkeypatch.setattr("sys.argv", ["enmeshed", *options, *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        printed = capsys.readouterr()
        assert ended.value.code == status, printed
        return json.loads(printed.out) if as_json else printed.out + printed.err

    return run_as


def test_two_people_meet_and_write(run: Run, tmp_path: Path) -> None:
    alice = run("alice", "init", BASE_URL, *CLIENT, "--name", "Laptop")
    bob = run("bob", "init", BASE_URL, *CLIENT)
    assert (alice["device"], alice["contacts"], alice["devices"]) == ("Laptop", 0, 1)
    invitation = run("alice", "invite", "it is me", "--password", "1234", "--once")
    run("bob", "accept", invitation["reference"], "--password", "1234", "--text", "it is Bob")
    [request] = run("alice", "sync")
    assert (request["text"], request["status"], request["with"]) == ("it is Bob", "Pending", bob["address"])
    assert run("alice", "status")["requests"] == 1
    assert run("alice", "accept", bob["address"][-6:])["status"] == "Active"
    assert [event["status"] for event in run("bob", "sync")] == ["Active"]
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Alice")
    run("bob", "send", alice["address"], "see the letter", "--attach", str(letter))
    event = run("alice", "listen", "--events", "1")["event"]
    assert event == "MessageReceived"
    [message] = run("alice", "inbox", "--keep-unread")
    assert (message["text"], message["from"]) == ("see the letter", bob["address"])
    assert run("alice", "inbox") == [message]
    assert run("alice", "inbox") == []
    assert run("alice", "inbox", "--all") == [message]
    written = run("alice", "files", "download", message["files"][0], "--to", str(tmp_path / "alice"))
    assert Path(written["written to"]).read_text() == "Dear Alice"
    [contact] = run("bob", "contacts")
    assert (contact["address"], contact["waits for you"]) == (alice["address"], False)


def test_an_identity_has_several_devices(run: Run, tmp_path: Path) -> None:
    run("laptop", "init", BASE_URL, *CLIENT)
    handed = run("laptop", "devices", "add", "Phone", "--password", "secret")
    phone = run("phone", "init", BASE_URL, *CLIENT, "--onboard", handed["reference"], "--password", "secret")
    assert phone["address"] == run("laptop", "status")["address"]
    run("phone", "devices", "rename", handed["device"], "Old phone")
    run("laptop", "sync")
    names = [device["name"] for device in run("laptop", "devices", "list")]
    assert names == [None, "Old phone"]
    kit = run("laptop", "devices", "recovery-kit", "--password", "recover")
    found = run("found", "init", BASE_URL, *CLIENT, "--onboard", kit["reference"], "--password", "recover")
    assert found["address"] == phone["address"]
    file = tmp_path / "a.txt"
    file.write_text("x")
    uploaded = run("found", "files", "upload", str(file))
    run("laptop", "sync")
    assert [one["id"] for one in run("laptop", "files", "list")] == [uploaded["id"]]


def test_people_get_text_and_a_qr_code(run: Run) -> None:
    run("alice", "init", BASE_URL, *CLIENT, as_json=False)
    printed = run("alice", "invite", "it is me [x]", as_json=False)
    assert "http://localhost:8090/r/RLT" in printed
    assert "█▀" in printed
    assert "no contacts" in run("alice", "contacts", as_json=False)
    assert "did:e:localhost" in run("alice", "status", as_json=False)


def test_errors_have_a_code_and_a_status(run: Run) -> None:
    assert run("nobody", "status", status=1)["error"]["code"] == "error.client.noAccount"
    wrong = run("alice", "init", BASE_URL, "--client-id", CLIENT_ID, "--client-secret", "wrong", status=1)
    assert wrong["error"]["code"] == "error.transport.general.platformClientInvalid"
    run("alice", "init", BASE_URL, *CLIENT)
    again = run("alice", "init", BASE_URL, *CLIENT, status=1)
    assert again["error"]["code"] == "error.client.accountExists"
    assert "error.transport.recordNotFound" in run("alice", "send", "somebody", "x", as_json=False, status=1)
    assert run("alice", "accept", "http://x/r/RLT", status=1)["error"]["code"].startswith("error.core-types")


def test_secrets_are_for_their_owner(run: Run, tmp_path: Path) -> None:
    run("alice", "init", BASE_URL, *CLIENT)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "alice").iterdir()}
    assert {modes["settings.json"], modes["account.sqlite"]} == {0o600}


def test_without_the_extra_the_command_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "enmeshed.cli.main", None)
    with pytest.raises(SystemExit) as ended:
        run_command()
    assert "enmeshed[cli]" in str(ended.value.code)
