"""How identities look as items of table `overview` and on its indexes.

An identity has pk = `I` and, as sk, the part of its address behind the last colon, by which addresses sort.  Names are
short, because every page reads many of them:

====  ================================  =====================  =================================
name  value                             range key of an index  what identities are sorted by
====  ================================  =====================  =================================
`a`   address                           sk in `byAddress`      the address
`t`   tier id                           `kt` in `byTier`       tier id
`c`   client id                         `kc` in `byClient`     client id
`n`   number of devices                 `kn` in `byDevices`    six digits
`b`   creation                          `kb` in `byCreation`   timestamp
`l`   last log-in, if any               `kl` in `byLogIn`      timestamp, empty without log-in
`w`   version of the datawallet, if any `kw` in `byDatawallet` six digits, empty without
`v`   version of the identity           `kv` in `byVersion`    six digits
`r`   revision of all but `l` and `w`
====  ================================  =====================  =================================

Range keys are these values, the separator and the sk: so every order is total, and missing values come first.
Every index has all plain values but `l`, which changes often; only `byLogIn` has that, too.

Counters have pk = `N`: sk = `*` (all identities), `T#<tier id>`, `C#<client id>`; `n` is the number.
"""

from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Key
from functions.overview.domain import Field, IdentityOverview, Kind, Value

IDENTITIES, COUNTERS = "I", "N"
SEPARATOR = "\x01"
"""Below everything that values consist of, as client ids may be any text."""
LARGEST_NUMBER = 999_999
REVISION = "r"

ATTRIBUTES = {
    Field.ADDRESS: "a",
    Field.TIER: "t",
    Field.CREATED_WITH_CLIENT: "c",
    Field.NUMBER_OF_DEVICES: "n",
    Field.CREATED_AT: "b",
    Field.LAST_LOGIN_AT: "l",
    Field.DATAWALLET_VERSION: "w",
    Field.IDENTITY_VERSION: "v",
}


@dataclass(frozen=True, slots=True)
class Index:
    """An order of identities; `name` is None for the table itself."""

    name: str | None
    field: Field
    range_key: str

    @property
    def shows_log_ins(self) -> bool:
        """Whether a condition on the last log-in can be checked on it."""
        return self.name is None or self.field is Field.LAST_LOGIN_AT

    @property
    def shown(self) -> str:
        """The values that are on it, as a projection."""
        names = (name for field, name in ATTRIBUTES.items() if self.shows_log_ins or field is not Field.LAST_LOGIN_AT)
        return ", ".join(f"#{name}" for name in names)


TABLE = Index(None, Field.ADDRESS, "sk")
INDEXES = {
    Field.ADDRESS: Index("byAddress", Field.ADDRESS, "sk"),
    Field.TIER: Index("byTier", Field.TIER, "kt"),
    Field.CREATED_WITH_CLIENT: Index("byClient", Field.CREATED_WITH_CLIENT, "kc"),
    Field.NUMBER_OF_DEVICES: Index("byDevices", Field.NUMBER_OF_DEVICES, "kn"),
    Field.CREATED_AT: Index("byCreation", Field.CREATED_AT, "kb"),
    Field.LAST_LOGIN_AT: Index("byLogIn", Field.LAST_LOGIN_AT, "kl"),
    Field.DATAWALLET_VERSION: Index("byDatawallet", Field.DATAWALLET_VERSION, "kw"),
    Field.IDENTITY_VERSION: Index("byVersion", Field.IDENTITY_VERSION, "kv"),
}


def tail(address: str) -> str:
    """The part of an address that tells it from others of the same Backbone."""
    return address.rpartition(":")[2]


def identity_key(address: str) -> Key:
    """An identity."""
    return {"pk": IDENTITIES, "sk": tail(address)}


def counter_key(field: Field | None = None, value: Value = None) -> Key:
    """How many identities have this tier or client; of None, how many there are."""
    if field is None:
        return {"pk": COUNTERS, "sk": "*"}
    return {"pk": COUNTERS, "sk": f"{'T' if field is Field.TIER else 'C'}#{value}"}


def sortable(field: Field, value: Value) -> str:
    """A value as text that sorts like it; a missing one is empty."""
    match field.kind, value:
        case _, None:
            return ""
        case Kind.NUMBER, int(number):
            return f"{min(max(number, 0), LARGEST_NUMBER):06d}"
        case _, datetime() as instant:
            return clock.render(instant)
    return str(value)


def range_key(field: Field, value: Value, address: str) -> str:
    """The place of an identity in the order of a field."""
    if field is Field.ADDRESS:
        return tail(address)
    return f"{sortable(field, value)}{SEPARATOR}{tail(address)}"


def stored(value: Value) -> str | int | None:
    """A value as it is kept and compared."""
    return clock.render(value) if isinstance(value, datetime) else value


def position_of(row: IdentityOverview, field: Field) -> str:
    """Where an identity stands in the order of a field."""
    return range_key(field, row.value(field), row.address)


def attributes_of(field: Field, value: Value, address: str) -> Item:
    """What an item has of a field: the value, if there is one, and its place in the order."""
    plain = {ATTRIBUTES[field]: stored(value)}
    return plain if field is Field.ADDRESS else {**plain, INDEXES[field].range_key: range_key(field, value, address)}


def identity_item(row: IdentityOverview, revision: int) -> Item:
    """An identity."""
    item: Item = {**identity_key(row.address), REVISION: revision}
    for field in Field:
        item |= attributes_of(field, row.value(field), row.address)
    return item


def identity_of(item: Item) -> IdentityOverview:
    """The inverse of `identity_item`; an index may not have the last log-in."""
    return IdentityOverview(
        address=Address(item["a"]),
        client_id=item["c"],
        tier_id=item["t"],
        created_at=clock.parse(item["b"]),
        identity_version=item["v"],
        number_of_devices=item["n"],
        last_login_at=clock.parse(item["l"]) if "l" in item else None,
        datawallet_version=item.get("w"),
    )
