"""The one settings object: the environment of the function, read and checked once.

`BACKBONE_SETTINGS` holds what all functions have in common, as one JSON object that `template.yaml` makes from its
parameters; single variables (`BACKBONE_…`) take precedence.  An invalid value stops the function at its first import,
before it serves anything.
"""

import json
import os
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Json


def _split(text: object) -> object:
    return tuple(part for part in text.split(";") if part) if isinstance(text, str) else text


SemicolonList = Annotated[tuple[str, ...], BeforeValidator(_split)]


def function_name() -> str:
    """The name of this function without that of its stack, such as `messages-consumer`; `backbone` outside Lambda."""
    stack = os.environ.get("BACKBONE_STACK", "")
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "backbone").removeprefix(f"{stack}-")


def _json_or_nothing(text: str) -> str:
    if text:
        json.loads(text)
    return text


class PublicTemplateReference(BaseModel):
    """A relationship template that everybody may use (relationships.md, section 4.5)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    description: str
    truncated_reference: str = Field(alias="truncatedReference")


class Settings(BaseModel):
    """Typed settings; defaults are those of the contract (operations.md, section 4)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    did_domain: str = Field(min_length=3, max_length=45)
    challenges_table: str = ""
    devices_table: str = ""
    relationships_table: str = ""
    messages_table: str = ""
    synchronization_table: str = ""
    tokens_table: str = ""
    announcements_table: str = ""
    files_table: str = ""
    quotas_table: str = ""
    push_table: str = ""
    overview_table: str = ""
    push_application_arn: str = ""
    """Of SNS, with `{platform}` and `{app_id}` to be filled in."""
    push_app_ids: Json[dict[str, tuple[str, ...]]] = Field(default={})
    """The app ids that there are push credentials for, by platform (`fcm`, `apns`)."""
    payload_bucket: str = ""
    event_bus: str = ""
    token_keys: str = ""
    public_token_keys: Annotated[str, AfterValidator(_json_or_nothing)] = ""
    """The public set of token keys at the time of deployment: a JSON Web Key Set, or nothing."""
    admin_keys: str = ""
    token_lifetime_seconds: int = Field(default=300, ge=60, le=3600)
    password_policy: Literal["strict", "relaxed"] = "strict"
    max_message_recipients: int = Field(default=1, ge=1)
    max_unreceived_messages: int = Field(default=20, ge=1, le=100)
    max_file_bytes: int = Field(default=10 * 1024 * 1024, ge=1, le=15 * 1024 * 1024)
    max_inline_download_bytes: int = Field(default=4 * 1024 * 1024, ge=0, le=4 * 1024 * 1024)
    inline_payload_bytes: int = Field(default=16 * 1024, ge=0, le=256 * 1024)
    deletion_grace_period_days: float = Field(default=14, ge=0, le=3650)
    deletion_audit_log_retention_days: int = Field(default=731, ge=1, le=36500)
    max_feature_flags: int = Field(default=200, ge=1, le=200)
    default_page_size: int = Field(default=50, ge=1, le=1000)
    max_page_size: int = Field(default=200, ge=1, le=1000)
    swagger_ui: bool = False
    trust_forwarded_host: bool = True
    """Whether `X-Forwarded-Host` is told by a proxy of ours; where clients speak to API Gateway directly, it is not."""
    sse_wait_seconds: float = Field(default=25, ge=0, le=25)
    sse_poll_milliseconds: int = Field(default=500, ge=50, le=10_000)
    sse_retry_milliseconds: int = Field(default=250, ge=50, le=60_000)
    public_template_references: Json[dict[str, tuple[PublicTemplateReference, ...]]] = Field(default={})
    cors_allowed_origins: SemicolonList = ()
    cors_exposed_headers: SemicolonList = ()
    metrics_detail: Literal["off", "service", "endpoint"] = "off"
    """Which dimensions metrics have (`backbone.metrics`); off where nobody would read them."""

    @property
    def token_issuer(self) -> str:
        """The `iss` claim of access tokens."""
        return f"https://{self.did_domain}"


COMMON = "BACKBONE_SETTINGS"
_PREFIX = "BACKBONE_"
_ADMIN = "admin"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process.

    For functions of the Admin API, whose names begin with `admin`, members below `admin` of the common settings take
    precedence.  Raises `pydantic.ValidationError` naming every invalid value.
    """
    values = json.loads(os.environ.get(COMMON, "{}"))
    of_admin_api = values.pop(_ADMIN, {})
    if function_name().startswith(_ADMIN):
        values |= of_admin_api
    values |= {name[len(_PREFIX) :].lower(): value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    return Settings.model_validate(values)
