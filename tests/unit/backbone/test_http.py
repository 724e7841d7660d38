"""The common HTTP behaviour, shown on endpoints made for it.  Contract: http-common.md."""

import base64
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from backbone import payloads
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, Forbidden, RecordNotFound
from backbone.http import (
    Api,
    Base64,
    Created,
    HeaderModel,
    Int32,
    JsonBool,
    NamedEnum,
    NoContent,
    Page,
    PageOf,
    QueryModel,
    Raw,
    RequestModel,
    ResponseModel,
    Timestamp,
    UInt16,
    lambda_handler,
    page_of,
)
from backbone.ids import ChallengeId
from backbone.rules import broken_rule
from backbone.settings import settings
from tests.support.api import Answer, new_caller, token_of
from tests.support.engine import BUCKET

TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Color(NamedEnum):
    Red = 0
    Green = 10


def _short(text: str) -> str:
    if len(text) > 5:
        raise broken_rule("too long")
    return text


class Nested(RequestModel):
    inner_text: str


class ThingIn(RequestModel):
    required_text: str
    data: Base64 = b""
    number: Int32 = 0
    flag: JsonBool = False
    color: Color = Color.Red
    due: Timestamp | None = None
    short: Annotated[str, AfterValidator(_short)] = ""
    nested: Nested | None = None


class ThingOut(ResponseModel):
    required_text: str
    data: Base64
    number: int
    flag: bool
    color: Color
    due: Timestamp | None


class Filter(QueryModel):
    name: str | None = None
    ids: list[ChallengeId] = Field(default_factory=list)


class VersionHeader(HeaderModel):
    supported: Annotated[UInt16, Field(alias="X-Supported-Version")] = 0


class Items(ResponseModel):
    number: int


api = Api("things")


@api.post("/things")
def post_thing(body: ThingIn) -> Created[ThingOut]:
    out = ThingOut(**body.model_dump(exclude={"short", "nested"}))
    return Created(out, location="/things/1")


@api.put("/things/{id}")
def put_thing(id: ChallengeId, body: ThingIn | None) -> NoContent:
    return NoContent()


@api.get("/things")
def list_things(page: Page, filter: Filter) -> PageOf[Items]:
    return page_of([Items(number=number) for number in range(int(filter.name or 3))], page)


@api.get("/things/{id}")
def get_thing(id: ChallengeId) -> Items:
    raise RecordNotFound("Challenge")


@api.get("/whoami")
def whoami(caller: Caller) -> list[str]:
    return [caller.address, caller.device_id, caller.client_id]


@api.get("/addresses/{address}")
def get_address(address: Address) -> Items:
    return Items(number=1)


@api.get("/names/{name}")
def get_name(name: str) -> list[str]:
    return [name]


@api.get("/version")
def version(header: VersionHeader) -> Items:
    return Items(number=header.supported)


@api.get("/raw")
def raw() -> Raw:
    return Raw(200, "plain", "text/plain")


@api.get("/large/{id}")
def large(id: ChallengeId) -> ThingOut:
    return ThingOut(required_text="x" * int(id[3:]), data=b"", number=0, flag=False, color=Color.Red, due=None)


@api.get("/failures/{id}")
def fail(id: ChallengeId) -> NoContent:
    errors: dict[str, Exception] = {
        "CHLforbidden": Forbidden(),
        "CHLquota": BackboneError("error.platform.quotaExhausted", "q", status=429, data=[{"metricKey": "m"}]),
        "CHLcrash": ZeroDivisionError("secret detail"),
    }
    raise errors[id]


Call = Callable[..., Answer]
handler = lambda_handler(api)


@pytest.fixture
def call(moto: None) -> Call:
    return send


def send(
    method: str,
    route: str,
    path: str | None = None,
    *,
    body: bytes | None = None,
    query: str = "",
    headers: dict[str, str] | None = None,
    **parameters: str,
) -> Answer:
    event = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path or route,
        "rawQueryString": query,
        "headers": {"host": "localhost", **(headers or {})},
        "pathParameters": parameters or None,
        "requestContext": {"http": {"method": method}, "requestId": "trace", "timeEpoch": 1767225600123},
        "body": base64.b64encode(body).decode() if body is not None else None,
        "isBase64Encoded": body is not None,
    }
    answer = handler(event, None)
    return Answer(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"])


def post(content: Any, content_type: str = "application/json") -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return send("POST", "/things", body=body, headers={"content-type": content_type})


NOT_PARSED = (400, "error.platform.inputCannotBeParsed")
BROKEN_RULE = (400, "error.platform.validation.invalidPropertyValue")


@pytest.mark.parametrize("name", ["CLTabc", "An äpp/1", "", " ", "x" * 1000])
def test_a_name_in_a_path_follows_no_rule(call: Call, name: str) -> None:
    """admin-api.md §4: client ids themselves are free text"""
    assert call("GET", "/names/{name}", name=name).result == [name]


def test_every_response_has_the_common_headers(call: Call) -> None:
    """http-common.md §14: Every response has X-Request-Time, X-Response-Time, X-Response-Duration-ms, ..."""
    for answer in (call("GET", "/raw"), call("GET", "/whoami"), call("GET", "/things/{id}", id="CHLx"), post(b"{")):
        assert answer.headers["x-request-time"] == "2026-01-01T00:00:00.123Z"
        assert TIMESTAMP.match(answer.headers["x-response-time"])
        assert answer.headers["x-response-duration-ms"].isdigit()
        assert answer.headers["x-trace-id"] == "trace"
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-correlation-id"])
        assert answer.headers["strict-transport-security"] == "max-age=5184000; includeSubDomains"
        assert answer.headers["x-frame-options"] == "Deny"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("sent", "echoed"), [("abc", "abc"), ("x" * 150, "x" * 100), (" a\r\nb ", "ab"), ("y" * 100, "y" * 100)]
)
def test_a_correlation_id_is_echoed_cleaned_and_cut(call: Call, sent: str, echoed: str) -> None:
    """http-common.md §14: Request with `X-Correlation-ID: abc` -> `abc`; 150-character value -> cut to 100"""
    assert call("GET", "/raw", headers={"x-correlation-id": sent}).headers["x-correlation-id"] == echoed


def test_an_error_has_exactly_these_members(call: Call) -> None:
    """http-common.md §14: exactly id, code, message, docs, time, data; id matches; docs is `""`"""
    answer = call("GET", "/things/{id}", id="CHLunknown")

    error = answer.json["error"]
    assert list(answer.json) == ["error"]
    assert set(error) == {"id", "code", "message", "docs", "time", "data"}
    assert re.fullmatch("ERR[A-HJ-NP-Z1-9]{17}", error["id"])
    assert (error["docs"], error["data"]) == ("", None)
    assert datetime.fromisoformat(error["time"]).tzinfo is not None
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert (answer.status, error["code"]) == (404, "error.platform.recordNotFound")
    assert error["message"].startswith("Challenge not found.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{",
        b"[]",
        b'"text"',
        b"12",
        b'{"requiredText": "a",}',
        b'{"requiredText": "a"} // comment',
        b"\xff\xfe",
        b'{"requiredText": "\xff"}',
        b'{"requiredText": "\\ud800"}',
        b'{"requiredText": NaN}',
        b"{}",
        b'{"requiredText": null}',
        b'{"requiredText": 1}',
        b'{"requiredText": "a", "data": "%%%"}',
        b'{"requiredText": "a", "data": null}',
        b'{"requiredText": "a", "data": "YQ"  , "number": 1.5}',
        b'{"requiredText": "a", "number": "abc"}',
        b'{"requiredText": "a", "number": true}',
        b'{"requiredText": "a", "number": 2147483648}',
        b'{"requiredText": "a", "flag": "true"}',
        b'{"requiredText": "a", "flag": 1}',
        b'{"requiredText": "a", "color": "Blue"}',
        b'{"requiredText": "a", "color": 3}',
        b'{"requiredText": "a", "due": "tomorrow"}',
        b'{"requiredText": "a", "due": 12}',
        b'{"requiredText": "a", "due": "0001-01-01T00:00:00+14:00"}',
        b'{"requiredText": "a", "nested": {}}',
        b'{"requiredText": "a", "nested": []}',
        b'{"requiredText": "a", "more": ' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_bound_is_input_cannot_be_parsed(call: Call, body: bytes) -> None:
    """http-common.md §14: malformed JSON, missing required member, null, wrong type, invalid base64 -> 400"""
    answer = post(body)

    assert answer.error == NOT_PARSED
    assert answer.json["error"]["message"]


def test_the_message_of_a_binding_error_starts_with_its_json_path(call: Call) -> None:
    """http-common.md §4.2: `'<key>': <text>`; keys: JSON path for JSON errors"""
    answer = post({"requiredText": "a", "nested": {"innerText": 1}})

    assert answer.json["error"]["message"].startswith("'$.nested.innerText': ")


def test_unknown_members_and_other_casing_are_accepted(call: Call) -> None:
    """http-common.md §14: JSON with unknown members and different property-name casing -> accepted"""
    answer = post({"@type": "Thing", "REQUIREDtext": "a", "NESTED": {"InnerText": "b", "x": 1}})

    assert answer.status == 201
    assert answer.result["requiredText"] == "a"


@pytest.mark.parametrize("sent", ["-_-_YQ", "-_-_YQ==", "+/+/YQ=="])
def test_bytes_are_read_in_both_alphabets_and_written_in_one(call: Call, sent: str) -> None:
    """http-common.md §14: Byte field sent as standard base64 with padding and as base64url without -> same result"""
    assert post({"requiredText": "a", "data": sent}).result["data"] == "-_-_YQ"


@pytest.mark.parametrize("sent", ["+/+/YQ", "Y", "YQ=", "a b", "YQ==="])
def test_other_base64_is_refused(call: Call, sent: str) -> None:
    """http-common.md §4.1: Standard alphabet without padding is only accepted when it happens to be valid base64url"""
    assert post({"requiredText": "a", "data": sent}).error == NOT_PARSED


@pytest.mark.parametrize(
    ("member", "sent", "read"),
    [
        ("number", "12", 12),
        ("number", -2147483648, -2147483648),
        ("color", "green", "Green"),
        ("color", 10, "Green"),
        ("color", "10", "Green"),
        ("due", "2026-11-22T11:29:17.9019999Z", "2026-11-22T11:29:17.901Z"),
        ("due", "2026-11-22T13:29:17+02:00", "2026-11-22T11:29:17.000Z"),
        ("due", "2026-11-22T11:29:17", "2026-11-22T11:29:17.000Z"),
        ("due", "2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("due", "9999-12-31T00:00:00.000Z", "9999-12-31T00:00:00.000Z"),
    ],
)
def test_the_lenient_forms_of_values(call: Call, member: str, sent: object, read: object) -> None:
    """http-common.md §4.1: numbers as strings, enums by name or number, dates with offset or without"""
    assert post({"requiredText": "a", member: sent}).result[member] == read


def test_null_members_are_present(call: Call) -> None:
    """http-common.md §14: Null members are present in responses"""
    assert post({"requiredText": "a"}).result["due"] is None


def test_non_ascii_text_survives_as_utf8(call: Call) -> None:
    """http-common.md §6: raw UTF-8 in normal responses"""
    answer = post({"requiredText": "Grüße 🎈"})

    assert "Grüße 🎈" in answer.body


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/xml", "multipart/form-data"])
def test_another_content_type_is_415_without_envelope(call: Call, content_type: str) -> None:
    """http-common.md §14: JSON endpoint called with `text/plain` -> 415"""
    answer = post({"requiredText": "a"}, content_type)

    assert answer.status == 415
    assert answer.json["title"] == "Unsupported Media Type"
    assert "error" not in answer.json


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "TEXT/JSON", "application/vnd.x+json"])
def test_every_json_content_type_is_read(call: Call, content_type: str) -> None:
    """http-common.md §4.1: `application/json`, `text/json` or `application/*+json`"""
    assert post({"requiredText": "a"}, content_type).status == 201


@pytest.mark.parametrize(("body", "content_type"), [(None, ""), (b"", ""), (b"null", "application/json")])
def test_an_optional_body_may_be_missing(call: Call, body: bytes | None, content_type: str) -> None:
    """http-common.md §4.1: Endpoint whose body is optional: empty body, `null` and `{}` all accepted"""
    answer = call("PUT", "/things/{id}", body=body, headers={"content-type": content_type}, id="CHLx")

    assert (answer.status, answer.body) == (204, "")


def test_binding_errors_come_before_broken_rules(call: Call) -> None:
    """http-common.md §2: binding (3) before validators (5)"""
    body = json.dumps({"short": "far too long"}).encode()
    headers = {"content-type": "application/json"}

    assert post({"requiredText": "a", "short": "far too long"}).error == BROKEN_RULE
    assert post({"short": "far too long"}).error == NOT_PARSED
    assert call("PUT", "/things/{id}", body=body, headers=headers, id="wrong").error == NOT_PARSED


def test_the_page_size_is_checked_before_ids(call: Call) -> None:
    """http-common.md §7: larger -> invalidPageSize (checked before ids are validated)"""
    code = "error.platform.validation.pagination.invalidPageSize"

    assert call("GET", "/things", query="PageSize=201&ids=wrong").error == (400, code)
    assert call("GET", "/things", query="PageSize=200&ids=wrong").error == BROKEN_RULE
    assert call("GET", "/things", query="pagesize=200&IDS=CHLa&ids=CHLb").status == 200


@pytest.mark.parametrize("query", ["PageNumber=abc", "pageSize=1.5", "PageNumber=99999999999"])
def test_an_unreadable_page_cannot_be_parsed(call: Call, query: str) -> None:
    """http-common.md §4.2: unparsable number in the query (`PageNumber=abc`)"""
    assert call("GET", "/things", query=query).error == NOT_PARSED


@pytest.mark.parametrize("query", ["PageNumber=0", "PageSize=0", "PageSize=-1"])
def test_pages_count_from_one(call: Call, query: str) -> None:
    """http-common.md §7: 500 in the reference; a refusal here"""
    assert call("GET", "/things", query=query).error == BROKEN_RULE


def test_pagination_appears_only_with_a_second_page(call: Call) -> None:
    """http-common.md §14: List of 3 with PageSize 2 -> `pagination` = {1, 2, 2, 3}; with PageSize 3 -> none"""
    first = call("GET", "/things", query="PageSize=2").json
    whole = call("GET", "/things", query="PageSize=3").json

    assert [item["number"] for item in first["result"]] == [0, 1]
    assert first["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}
    assert list(whole) == ["result"]


def test_the_last_page_reports_the_right_totals(call: Call) -> None:
    """http-common.md §14: Last page (fewer items than page size) reports the right totals"""
    last = call("GET", "/things", query="PageSize=2&PageNumber=2").json

    assert [item["number"] for item in last["result"]] == [2]
    assert last["pagination"] == {"pageNumber": 2, "pageSize": 2, "totalPages": 2, "totalRecords": 3}


def test_a_page_beyond_the_end_is_empty_with_inflated_totals(call: Call) -> None:
    """http-common.md §7: a page beyond the end returns an empty list with inflated totals"""
    beyond = call("GET", "/things", query="PageSize=2&PageNumber=9").json

    assert beyond["result"] == []
    assert beyond["pagination"] == {"pageNumber": 9, "pageSize": 2, "totalPages": 8, "totalRecords": 16}


@pytest.mark.parametrize("wrong", ["XXXabc", "CHL" + "a" * 18, "CHL-", "chlabc", "CHLä", ""])
def test_a_malformed_id_breaks_a_rule(call: Call, wrong: str) -> None:
    """http-common.md §14: Id with wrong prefix or 21 characters -> 400 invalidPropertyValue"""
    assert call("GET", "/things/{id}", id=wrong).error == BROKEN_RULE


@pytest.mark.parametrize("short", ["CHL", "CHLabc", "CHL" + "a" * 17])
def test_a_well_formed_unknown_id_is_not_found(call: Call, short: str) -> None:
    """http-common.md §14: Well-formed unknown id -> 404 (shorter ids are well-formed)"""
    assert call("GET", "/things/{id}", id=short).error == (404, "error.platform.recordNotFound")


@pytest.mark.parametrize(
    "wrong",
    [
        "did:e:enmeshedeu:dids:06a391378e5df5c1399f77",
        "did:e:prod.ENMESHED.eu:dids:fef1992c5e529adc413288",
        "dod:e:prod.enmeshed.eu:dids:ee5966a158f1dc4de5bd5c",
        "did:e:prod.enmeshed.eu:dids:56b3f2a0c202e27229aa55",
        "did:e:prod.enmeshed.eu:dids:06a391378e5df5c1399f7777",
        "did:e:127.0.0.1:dids:06a391378e5df5c1399f77",
        "",
    ],
)
def test_a_malformed_address_breaks_a_rule(call: Call, wrong: str) -> None:
    """http-common.md §14: Address with wrong checksum in any address parameter -> 400 invalidPropertyValue"""
    assert call("GET", "/addresses/{address}", address=wrong).error == BROKEN_RULE


@pytest.mark.parametrize(
    "right",
    [
        "did:e:bkb-nmshd-preprod.nbpdev.de:dids:a75bf465d17e972367a986",
        "did:e:prod.enmeshed.eu:dids:56b3f2a0c202e27229aa87",
    ],
)
def test_an_address_of_a_foreign_domain_is_valid(call: Call, right: str) -> None:
    """http-common.md §14: Address of a foreign domain with right checksum -> passes validation"""
    assert call("GET", "/addresses/{address}", address=right).status == 200


def test_a_header_model_reads_headers_in_any_case(call: Call) -> None:
    assert call("GET", "/version", headers={"x-supported-version": "7"}).result == {"number": 7}
    assert call("GET", "/version").result == {"number": 0}
    assert call("GET", "/version", headers={"x-supported-version": "65536"}).error == NOT_PARSED


def test_a_created_record_has_an_absolute_location(call: Call) -> None:
    """http-common.md §3.1: 201 responses: `Location` is the absolute URL of the new record"""
    headers = {"content-type": "application/json", "host": "b.example", "x-forwarded-proto": "https"}

    answer = call("POST", "/things", body=b'{"requiredText":"a"}', headers=headers)

    assert (answer.status, answer.headers["location"]) == (201, "https://b.example/things/1")


@pytest.mark.parametrize(("trusted", "host"), [("true", "front.example"), ("false", "b.example")])
def test_the_forwarded_host_counts_only_where_the_front_is_ours(
    call: Call, trusted: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http-common.md §9: `X-Forwarded-Host` of a proxy"""
    monkeypatch.setenv("BACKBONE_TRUST_FORWARDED_HOST", trusted)
    settings.cache_clear()
    headers = {"content-type": "application/json", "host": "b.example", "x-forwarded-host": "front.example"}

    answer = call("POST", "/things", body=b'{"requiredText":"a"}', headers=headers)

    assert answer.headers["location"] == f"https://{host}/things/1"


def test_a_valid_token_names_the_caller(call: Call) -> None:
    caller = new_caller("my-client")

    answer = call("GET", "/whoami", headers={"authorization": f"bearer {token_of(caller)}"})

    assert answer.result == [caller.address, caller.device_id, "my-client"]


def test_without_token_the_answer_is_401_without_body(call: Call) -> None:
    """http-common.md §14: GET without token -> 401, empty body, `WWW-Authenticate: Bearer`"""
    answer = call("GET", "/whoami")

    assert (answer.status, answer.body, answer.headers["www-authenticate"]) == (401, "", "Bearer")
    assert answer.headers["cache-control"] == "no-store"


def test_forbidden_and_exhausted_quota_keep_envelope_and_data(call: Call) -> None:
    """http-common.md §3.3 and §14: 403 with envelope; exhausted quota -> 429 with data"""
    assert call("GET", "/failures/{id}", id="CHLforbidden").error == (403, "error.platform.forbidden")
    quota = call("GET", "/failures/{id}", id="CHLquota")
    assert quota.error == (429, "error.platform.quotaExhausted")
    assert quota.json["error"]["data"] == [{"metricKey": "m"}]


def test_an_unexpected_failure_is_500_with_envelope_and_tells_nothing(call: Call) -> None:
    """http-common.md §14: Unexpected failure -> 500 with envelope, code `error.platform.unexpected`"""
    answer = call("GET", "/failures/{id}", id="CHLcrash")

    assert answer.error == (500, "error.platform.unexpected")
    assert "secret detail" not in answer.body


@pytest.mark.parametrize(("length", "status"), [(5_000_000, 200), (6_200_000, 200), (6_300_000, 303)])
def test_a_response_beyond_lambda_is_fetched_from_s3(call: Call, length: int, status: int) -> None:
    """docs/decisions/large-responses.md"""
    answer = call("GET", "/large/{id}", id=f"CHL{length}")

    assert answer.status == status
    if status == 303:
        assert answer.body == ""
        assert "X-Amz-Signature" in answer.headers["location"]
        assert "x-correlation-id" in answer.headers
        key = re.search(r"things/lent/\w+", answer.headers["location"])
        assert key is not None
        stored = payloads.client().get_object(Bucket=BUCKET, Key=key.group())
        assert stored["ContentType"] == "application/json; charset=utf-8"
        assert len(json.loads(stored["Body"].read())["result"]["requiredText"]) == length


def test_a_direct_invocation_without_request_does_nothing() -> None:
    assert handler({}, None) == {"statusCode": 204}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=15), inner, max_size=4),
    max_leaves=20,
)


@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["requiredText", "DATA", "number", "flag", "color", "due", "short", "nested", "x"]), json_values
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_ever_causes_a_500(call: Call, body: bytes) -> None:
    assert post(body).status in (201, 400)


def test_random_ids_are_well_formed() -> None:
    for _ in range(100):
        assert re.fullmatch("CHL[A-Za-z0-9]{17}", ChallengeId.new())


def test_an_id_of_one_kind_is_no_id_of_another() -> None:
    assert not ChallengeId.is_valid(f"DVC{uuid.uuid4().hex[:17]}")


def test_timestamps_are_cut_not_rounded() -> None:
    """http-common.md §6: exactly 3 fractional digits (truncated, not rounded)"""
    out = ThingOut(
        required_text="",
        data=b"",
        number=0,
        flag=False,
        color=Color.Red,
        due=datetime(2026, 1, 1, 0, 0, 0, 999999, UTC),
    )

    assert json.loads(out.model_dump_json(by_alias=True))["due"] == "2026-01-01T00:00:00.999Z"
