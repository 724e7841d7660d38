"""How a token is opened: to read it, or to fill it.  Contract: tokens.md, sections 3.2, 3.5 and 4.

Both ask for the same things in the same order; they differ in who need not be asked.
"""

from datetime import datetime

from backbone.caller import Caller
from backbone.errors import BackboneError, RecordNotFound
from backbone.ids import TokenId
from functions.tokens.domain import Token, TooManyFailedPasswordAttempts
from functions.tokens.store import FoundToken, TokenStore

_ATTEMPTS = 5
"""Counting a wrong password has two regimes, before the last one and at it; every lost race moves between them."""


def read_token(
    tokens: TokenStore, token_id: TokenId, caller: Caller | None, *, password: bytes | None, now: datetime
) -> FoundToken:
    """The token, allocated by the caller from now on.

    Raises `RecordNotFound` or `TooManyFailedPasswordAttempts`, and counts a wrong password.
    """
    address = caller.address if caller else None
    found = tokens.find(token_id, address)
    if found.token.is_always_open_to(found.viewer):
        return found
    found.token.check_reachable_for(address, now)
    if not found.token.is_opened_by(password):
        raise refusal_of_wrong_password(tokens, found.token, now=now)
    if caller is not None:
        tokens.allocate(found.token, caller, now=now)
    return found


def fill_token(
    tokens: TokenStore, token_id: TokenId, caller: Caller, *, content: bytes, password: bytes | None, now: datetime
) -> Token:
    """The token as it is once it has its content, and the caller as its creator.

    The creator has but one privilege: the token need not be for him.  Raises `RecordNotFound`,
    `TooManyFailedPasswordAttempts` or `ContentAlreadyExists`, and counts a wrong password.
    """
    token = tokens.get(token_id)
    token.check_reachable_for(caller.address, now)
    if not token.is_opened_by(password):
        raise refusal_of_wrong_password(tokens, token, now=now)
    token.check_empty()
    filled, event = token.filled_by(caller)
    tokens.fill(filled, event, content, now=now)
    return filled


def refusal_of_wrong_password(tokens: TokenStore, token: Token, *, now: datetime) -> BackboneError:
    """Count the attempt; gives the error to raise, which is another one when the attempt was the last (§3.2, rule 6).

    Whoever counts the last attempt carries the event, hence exactly once.
    """
    for _ in range(_ATTEMPTS):
        failed, locked = token.after_wrong_password()
        changed = tokens.count_wrong_password(token, failed, locked, now=now)
        if changed is None:
            return TooManyFailedPasswordAttempts() if failed.is_locked else RecordNotFound("Token")
        token = changed
    return RecordNotFound("Token")
