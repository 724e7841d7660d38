"""Who calls."""

from dataclasses import dataclass

from backbone.addresses import Address
from backbone.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity and device named by a valid access token, and the OAuth client it was issued to.

    Nothing is looked up: a token speaks for itself until it expires (http-common.md, section 2).
    """

    address: Address
    device_id: DeviceId
    client_id: str
