"""The devices of an identity as Push reads them.  Owner: functions/devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from backbone.addresses import Address
from backbone.dynamodb import Item, Key
from backbone.ids import DeviceId
from backbone.readmodels.identities import ACTIVE, DEVICES, begin_of_life, is_identity, key, table


@dataclass(frozen=True, slots=True)
class DevicesView:
    """The status of an identity (None: there is no such identity), since when there is it, and the language of each of
    its devices."""

    status: str | None
    languages: Mapping[DeviceId, str]
    began_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """The identity exists and is neither to be deleted nor being deleted."""
        return self.status == ACTIVE

    def was_there(self, instant: datetime) -> bool:
        """Whether what happened then can concern this identity, and not an earlier one with its address."""
        return self.began_at is None or self.began_at <= instant


def devices_of(address: Address) -> DevicesView:
    """1 eventually consistent query (0.5 RCU per 4 KB, about a dozen devices)."""
    identity = key(address)
    found = list(
        table().query_all(
            "pk = :pk AND sk BETWEEN :first AND :last",  # the identity comes right after its devices
            {"pk": identity["pk"], "first": DEVICES, "last": identity["sk"]},
            project="sk, #status, #createdAt, #deviceId, #communicationLanguage",
            consistent=False,
        )
    )
    languages = dict(_language(item) for item in found if not is_identity(item))
    itself = next((item for item in found if is_identity(item)), None)
    return DevicesView(itself["status"], languages, begin_of_life(itself)) if itself else DevicesView(None, languages)


def device_key(address: Address, device_id: DeviceId) -> Key:
    """The item of a device."""
    return {"pk": key(address)["pk"], "sk": f"{DEVICES}{device_id}"}


def language_of(item: Item) -> str:
    """Read the owner's item of a device."""
    return str(item["communicationLanguage"])


def _language(item: Item) -> tuple[DeviceId, str]:
    return DeviceId(item["deviceId"]), language_of(item)
