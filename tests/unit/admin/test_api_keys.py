"""Keys of the Admin API and the command `backbone admin-key`."""

from threading import Barrier, Thread

import pytest

from backbone import admin_keys, clock
from functions.admin import api_keys
from functions.admin.api_key_store import ApiKeyStore, ChangedMeanwhile
from tests.support.api import InProcessApi
from tests.support.command import backbone
from tests.support.engine import ADMIN_KEYS, aws

URL = "/api/v1/Announcements"


def run(*arguments: str) -> tuple[int, str]:
    """What `backbone admin-key` answers; on success what it prints, else its complaint."""
    outcome = backbone("admin-key", *arguments)
    admin_keys.forget_keys()
    return outcome.code, (outcome.err if outcome.code else outcome.out).rstrip("\n")


@pytest.fixture
def _no_key(moto: None) -> None:
    aws("ssm").delete_parameter(Name=ADMIN_KEYS)
    admin_keys.forget_keys()


@pytest.mark.usefixtures("_no_key")
def test_the_first_key_lets_the_first_operator_in(admin: InProcessApi) -> None:
    assert admin.get(URL).status == 401

    outcome, key = run("create", "--name", "me")

    assert outcome == 0
    assert len(key) == 43  # 32 random bytes
    assert admin.get(URL, headers={"x-api-key": key}).status == 200


def test_keys_are_rotated_without_a_gap(admin: InProcessApi) -> None:
    _, old = run("create", "--name", "connector of the city")
    _, new = run("create", "--name", "connector of the city")
    assert all(admin.get(URL, headers={"x-api-key": key}).status == 200 for key in (old, new))
    ids = [key["id"] for key in backbone("admin-key", "list", "--json").json]

    assert run("delete", "--id", ids[1]) == (0, "")

    assert [admin.get(URL, headers={"x-api-key": key}).status for key in ("test", old, new)] == [200, 401, 200]


def test_the_list_shows_names_and_no_keys(moto: None) -> None:
    _, key = run("create", "--name", "me")

    _, listed = run("list")

    assert [key["name"] for key in backbone("admin-key", "list", "--json").json] == ["key 0", "me"]
    assert "key 0" in listed
    assert key not in listed


def test_what_is_stored_does_not_tell_the_key(moto: None) -> None:
    keys = [run("create", "--name", "same")[1] for _ in range(2)]

    stored = aws("ssm").get_parameter(Name=ADMIN_KEYS)["Parameter"]["Value"]

    assert not any(key in stored for key in keys)
    assert len({key.hash for key in admin_keys.load(stored)}) == 3


def test_the_same_key_is_kept_differently_each_time() -> None:
    first, second = (admin_keys.seal("same", name="", now=clock.now()) for _ in range(2))

    assert first.hash != second.hash
    assert first.opens_for("same")
    assert not first.opens_for("other")


@pytest.mark.parametrize("name", ["", "x" * 51, "two\nlines"])
def test_a_name_fits_a_line(moto: None, name: str) -> None:
    outcome, complaint = run("create", "--name", name)

    assert (outcome, complaint) == (1, "error: a name has 1 to 50 printable characters")


def test_an_unknown_id_is_told(moto: None) -> None:
    assert run("delete", "--id", "unknown") == (1, "error: there is no key 'unknown'")


def test_all_keys_that_may_be_there_fit_the_parameter(moto: None) -> None:
    outcomes = [run("create", "--name", "\N{GRINNING FACE}" * 50)[0] for _ in range(api_keys.MAX_KEYS)]

    assert outcomes == [0] * (api_keys.MAX_KEYS - 1) + [1]  # one was there
    stored = aws("ssm").get_parameter(Name=ADMIN_KEYS)["Parameter"]["Value"]
    assert len(stored.encode()) <= 4096


def test_two_operators_at_once_are_told(moto: None) -> None:
    """No change is lost in silence."""
    store = ApiKeyStore()

    def somebody_else_comes_first(keys: tuple[admin_keys.ApiKey, ...]) -> tuple[admin_keys.ApiKey, ...]:
        api_keys.create(ApiKeyStore(), "somebody else", now=clock.now())
        return keys

    with pytest.raises(ChangedMeanwhile):
        store.change(somebody_else_comes_first)


@pytest.mark.usefixtures("_no_key")
def test_two_first_keys_at_once_are_told(moto: None) -> None:
    store = ApiKeyStore()

    def somebody_else_comes_first(keys: tuple[admin_keys.ApiKey, ...]) -> tuple[admin_keys.ApiKey, ...]:
        api_keys.create(ApiKeyStore(), "somebody else", now=clock.now())
        return keys

    with pytest.raises(ChangedMeanwhile):
        store.change(somebody_else_comes_first)
    assert [key.name for key in store.all()] == ["somebody else"]


def test_keys_are_read_again_after_a_while(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deleted key ends, a new one begins, without a new start of the function; and not every request asks."""
    asked = 0
    now = 1000.0
    read = admin_keys._read

    def counted() -> tuple[admin_keys.ApiKey, ...]:
        nonlocal asked
        asked += 1
        return read()

    monkeypatch.setattr(admin_keys, "_read", counted)
    monkeypatch.setattr("backbone.parameters.time.monotonic", lambda: now)
    admin_keys.find("test")
    for _ in range(3):
        with pytest.raises(admin_keys.InvalidApiKey):
            admin_keys.find("wrong")
    assert asked == 1

    aws("ssm").put_parameter(Name=ADMIN_KEYS, Value="[]", Type="String", Overwrite=True)
    now += admin_keys.KEYS_MAX_AGE_SECONDS + 1
    with pytest.raises(admin_keys.InvalidApiKey):
        admin_keys.find("test")
    assert asked == 2


def test_all_keys_are_compared_whichever_is_right(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes tells nothing."""
    for _ in range(4):
        api_keys.create(ApiKeyStore(), "x", now=clock.now())
    compared: list[str] = []
    monkeypatch.setattr(admin_keys.ApiKey, "opens_for", lambda key, text: compared.append(key.id) or text == "test")
    admin_keys.forget_keys()

    admin_keys.find("test")
    with pytest.raises(admin_keys.InvalidApiKey):
        admin_keys.find("wrong")

    assert len(compared) == 10


def test_functions_may_ask_at_the_same_time(moto: None) -> None:
    barrier = Barrier(4)
    found: list[str] = []

    def ask() -> None:
        barrier.wait()
        found.append(admin_keys.find("test").name)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["key 0"] * 4
