"""Where tokens and their allocations are kept."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from backbone import clock, expiry, payloads
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import (
    TRANSACTION_LIMIT,
    ConditionFailed,
    Item,
    Key,
    Table,
    TransactionFailed,
    batch_get,
    transact,
    write,
    write_all,
)
from backbone.errors import Forbidden, RecordNotFound
from backbone.events import carried, farewell
from backbone.events.tokens import TokenCreated, TokenFilled, TokenLocked, TokenRemoved
from backbone.http import Page, PageOf
from backbone.ids import DeviceId, TokenId, random_text
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.tokens.domain import (
    MAX_FAILED_ATTEMPTS,
    ContentAlreadyExists,
    Token,
    TooManyFailedPasswordAttempts,
    Viewer,
)

BY_CREATOR = "byCreator"
PARTY = "party"
"""The attribute that names an identity for index `byParty`, until it is deleted."""
_TOKEN = "T"
"""The sort key of a token; its allocations come before it."""
_IS_NEW = "attribute_not_exists(pk)"
_EXISTS = "attribute_exists(pk)"
_IS_EMPTY = "attribute_exists(pk) AND attribute_not_exists(#content) AND attribute_not_exists(#blob)"


def _token_key(token_id: str) -> Key:
    return {"pk": token_id, "sk": _TOKEN}


def allocation_key(token_id: str, address: str) -> Key:
    """An identity's allocation of a token."""
    return {"pk": token_id, "sk": f"A#{address}"}


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token, how the caller stands to it, and access to its content."""

    token: Token
    viewer: Viewer
    _item: Item

    def content(self) -> bytes | None:
        """The opaque content, None while the token is empty; a call to S3 when it is large.

        Raises `RecordNotFound` when the token has been deleted since it was found.
        """
        try:
            return payloads.load(self._item, "content")
        except payloads.PayloadGone:
            raise RecordNotFound("Token") from None


class TokenStore:
    """Table `tokens`.

    ==========  =====  ==============  ==============================================================================
    item        pk     sk
    ==========  =====  ==============  ==============================================================================
    token       TOK…   `T`             everything about it, the count of wrong passwords included
    allocation  TOK…   `A#<address>`   allocatedBy, allocatedByDevice, allocatedAt
    ==========  =====  ==============  ==============================================================================

    `ttl` of both is 30 days after the expiry.  Index `byCreator` (createdBy, createdAt; keys only): the tokens of an
    identity; anonymous ones are not in it.  Index `byParty` (party; keys only): the tokens for an identity, and its
    allocations.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().tokens_table)

    def add(self, token: Token, content: bytes | None, event: TokenCreated, allowance: Allowance) -> None:
        """1 transaction of token and count (2 WCU per KB, 2 for the count, 1 for the index, 1 if for an identity);
        anonymous: 1 write (1 WCU per KB).  Large content: 1 PUT to S3 before it.  Raises `QuotaExhausted`."""
        allowance.check()
        item = {
            **_token_key(token.id),
            "createdBy": token.created_by,
            "createdByDevice": token.created_by_device,
            "createdAt": clock.render(token.created_at),
            "expiresAt": clock.render(token.expires_at),
            "forIdentity": token.for_identity,
            PARTY: token.for_identity,
            "password": token.password,
            "accessFailedCount": token.access_failed_count,
            "ttl": _ttl(token),
            "events": carried([event], token.created_at),
            "onRemoval": _farewell(token),
            **payloads.attributes("tokens", token.id, content=content),
        }
        writing = self._table.putting(item, condition=_IS_NEW)
        allowance.spend([writing], now=token.created_at)
        payloads.settle([writing])

    def get(self, token_id: TokenId) -> Token:
        """1 consistent read (1 RCU per 4 KB).  Raises `RecordNotFound` when there is none."""
        return _token(self._item(token_id))

    def find(self, token_id: TokenId, address: Address | None) -> FoundToken:
        """The token as an identity, or an anonymous caller, finds it.  Raises `RecordNotFound` when there is none.

        1 batch read of token and own allocation (2 RCU); anonymous: 1 read of the token (1 RCU).
        """
        if address is None:
            item = self._item(token_id)
            return FoundToken(_token(item), Viewer(None), item)
        found = self.find_all([token_id], address)
        if not found:
            raise RecordNotFound("Token")
        return found[0]

    def find_all(self, token_ids: Iterable[TokenId], address: Address) -> list[FoundToken]:
        """Those that exist.  1 batch read per 50 (2 RCU each)."""
        distinct = list(dict.fromkeys(token_ids))
        keys = [key for id in distinct for key in (_token_key(id), allocation_key(id, address))]
        items = batch_get(*((self._table, key) for key in keys))
        pairs = zip(items[::2], items[1::2], strict=True)
        return [
            FoundToken(_token(item), Viewer(address, has_allocation=allocation is not None), item)
            for item, allocation in pairs
            if item is not None
        ]

    def allocate(self, token: Token, caller: Caller, *, now: datetime) -> None:
        """Remember that the caller was let in.  1 write (2 WCU, index included).

        Another device of his may be faster: as good.

        Nothing here is tied to the token's existence: an allocation of a token that is gone is never looked at.
        """
        item = {
            **allocation_key(token.id, caller.address),
            "allocatedBy": caller.address,
            PARTY: caller.address,
            "allocatedByDevice": caller.device_id,
            "allocatedAt": clock.render(now),
            "ttl": _ttl(token),
        }
        with suppress(ConditionFailed):
            self._table.put(item, condition=_IS_NEW)

    def count_wrong_password(
        self, token: Token, failed: Token, locked: TokenLocked | None, *, now: datetime
    ) -> Token | None:
        """Count one more wrong password: the step from `token` to `failed`, which may be the one that locks it.

        1 write (1 WCU per KB of the token).  The count is added to, so that attempts in parallel all count; only the
        last one has to be exactly the last, and carries the event.  Gives None, or the token as it has become when it
        takes another kind of step now.  Raises `RecordNotFound` when it is gone.
        """
        expression, condition = "ADD accessFailedCount :one", "accessFailedCount < :last"
        values: Item = {"one": 1, "last": MAX_FAILED_ATTEMPTS - 1}
        if locked is not None:
            values |= {"events": carried([locked], now), "locks": failed.times_locked}
            expression += " SET #events = :events, timesLocked = :locks"
            condition = "accessFailedCount = :last AND " + _is_created_by(token.created_by, values)
        try:
            self._table.update(_token_key(token.id), expression, values, condition=condition)
        except ConditionFailed as overtaken:
            if overtaken.item is None:
                raise RecordNotFound("Token") from None
            return _token(overtaken.item)
        return None

    def fill(self, filled: Token, event: TokenFilled, content: bytes, *, now: datetime) -> None:
        """Give an empty token its content and its new creator.

        1 write (1 WCU per KB, and 1 or 2 for the index; large content: 1 PUT to S3 before it).  Raises
        `RecordNotFound`, `TooManyFailedPasswordAttempts` or `ContentAlreadyExists` when somebody was faster.
        """
        # A name of its own for every attempt: who loses a race must not overwrite the winner's object.
        attributes = payloads.attributes("tokens", f"{filled.id}/{random_text(8)}", content=content)
        values = {
            "by": filled.created_by,
            "device": filled.created_by_device,
            "limit": MAX_FAILED_ATTEMPTS,
            "events": carried([event], now),
            "onRemoval": _farewell(filled),
            **attributes,
        }
        expression = "SET createdBy = :by, createdByDevice = :device, #events = :events, #onRemoval = :onRemoval"
        expression += "".join(f", #{name} = :{name}" for name in attributes)
        condition = f"{_IS_EMPTY} AND accessFailedCount < :limit"
        writing = self._table.updating(_token_key(filled.id), expression, values, condition=condition)
        try:
            write(writing)
        except ConditionFailed as overtaken:
            if overtaken.item is None:
                raise RecordNotFound("Token") from None
            if _token(overtaken.item).is_locked:
                raise TooManyFailedPasswordAttempts from None
            raise ContentAlreadyExists from None
        payloads.settle([writing])

    def delete(self, token_id: TokenId, caller: Caller) -> None:
        """Remove a token of the caller's and all its allocations at once.  Raises `RecordNotFound` or `Forbidden`.

        1 query (1 RCU per 4 KB of token and allocations), 1 transaction (2 WCU per KB and allocation).  More
        allocations than a transaction takes are removed one by one before it; repeating it finishes what broke off.
        """
        items = self._all_of(token_id)
        _token(items[-1]).check_deletable_by(caller)
        self._remove(token_id, caller.address, items)

    def remove(self, token_id: TokenId, creator: Address) -> None:
        """The same for an identity that is being deleted.  Raises `RecordNotFound` or `Forbidden`."""
        self._remove(token_id, creator, self._all_of(token_id))

    def _all_of(self, token_id: TokenId) -> list[Item]:
        items = list(self._table.query_all("pk = :pk", {"pk": token_id}))
        if not items or items[-1]["sk"] != _TOKEN:
            raise RecordNotFound("Token")
        return items

    def _remove(self, token_id: TokenId, creator: Address, items: list[Item]) -> None:
        removals = [self._table.deleting({"pk": item["pk"], "sk": item["sk"]}) for item in items[:-1]]
        write_all(removals[TRANSACTION_LIMIT - 1 :])
        values: Item = {}
        removal = self._table.deleting(_token_key(token_id), condition=_is_created_by(creator, values), values=values)
        try:
            transact([removal, *removals[: TRANSACTION_LIMIT - 1]])
        except TransactionFailed as lost:
            if lost.failed[0] is None:
                raise RecordNotFound("Token") from None
            raise Forbidden from None

    def reset_access_failed_count(self, token_id: TokenId, *, now: datetime) -> None:
        """Unlock a token.  1 write (1 WCU per KB).  Raises `RecordNotFound`."""
        try:
            self._table.update(
                _token_key(token_id),
                "SET accessFailedCount = :none",
                {"none": 0, "now": clock.epoch_seconds(now)},
                condition=f"{_EXISTS} AND (attribute_not_exists(#ttl) OR #ttl > :now)",
            )
        except ConditionFailed:
            raise RecordNotFound("Token") from None

    def created_by(self, address: Address, page: Page | None = None, *, now: datetime) -> PageOf[FoundToken]:
        """A page of the tokens of an identity, or all of them, oldest first, expired ones included until a month later;
        just created ones may still be missing.

        1 query of the index per 1 MB of keys (0.5 RCU per 30 tokens, whatever the page), 1 batch read per 100 that are
        older than a month and 1 per 100 of the page (1 RCU per 4 KB).
        """
        condition, creator = "createdBy = :creator", {"creator": address}
        entries = list(self._table.query_all(condition, creator, index=BY_CREATOR, consistent=False))
        keys = expiry.still_there(self._table, entries, now, sk=_TOKEN)
        page = page or Page(1, max(1, len(keys)))
        wanted = keys[page.offset : page.offset + page.size]
        items = batch_get(*((self._table, _token_key(key["pk"])) for key in wanted))
        found = [FoundToken(_token(item), Viewer(None), item) for item in items if item is not None]
        return PageOf(found, page, len(keys), exact=len(found) < len(wanted))

    def _item(self, token_id: TokenId) -> Item:
        item = self._table.get(_token_key(token_id))
        if item is None:
            raise RecordNotFound("Token")
        return item


def _is_created_by(creator: Address | None, values: Item) -> str:
    """A condition; adds what it needs to `values`."""
    if creator is None:
        return "attribute_not_exists(createdBy)"
    values["creator"] = creator
    return "createdBy = :creator"


def _farewell(token: Token) -> str | None:
    """Whose count the end of the token reduces."""
    if token.created_by is None:
        return None
    return farewell(TokenRemoved(token_id=token.id, created_by=token.created_by, created_at=token.created_at))


def _ttl(token: Token) -> int | None:
    return clock.epoch_seconds(token.disposable_at) if token.disposable_at else None


def _token(item: Item) -> Token:
    return Token(
        id=TokenId(item["pk"]),
        created_by=Address(item["createdBy"]) if "createdBy" in item else None,
        created_by_device=DeviceId(item["createdByDevice"]) if "createdByDevice" in item else None,
        created_at=clock.parse(item["createdAt"]),
        expires_at=clock.parse(item["expiresAt"]),
        for_identity=Address(item["forIdentity"]) if "forIdentity" in item else None,
        password=item.get("password"),
        is_empty="content" not in item and payloads.BLOB not in item,
        access_failed_count=item["accessFailedCount"],
        times_locked=item.get("timesLocked", 0),
    )
