"""Identities with several devices, as tests need them."""

from __future__ import annotations

import httpx

from enmeshed import Account, Backbone, Device, DeviceSharedSecret, MemoryStorage


class Identity:
    """An identity and those of its devices that the test holds in its hands."""

    def __init__(self, backbone: Backbone, device: Account) -> None:
        self.backbone = backbone
        self.devices = [device]

    @property
    def address(self) -> str:
        return self.device.address

    @property
    def device(self) -> Account:
        """The first device."""
        return self.devices[0]

    @classmethod
    def create(
        cls,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        device_name: str | None = None,
        address_hostname: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> Identity:
        """Register a new identity, kept in memory."""
        backbone = Backbone(base_url, client_id, client_secret, address_hostname=address_hostname, transport=transport)
        return cls(backbone, Account.open(MemoryStorage(), backbone, create=True, device_name=device_name))

    def add_device(self, *, name: str | None = None, is_admin: bool = True) -> Account:
        """Create and onboard another device by handing over a shared secret."""
        account = Account.onboard(MemoryStorage(), self.backbone, new_secret(self.device, name=name, is_admin=is_admin))
        self.devices.append(account)
        return account


def new_secret(
    account: Account, *, name: str | None = None, is_admin: bool = True, is_backup_device: bool | None = None
) -> DeviceSharedSecret:
    """The shared secret of a new device."""
    device: Device = account.devices.create(name=name, is_admin=is_admin, is_backup_device=is_backup_device)
    return account.devices.shared_secret(device)
