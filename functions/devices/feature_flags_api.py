"""Feature flags over HTTP.  Contract: devices.md, section 9."""

from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.http import Api, JsonBool, NoContent, RequestModel, camel_case
from backbone.rules import broken_rule
from backbone.settings import settings
from functions.devices.feature_flags import MAX_NAME_LENGTH, check_number
from functions.devices.feature_flags_store import FeatureFlagsStore

feature_flags_api = Api("devices")
store = FeatureFlagsStore()


def _names_are_short(flags: dict[str, bool]) -> dict[str, bool]:
    if any(len(name) > MAX_NAME_LENGTH for name in flags):
        raise broken_rule(f"The name of a feature flag must not have more than {MAX_NAME_LENGTH} characters.")
    return flags


class FeatureFlagsIn(RequestModel):
    """Body of PATCH /Identities/Self/FeatureFlags: the object itself is the dictionary."""

    flags: Annotated[dict[str, JsonBool], AfterValidator(_names_are_short)]

    @model_validator(mode="before")
    @classmethod
    def _wrap(cls, data: Any) -> Any:
        return {"flags": data}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = {"maxLength": MAX_NAME_LENGTH}
        return {"type": "object", "additionalProperties": {"type": "boolean"}, "propertyNames": names}


@feature_flags_api.patch("/api/v2/Identities/Self/FeatureFlags")
def change_feature_flags(body: FeatureFlagsIn, caller: Caller) -> NoContent:
    """Set these flags of the caller's identity, leave all others."""
    now, maximum = clock.now(), settings().max_feature_flags
    check_number(body.flags, maximum)
    store.change(caller.address, lambda before: before.changed(body.flags, maximum=maximum, now=now))
    return NoContent()


@feature_flags_api.get("/api/v2/Identities/{address}/FeatureFlags")
def list_feature_flags(address: Address, caller: Caller) -> dict[str, bool]:
    """The flags of an identity, for itself, its peers and those who have allocated one of its templates."""
    found = store.of(address, caller.address, now=clock.now())
    return {camel_case(name): enabled for name, enabled in found.flags.items()}
