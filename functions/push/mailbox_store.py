"""Where events wait for the devices that listen to server-sent events."""

from datetime import datetime, timedelta
from typing import Protocol

from backbone import clock
from backbone.dynamodb import ConditionFailed, Item, Key, Table
from backbone.ids import DeviceId
from backbone.settings import settings
from functions.push.sse_domain import CAPACITY, Entry, Mailbox, collapsed, connected_until

KEPT_AFTER_LAST_CONNECTION = timedelta(days=1)
_ATTEMPTS = 10


class Listener(Protocol):
    """Who listens: a registration."""

    @property
    def device_id(self) -> DeviceId: ...


class StillContended(Exception):
    """Others changed the mailbox each time; the event is to be tried again."""


class MailboxStore:
    """Table `push`.  pk = `SSE#<deviceId>`, sk = `M`; one item per device, about 40 bytes per event.

    The number of an entry is `first` plus its place in the list, so that appending, which counts it, is one update that
    needs no reading.  TTL on `ttl`, a day after the client was there last.
    """

    @property
    def table(self) -> Table:
        """The table of this service."""
        return Table(settings().push_table)

    @staticmethod
    def key(device_id: DeviceId) -> Key:
        """The key of a device's mailbox."""
        return {"pk": f"SSE#{device_id}", "sk": "M"}

    @staticmethod
    def mailbox_of(item: Item) -> Mailbox:
        """The mailbox of an item."""
        return Mailbox(
            id=item["id"],
            connected_until=clock.parse(item["connectedUntil"]),
            first=item["first"],
            read=item["read"],
            entries=tuple(Entry.parse(text) for text in item["entries"]),
        )

    def peek(self, device_id: DeviceId) -> Mailbox | None:
        """1 eventually consistent get (0.5 RCU): what a waiting request does again and again."""
        item = self.table.get(self.key(device_id), consistent=False)
        return self.mailbox_of(item) if item else None

    def open(self, device_id: DeviceId, mailbox: Mailbox) -> None:
        """Begin anew, whatever there was.  1 put (1 WCU)."""
        self.table.put(
            {
                **self.key(device_id),
                "id": mailbox.id,
                "first": mailbox.first,
                "read": mailbox.read,
                "entries": [str(entry) for entry in mailbox.entries],
                **_presence(mailbox.connected_until),
            }
        )

    def renew(self, device_id: DeviceId, mailbox: Mailbox, *, read: int, now: datetime, wait: timedelta) -> bool:
        """Write down that the client is there and how far it has read, and drop what nobody needs any more.

        1 update (1 WCU per KB).  False if the mailbox has been removed or replaced since it was read.
        """
        presence = _presence(connected_until(now=now, wait=wait))
        values = {"id": mailbox.id, "read": read, "until": presence["connectedUntil"], "ttl": presence["ttl"]}
        expression, condition = "SET #read = :read, #connectedUntil = :until, #ttl = :ttl", "#id = :id"
        if superfluous := mailbox.superfluous(read):
            # By place, because others may be appending; on the condition that nobody has removed any meanwhile.
            expression += ", #first = :next REMOVE " + ", ".join(f"#entries[{place}]" for place in range(superfluous))
            condition += " AND #first = :first"
            values |= {"first": mailbox.first, "next": mailbox.first + superfluous}
        try:
            self.table.update(self.key(device_id), expression, values, condition=condition)
        except ConditionFailed as failed:
            # If only another request of the same device has tidied up meanwhile, that will do.
            return failed.item is not None and failed.item["id"] == mailbox.id
        return True

    def post(self, registration: Listener, *, event_name: str, event_id: str, now: datetime) -> bool:
        """Put an event into the mailbox, once.  1 update (1 WCU per KB).

        False if nobody is connected: then there is no mailbox any more (1 delete), and the registration is to be
        removed, if it is still the same.
        """
        key, entry = self.key(registration.device_id), Entry.of(event_name, event_id)
        for _ in range(_ATTEMPTS):
            try:
                self.table.update(
                    key,
                    "SET #entries = list_append(#entries, :entries)",
                    {"entries": [str(entry)], "entry": str(entry), "now": clock.render(now), "capacity": CAPACITY},
                    condition="#connectedUntil > :now AND NOT contains(#entries, :entry)"
                    " AND size(#entries) < :capacity",
                )
                return True
            except ConditionFailed as failed:
                if failed.item is None:
                    return False
                mailbox = self.mailbox_of(failed.item)
            if not mailbox.is_connected(now):
                if self._removed(key, now):
                    return False
            elif entry in mailbox.entries or self._collapsed(key, mailbox, entry):
                return True
        raise StillContended

    def remove(self, device_id: DeviceId) -> None:
        """1 delete (1 WCU); removing twice is no error."""
        self.table.delete(self.key(device_id))

    def _removed(self, key: Key, now: datetime) -> bool:
        """Remove the mailbox unless the client has come back."""
        try:
            self.table.delete(key, condition="#connectedUntil <= :now", values={"now": clock.render(now)})
        except ConditionFailed as failed:
            return failed.item is None
        return True

    def _collapsed(self, key: Key, mailbox: Mailbox, entry: Entry) -> bool:
        """Replace the entries of a full mailbox by one of each name, under new numbers: nobody passes them over."""
        entries = collapsed((*mailbox.entries, entry))
        try:
            self.table.update(
                key,
                "SET #entries = :entries, #first = :next",
                {
                    "entries": [str(each) for each in entries],
                    "next": mailbox.last + 1,
                    "id": mailbox.id,
                    "first": mailbox.first,
                    "size": len(mailbox.entries),
                },
                condition="#id = :id AND #first = :first AND size(#entries) = :size",
            )
        except ConditionFailed:
            return False
        return True


def _presence(until: datetime) -> Item:
    return {
        "connectedUntil": clock.render(until),
        "ttl": clock.epoch_seconds(until + KEPT_AFTER_LAST_CONNECTION),
    }
