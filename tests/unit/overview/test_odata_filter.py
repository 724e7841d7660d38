"""What filters mean.  Contract: admin-api.md, section 10."""

from datetime import UTC, datetime

import pytest

from functions.overview.domain import (
    EVERYTHING,
    NOTHING,
    And,
    Comparison,
    Condition,
    Contains,
    Field,
    Not,
    OneOf,
    Operator,
    Or,
)
from functions.overview.odata_filter import ODataError, parse_filter

DEVICES = Field.NUMBER_OF_DEVICES
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def devices(operator: Operator, number: int) -> Comparison:
    return Comparison(DEVICES, operator, number)


ONE, TWO, THREE = (devices(Operator.EQ, number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("contains(address,'x')", Contains(Field.ADDRESS, "x")),
        ("contains( Address , 'DID:E' )", Contains(Field.ADDRESS, "did:e")),
        ("startswith(createdWithClient,'It''s')", Contains(Field.CREATED_WITH_CLIENT, "It's", at_start=True)),
        ("contains(address,'')", EVERYTHING),
        ("tier/Id eq 'TIR1'", Comparison(Field.TIER, Operator.EQ, "TIR1")),
        ("(tier/Id eq 'TIR1' or tier/Id eq 'TIR2')", OneOf(Field.TIER, ("TIR1", "TIR2"))),
        ("(createdWithClient eq 'a' or createdWithClient eq 'a')", OneOf(Field.CREATED_WITH_CLIENT, ("a",))),
        ("TIER/ID IN ('TIR1','TIR2')", OneOf(Field.TIER, ("TIR1", "TIR2"))),
        ("createdAt ge 2024-01-01", Comparison(Field.CREATED_AT, Operator.GE, NEW_YEAR)),
        ("lastLoginAt lt 2024-01-01T01:00:00+01:00", Comparison(Field.LAST_LOGIN_AT, Operator.LT, NEW_YEAR)),
        ("lastLoginAt lt 2024-01-01T00:00", Comparison(Field.LAST_LOGIN_AT, Operator.LT, NEW_YEAR)),
        ("2024-01-01 lt createdAt", Comparison(Field.CREATED_AT, Operator.GT, NEW_YEAR)),
        ("null eq datawalletVersion", Comparison(Field.DATAWALLET_VERSION, Operator.EQ, None)),
        ("datawalletVersion gt null", NOTHING),
        ("numberOfDevices ne -1", devices(Operator.NE, -1)),
        ("numberOfDevices gt 2.5", devices(Operator.GT, 2)),
        ("numberOfDevices ge 2.5", devices(Operator.GT, 2)),
        ("numberOfDevices lt 2.5", devices(Operator.LE, 2)),
        ("numberOfDevices le -2.5", devices(Operator.LE, -3)),
        ("numberOfDevices eq 2.0", TWO),
        ("numberOfDevices eq 2.5", NOTHING),
        ("numberOfDevices ne 2.5", EVERYTHING),
        (f"createdWithClient eq '{'x' * 101}'", NOTHING),
        (f"createdWithClient ne '{'x' * 101}'", EVERYTHING),
        (f"tier/id in ('TIR1', '{'x' * 101}')", OneOf(Field.TIER, ("TIR1",))),
        ("createdAt gt 2024-01-01T00:00:00.0000001Z", Comparison(Field.CREATED_AT, Operator.GT, NEW_YEAR)),
        ("createdAt lt 2024-01-01T00:00:00.0000001Z", Comparison(Field.CREATED_AT, Operator.LE, NEW_YEAR)),
        ("createdAt lt 2024-01-01T00:00:00.0000000Z", Comparison(Field.CREATED_AT, Operator.LT, NEW_YEAR)),
        ("numberOfDevices eq 1 and not (numberOfDevices eq 2)", And((ONE, Not(TWO)))),
        (
            "not numberOfDevices eq 1 and numberOfDevices eq 2 or numberOfDevices eq 3",
            Or((OneOf(DEVICES, (3,)), And((Not(ONE), TWO)))),
        ),
        ("((numberOfDevices eq 1) and ((numberOfDevices eq 2) and numberOfDevices eq 3))", And((ONE, TWO, THREE))),
        ("  numberOfDevices\teq\n1 ", ONE),
    ],
)
def test_a_filter_is_understood(text: str, condition: Condition) -> None:
    """admin-api.md §19: `$filter=contains(address,'x') and (tier/Id eq 'TIR…' or tier/Id eq 'TIR…') and …` works"""
    assert parse_filter(text) == condition


@pytest.mark.parametrize(
    "text",
    [
        "address",
        "address eq",
        "eq 'x'",
        "'x' eq 'x'",
        "address eq address",
        "address eq 'x' and",
        "address eq 'x' address",
        "address eq 'x",
        "address == 'x'",
        "(address eq 'x'",
        "address eq 'x')",
        "address eq 1",
        "numberOfDevices eq 'x'",
        "numberOfDevices eq 2024-01-01",
        "numberOfDevices eq 9999999999999",
        "createdAt eq 1",
        "createdAt ge 2024-13-45",
        "createdAt ge 2024-01-01T25:00:00Z",
        "createdAt ge 0001-01-01T00:00:00+23:59",
        "createdAt ge 2024-01-01T00:00:00+99:99",
        "contains(address)",
        "contains(address,1)",
        "contains(numberOfDevices,'1')",
        "contains('x',address)",
        "endswith(address,'x')",
        "tolower(address) eq 'x'",
        "tier/Name eq 'Basic'",
        "tier eq null",
        "publicKey eq 'x'",
        "numberOfDevices in ()",
        "numberOfDevices in (1",
        "numberOfDevices eq true",
        "numberOfDevices has 1",
        "numberOfDevices add 1 eq 2",
        "not",
        "()",
        ";",
        "address eq 'x' & numberOfDevices eq 1",
        "numberOfDevices eq ١",
        "(" * 31 + "numberOfDevices eq 1" + ")" * 31,
        "not " * 5_000 + "numberOfDevices eq 1",
        " or ".join(["numberOfDevices eq 1"] * 201),
        "address eq '" + "x" * 8_000 + "'",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ODataError):
        parse_filter(text)


def test_a_filter_may_be_nested_thirty_levels_deep() -> None:
    assert parse_filter("(" * 29 + "numberOfDevices eq 1" + ")" * 29) == ONE
