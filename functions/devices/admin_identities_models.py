"""Identities over the wire, for operators."""

from backbone.http import Base64, RequestModel, ResponseModel, Timestamp, UInt8
from backbone.ids import TierId
from backbone.quotas import QuotaWithUsage
from functions.devices.admin_identities import IdentityWithDevices
from functions.devices.models import DeviceOut, SignedChallengeIn
from functions.devices.registration import Registration


class RegisterIdentityIn(RequestModel):
    """Body of POST /Identities: no client secret, operators need none."""

    client_id: str
    identity_public_key: Base64
    device_password: str
    device_communication_language: str
    identity_version: UInt8
    signed_challenge: SignedChallengeIn

    def read(self) -> Registration:
        """The domain's form."""
        return Registration(
            client_id=self.client_id,
            public_key=self.identity_public_key,
            identity_version=self.identity_version,
            device_password=self.device_password,
            communication_language=self.device_communication_language,
            signed_challenge=self.signed_challenge.read(),
        )


class ChangeTierIn(RequestModel):
    """Body of PUT /Identities/{address}."""

    tier_id: TierId


class MetricOut(ResponseModel):
    """What is limited."""

    key: str
    display_name: str


class QuotaOut(ResponseModel):
    """A quota of an identity, and how much of it is used."""

    id: str
    source: str
    metric: MetricOut
    max: int
    usage: int
    period: str

    @classmethod
    def of(cls, found: QuotaWithUsage) -> "QuotaOut":
        """The wire form."""
        quota = found.quota
        return cls(
            id=quota.id,
            source=quota.source.value,
            metric=MetricOut(key=quota.metric.value, display_name=quota.metric.display_name),
            max=quota.max,
            usage=found.usage,
            period=quota.period.value,
        )


class IdentityDetailsOut(ResponseModel):
    """Answer to GET /Identities/{address}."""

    address: str
    client_id: str | None
    public_key: Base64
    tier_id: str
    created_at: Timestamp
    identity_version: int
    number_of_devices: int
    devices: list[DeviceOut]
    quotas: list[QuotaOut]

    @classmethod
    def of(cls, found: IdentityWithDevices, quotas: tuple[QuotaWithUsage, ...]) -> "IdentityDetailsOut":
        """The wire form."""
        identity = found.identity
        return cls(
            address=identity.address,
            client_id=identity.client_id,
            public_key=identity.public_key,
            tier_id=identity.tier_id,
            created_at=identity.created_at,
            identity_version=identity.identity_version,
            number_of_devices=len(found.devices),
            devices=[DeviceOut.of(device) for device in found.devices],
            quotas=[QuotaOut.of(quota) for quota in quotas],
        )
