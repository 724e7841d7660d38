"""docs/operating.md names all there is to set, to call and to rotate."""

import re

import pytest
import typer

from backbone.settings import Settings
from cli.main import app
from infra.build import ROOT

DOCUMENT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
SETTINGS_OF_THE_REFERENCE = re.findall(
    r"\S+",
    """
ApiKey JwtSigningCertificate JwtLifetimeInSeconds Cors AccessControlAllowCredentials SwaggerUi EventBus SqlDatabase
DefaultPageSize MaxPageSize DidDomainName MaxNumberOfFeatureFlagsPerIdentity Notifications:Texts
LengthOfGracePeriodInDays GracePeriodNotification1 AuditLogRetentionPeriodInDays Fcm Apns Sse Dummy BlobStorage
MaxNumberOfUnreceivedMessagesFromOneSender MaxNumberOfMessageRecipients Tags AppOnboarding WellKnownEndpoints
KeepAliveEventIntervalInSeconds Logging RunMigrations Worker METRICS_HOST DEBUG_PERFORMANCE ASPNETCORE_ENVIRONMENT
""",
)


@pytest.mark.parametrize("setting", SETTINGS_OF_THE_REFERENCE)
def test_every_setting_of_the_reference_has_its_place(setting: str) -> None:
    """operations.md §12: Every setting of section 4 has an equivalent or a documented reason why not; invalid values
    are refused before serving traffic."""
    table = DOCUMENT.partition("## Configuration")[2].partition("\n## ")[0]

    assert setting in table


def test_defaults_are_those_of_the_reference() -> None:
    """operations.md §12: Page size default 50 and maximum 200, JWT lifetime 300 s, 20 unreceived messages, 1 recipient,
    200 feature flags, 14 days grace period, reminders at 12/10/5 days, 731 days audit retention, 240 s keep-alive are
    the defaults."""
    settings = Settings(did_domain="localhost")

    assert (settings.default_page_size, settings.max_page_size, settings.token_lifetime_seconds) == (50, 200, 300)
    assert (settings.max_unreceived_messages, settings.max_message_recipients) == (20, 1)
    assert (settings.max_feature_flags, settings.deletion_grace_period_days) == (200, 14)
    assert settings.deletion_audit_log_retention_days == 731


def test_every_command_is_listed() -> None:
    groups = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    for name, group in groups.items():
        [row] = [line for line in DOCUMENT.splitlines() if re.match(rf"\| `{name}[` ]", line)]
        for command in getattr(group, "commands", {}):
            assert f"{name} {command}" in row or f"`{command}`" in row
