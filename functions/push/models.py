"""What goes over the wire.  Contract: devices.md, section 11."""

from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler, JsonValue, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, to_json

from backbone.http import RequestModel, ResponseModel
from backbone.rules import broken_rule
from functions.push.domain import (
    MAX_APP_ID_LENGTH,
    MAX_HANDLE_LENGTH,
    MAX_TEST_DATA_BYTES,
    MIN_HANDLE_LENGTH,
    Environment,
    Platform,
    RegisteredDevice,
    Registration,
)


def _platform(text: str) -> str:
    if text not in set(Platform):
        raise broken_rule(f"The platform must be one of {', '.join(Platform)}.")
    return text


def _environment(text: str | None) -> str | None:
    if text is not None and text not in set(Environment):
        raise broken_rule(f"The environment must be one of {', '.join(Environment)}.")
    return text


def _handle(text: str) -> str:
    if not text.strip() or not MIN_HANDLE_LENGTH <= len(text) <= MAX_HANDLE_LENGTH:
        raise broken_rule(f"The handle must have {MIN_HANDLE_LENGTH} to {MAX_HANDLE_LENGTH} characters.")
    return text


def _app_id(text: str) -> str:
    if not text.strip() or len(text) > MAX_APP_ID_LENGTH:
        raise broken_rule(f"The app id must have 1 to {MAX_APP_ID_LENGTH} characters.")
    return text


class RegisterIn(RequestModel):
    """Body of PUT PushNotifications."""

    platform: Annotated[str, AfterValidator(_platform)]
    environment: Annotated[str | None, AfterValidator(_environment)] = None
    handle: Annotated[str, AfterValidator(_handle)]
    app_id: Annotated[str, AfterValidator(_app_id)]

    def registration(self) -> Registration:
        """The domain's form."""
        return Registration(
            platform=Platform(self.platform),
            app_id=self.app_id,
            environment=Environment(self.environment) if self.environment else Environment.PRODUCTION,
            handle=self.handle,
        )


class RegisteredOut(ResponseModel):
    """What the app knows this device's pushes by."""

    device_push_identifier: str

    @classmethod
    def of(cls, device: RegisteredDevice) -> "RegisteredOut":
        """The wire form."""
        return cls(device_push_identifier=device.device_push_identifier)


def _transportable(data: JsonValue) -> JsonValue:
    if len(to_json(data)) > MAX_TEST_DATA_BYTES:
        raise broken_rule(f"The notification must not have more than {MAX_TEST_DATA_BYTES} bytes.")
    return data


class NotificationTestIn(RequestModel):
    """Body of POST SendTestNotification: any JSON but null."""

    data: Annotated[JsonValue, AfterValidator(_transportable)]

    @model_validator(mode="before")
    @classmethod
    def _take_all(cls, sent: Any) -> Any:
        return {"data": sent}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"title": cls.__name__, "description": "Any JSON but null."}
