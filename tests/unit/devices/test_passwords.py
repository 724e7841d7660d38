"""Passwords and secrets.  Contract: devices.md, section 1."""

import nacl.pwhash.argon2id
import pytest

from functions.devices import passwords
from functions.devices.passwords import VerifiedSecrets, hash_secret, is_acceptable, matches


@pytest.mark.parametrize(("password", "acceptable"), [("", False), ("a", True), (" ", True), ("password", True)])
def test_test_systems_accept_any_password(password: str, acceptable: bool) -> None:
    """devices.md §1: `Development`: at least 1 character"""
    assert is_acceptable(password, "relaxed") is acceptable


@pytest.mark.parametrize(
    ("password", "acceptable"),
    [
        ("Passw0rd!!", True),
        ("Pässw0rd!1", True),
        ("Passw0rdäö", True),
        ("Passw0rd!", False),
        ("passw0rd!!", False),
        ("PASSW0RD!!", False),
        ("Password!!", False),
        ("Passw0rd00", False),
        ("Äassw0rd!!", False),
    ],
)
def test_production_demands_strong_passwords(password: str, acceptable: bool) -> None:
    """devices.md §1: at least 10 characters, at least one `A-Z`, one `a-z`, one `0-9`, one character that is none of
    these"""
    assert is_acceptable(password, "strict") is acceptable


def test_a_hash_matches_its_secret_only() -> None:
    hashed = hash_secret("sécret\0")

    assert matches("sécret\0", hashed)
    assert not matches("sécret", hashed)
    assert not matches("sécret\0", None)


def test_two_hashes_of_one_secret_differ() -> None:
    assert hash_secret("secret") != hash_secret("secret")


def test_hashes_carry_the_recommended_parameters() -> None:
    assert hash_secret("secret").startswith("$argon2id$v=19$m=7168,t=5,p=1$")


def test_nobody_s_hash_costs_what_any_hash_costs() -> None:
    """An unknown user takes as long as a wrong password."""
    real = hash_secret("secret")

    assert len(passwords._NOBODYS_HASH) == len(real)
    assert passwords._NOBODYS_HASH.split("$")[:4] == real.split("$")[:4]


def test_hashes_with_other_parameters_still_match() -> None:
    """The string form carries its own parameters, so the constants may change."""
    hashed = nacl.pwhash.argon2id.str(b"secret", 3, 12 * 1024 * 1024).decode()

    assert matches("secret", hashed)


class TestVerifiedSecrets:
    """A process remembers which secrets it has verified."""

    @pytest.fixture(autouse=True)
    def _count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.verifications = 0
        verify = passwords.matches

        def counted(secret: str, secret_hash: str | None) -> bool:
            self.verifications += 1
            return verify(secret, secret_hash)

        monkeypatch.setattr(passwords, "matches", counted)

    def test_a_right_secret_is_verified_once(self) -> None:
        verified, hashed = VerifiedSecrets(), hash_secret("secret")

        assert [verified.matches("secret", hashed) for _ in range(3)] == [True] * 3
        assert self.verifications == 1

    def test_a_wrong_secret_is_refused_every_time(self) -> None:
        verified, hashed = VerifiedSecrets(), hash_secret("secret")
        verified.matches("secret", hashed)

        assert [verified.matches("wrong", hashed) for _ in range(2)] == [False] * 2
        assert verified.matches("secret", hashed)

    def test_a_changed_secret_is_verified_anew(self) -> None:
        verified = VerifiedSecrets()
        verified.matches("secret", hash_secret("secret"))

        assert not verified.matches("secret", hash_secret("changed"))

    def test_nobody_is_never_right(self) -> None:
        verified = VerifiedSecrets()

        assert not verified.matches("secret", None)
        assert self.verifications == 1

    def test_it_does_not_grow_without_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(VerifiedSecrets, "CAPACITY", 1)
        verified = VerifiedSecrets()
        for secret in ("one", "two", "three"):
            assert verified.matches(secret, hash_secret(secret))

        assert len(verified._known) == 1

    def test_it_holds_no_secret(self) -> None:
        verified, hashed = VerifiedSecrets(), hash_secret("s3cret")
        verified.matches("s3cret", hashed)

        assert "s3cret" not in repr(vars(verified))
