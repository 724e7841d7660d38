"""Messages as operators list them: what an identity has sent or received, without contents and keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address, anonymised_address
from backbone.dynamodb import Item, Key, Table, batch_get
from backbone.http import Page, PageOf
from backbone.ids import DeviceId, MessageId
from backbone.settings import settings
from functions.messages import items
from functions.messages.domain import Recipient
from functions.messages.mailbox_store import MailboxStore

_Place = tuple[MessageId, int]
"""Of a recipient: the message and his position in it."""


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """Who has sent a message when, and who has received it."""

    id: MessageId
    created_at: datetime
    created_by: Address
    created_by_device: DeviceId
    attachments: int
    recipients: tuple[Recipient, ...]


class ListingStore:
    """Table `messages`, its items as in `items.py`; what is in a mailbox knows `MailboxStore`."""

    def __init__(self, mailboxes: MailboxStore) -> None:
        self._mailboxes = mailboxes

    @property
    def _table(self) -> Table:
        return Table(settings().messages_table)

    def page(self, address: Address, page: Page, *, sent: bool, now: datetime) -> PageOf[ListedMessage]:
        """A page of what is in an identity's mailbox, oldest first.

        `MailboxStore.page_of_kind`; then 1 batch of reads for the messages (1 RCU each, more with bodies of more than
        4 KB inline), 1 for the senders' records of those received (1 RCU each), 1 for the recipients that are not
        known yet (1 RCU each); per 100.  What vanishes meanwhile is left out.
        """
        found = self._mailboxes.page_of_kind(address, page, sent=sent, now=now)
        shared = self._read([items.message_key(items.message_id_of(entry)) for entry in found.items])
        there = [(message, entry) for message, entry in zip(shared, found.items, strict=True) if message is not None]
        dispatches = self._dispatches(there)
        recipients = self._recipients(dispatches, there)
        listed = [_listed(message, those) for (message, _), those in zip(there, recipients, strict=True)]
        return PageOf(listed, page, found.counted, exact=found.exact or len(listed) < len(found.items))

    def _dispatches(self, there: Sequence[tuple[Item, Item]]) -> list[Item | None]:
        """The senders' records."""
        pseudonym = anonymised_address(settings().did_domain)
        found: dict[str, Item | None] = {entry["sk"]: entry for _, entry in there if items.is_dispatch(entry)}
        for detached in (False, True):
            missing = [message for message, _ in there if found.get(message["pk"]) is None]
            keys = [
                items.detached_dispatch_key(MessageId(message["pk"]))
                if detached or message["createdBy"] == pseudonym
                else items.entry_key(Address(message["createdBy"]), MessageId(message["pk"]))
                for message in missing
            ]
            found.update(zip((message["pk"] for message in missing), self._read(keys), strict=True))
        return [found[message["pk"]] for message, _ in there]

    def _recipients(
        self, dispatches: Sequence[Item | None], there: Sequence[tuple[Item, Item]]
    ) -> list[tuple[Recipient, ...]]:
        """All recipients of each message, in the order of the request that sent it."""
        pseudonym = anonymised_address(settings().did_domain)
        found: dict[_Place, Item | None] = {}
        wanted: dict[_Place, Key] = {}
        for dispatch, (message, entry) in zip(dispatches, there, strict=True):
            message_id = MessageId(message["pk"])
            if not items.is_dispatch(entry):
                found[message_id, entry["position"]] = entry
            for position, destination in enumerate(items.dispatch_of(dispatch).destinations if dispatch else ()):
                if (message_id, position) not in found:
                    wanted[message_id, position] = items.recipient_key(message_id, position, destination, pseudonym)
        found.update(zip(wanted, self._read([*wanted.values()]), strict=True))
        # Some may have left their mailboxes since the sender's record was read.
        moved = [place for place, item in found.items() if item is None]
        found.update(zip(moved, self._read([items.detached_recipient_key(*place) for place in moved]), strict=True))
        of_message: dict[str, list[Recipient]] = {message["pk"]: [] for message, _ in there}
        for place in sorted(found):
            if (item := found[place]) is not None:
                of_message[place[0]].append(items.recipient_of(item))
        return [tuple(recipients) for recipients in of_message.values()]

    def _read(self, keys: Sequence[Key]) -> list[Item | None]:
        return batch_get(*((self._table, key) for key in keys))


def _listed(message: Item, recipients: tuple[Recipient, ...]) -> ListedMessage:
    return ListedMessage(
        id=MessageId(message["pk"]),
        created_at=clock.parse(message["createdAt"]),
        created_by=Address(message["createdBy"]),
        created_by_device=DeviceId(message["createdByDevice"]),
        attachments=len(message["attachments"]),
        recipients=recipients,
    )
