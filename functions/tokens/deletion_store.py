"""The tokens of an identity that is being deleted."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from backbone.addresses import Address
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import ConditionFailed, Item, Key, Table
from backbone.errors import Forbidden, RecordNotFound
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId, TokenId
from backbone.settings import settings
from functions.tokens.store import BY_CREATOR, PARTY, TokenStore, allocation_key

_BY_PARTY = "byParty"
_ALLOCATION = "A#"


class DeletionStore:
    """Table `tokens`, indexes `byCreator` and `byParty`.

    An item leaves its index with the step that deals with it: what is not in the index is done, whenever a deletion
    breaks off.
    """

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens

    @property
    def _table(self) -> Table:
        return Table(settings().tokens_table)

    def delete_created_by(self, creator: Address) -> None:
        """With their allocations.  1 query per 1 MB of keys; per token 1 query and 1 transaction."""
        for key in self._keys(BY_CREATOR, "createdBy", creator):
            with suppress(RecordNotFound, Forbidden):  # gone, or somebody else's since it was filled
                self._tokens.remove(TokenId(key["pk"]), creator)

    def anonymise(self, party: Address, pseudonym: Address) -> None:
        """Tokens for the identity are for nobody, its allocations are somebody's.

        1 query per 1 MB of keys; per token 1 write (1 WCU per KB, 1 for the index), per allocation 1 read and 2 writes
        (4 WCU).  Two deleted identities with an allocation of the same token have one.
        """
        for key in self._keys(_BY_PARTY, PARTY, party):
            if key["sk"].startswith(_ALLOCATION):
                self._anonymise_allocation(key, pseudonym)
            else:
                self._anonymise_token(key, party, pseudonym)

    def _anonymise_token(self, key: Key, party: Address, pseudonym: Address) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                key,
                f"SET forIdentity = :nobody REMOVE #{PARTY}, #events",
                {"nobody": pseudonym, "party": party},
                condition="forIdentity = :party",
            )

    def _anonymise_allocation(self, key: Key, pseudonym: Address) -> None:
        item = self._table.get(key)
        if item is None:
            return
        kept = {name: value for name, value in item.items() if name != PARTY}
        self._table.put({**kept, **allocation_key(key["pk"], pseudonym), "allocatedBy": pseudonym})
        self._table.delete(key)

    def _keys(self, index: str, attribute: str, address: Address) -> Iterator[Item]:
        found = self._table.query_all(f"#{attribute} = :address", {"address": address}, index=index, consistent=False)
        return ({"pk": item["pk"], "sk": item["sk"]} for item in found)

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm(self, deleted: IdentityDataDeleted, *, now: datetime) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`, sk = `DELETED`; TTL a month."""
        confirm_deletion(self._table, deleted, now=now)
