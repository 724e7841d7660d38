"""Relationships for operators, over HTTP.  Contract: admin-api.md, sections 3.2, 11.2 and 19; relationships.md §10."""

from datetime import timedelta

import pytest

from backbone.addresses import Address, anonymised_address
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.readmodels.relationships import relationship_key, table
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_relationship
from tests.support.engine import DOMAIN
from tests.support.metering import metered
from tests.unit.relationships.scenes import INVALID, UNPARSABLE, create, given_template, two

pytestmark = pytest.mark.slow

RELATIONSHIPS = "/api/v1/Relationships"
INVALID_PAGE_SIZE = (400, "error.platform.validation.pagination.invalidPageSize")
NOBODY = "did:e:localhost:dids:nobody"


@pytest.fixture
def admin(moto: None) -> InProcessApi:
    """Relationships for operators, on the same tables as `api`."""
    return InProcessApi(["relationships"], admin=True)


def listed(admin: InProcessApi, participant: Address, **query: object) -> Answer:
    return admin.get(RELATIONSHIPS, query={"participant": participant, **query})


def test_nobody_gets_in_without_a_key(admin: InProcessApi) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` -> 401, empty body"""
    answer = admin.get(RELATIONSHIPS, query={"participant": NOBODY}, headers={"X-API-KEY": ""})

    assert (answer.status, answer.body) == (401, "")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, UNPARSABLE),
        ({"participant": ""}, UNPARSABLE),
        ({"participant": NOBODY, "PageSize": "many"}, UNPARSABLE),
        ({"PageSize": 201}, UNPARSABLE),
        ({"participant": NOBODY, "PageSize": 201}, INVALID_PAGE_SIZE),
        ({"participant": NOBODY, "PageNumber": 0}, INVALID),
        ({"participant": NOBODY, "PageSize": 0}, INVALID),
        ({"participant": NOBODY, "PageSize": -7}, INVALID),
    ],
)
def test_what_the_list_refuses(admin: InProcessApi, query: dict[str, str], error: tuple[int, str]) -> None:
    """admin-api.md §19: `GET /Relationships?participant=` without participant -> 400; `PageSize=201` -> 400
    `error.platform.validation.pagination.invalidPageSize`; §3.2: pages below 1 are 400, where the reference has 500"""
    assert admin.get(RELATIONSHIPS, query=query).error == error


@pytest.mark.parametrize("participant", [NOBODY, "x" * 3000, "ü", anonymised_address(DOMAIN), new_caller().address])
def test_who_is_unknown_has_no_relationships(admin: InProcessApi, participant: Address) -> None:
    """admin-api.md §11.2: `participant` required, not validated (unknown -> empty array)"""
    assert listed(admin, participant).json == {"result": []}


def test_both_sides_of_a_relationship(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `GET /Relationships?participant=` sorted, `requestedBy` Self/Peer"""
    here = two(api, "Terminated")
    relationship = here.get(here.from_).result
    shown = {
        "templateId": relationship["relationshipTemplateId"],
        "status": "Terminated",
        "creationDate": relationship["createdAt"],
        "answeredAt": relationship["auditLog"][1]["createdAt"],
        "createdByDevice": relationship["auditLog"][0]["createdByDevice"],
        "answeredByDevice": relationship["auditLog"][1]["createdByDevice"],
    }

    assert listed(admin, here.from_.address).result == [{"peer": here.to.address, "requestedBy": "Self", **shown}]
    assert listed(admin, here.to.address).result == [{"peer": here.from_.address, "requestedBy": "Peer", **shown}]


def test_a_request_without_answer_or_template(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §11.2: `templateId` string|null (template deleted); `answeredAt`, `answeredByDevice`: null if only
    one audit entry exists"""
    here = two(api, "Pending")
    table().update(relationship_key(here.id), "REMOVE templateId")

    [listed_one] = listed(admin, here.to.address).result

    assert [listed_one[name] for name in ("templateId", "answeredAt", "answeredByDevice")] == [None] * 3
    assert listed_one["status"] == "Pending"


@pytest.mark.parametrize("status", ["Rejected", "Revoked", "DeletionProposed", "ReadyForDeletion"])
def test_what_was_given_up_is_listed_for_both(admin: InProcessApi, api: InProcessApi, status: str) -> None:
    """relationships.md §10: `status` (string, incl. ReadyForDeletion); No filtering by decomposition"""
    here = two(api, status)

    for who in (here.from_, here.to):
        assert [one["status"] for one in listed(admin, who.address).result] == [status]


def given_relationships(owner: Caller, number: int) -> list[Address]:
    """Of every second one he is the creator; gives the peers, oldest relationship first."""
    peers = [new_caller().address for _ in range(number)]
    for n, peer in enumerate(peers):
        sides = (owner.address, peer) if n % 2 else (peer, owner.address)
        given_relationship(*sides, created_at=LONG_AGO + timedelta(seconds=n))
    return peers


def test_pages_of_relationships_oldest_first(admin: InProcessApi) -> None:
    """relationships.md §10: Paged, sorted by creationDate ascending; admin-api.md §3.2: `pagination` only with more
    than one page; a page beyond the end reports a wrong total"""
    owner = new_caller()
    peers = given_relationships(owner, 7)

    answers = [listed(admin, owner.address, PageNumber=number, PageSize=3) for number in (1, 2, 3, 4)]

    assert [one["peer"] for answer in answers for one in answer.result] == peers
    assert [answer.json["pagination"] for answer in answers] == [
        {"pageNumber": number, "pageSize": 3, "totalPages": pages, "totalRecords": total}
        for number, pages, total in ((1, 3, 7), (2, 3, 7), (3, 3, 7), (4, 3, 9))
    ]
    assert "pagination" not in listed(admin, owner.address, PageSize=7).json


@pytest.mark.slow
def test_a_page_has_fifty_relationships_unless_asked_otherwise(admin: InProcessApi) -> None:
    """admin-api.md §3.2: Relationships, Messages: default size 50"""
    owner = new_caller()
    given_relationships(owner, 51)

    answer = listed(admin, owner.address)

    assert len(answer.result) == 50
    assert answer.json["pagination"] == {"pageNumber": 1, "pageSize": 50, "totalPages": 2, "totalRecords": 51}


def test_what_goes_while_a_page_is_read_is_left_out(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, peers = new_caller(), [new_caller() for _ in range(3)]
    gone, left, kept = (given_relationship(owner.address, peer.address) for peer in peers)
    finding = Table.query_all

    def query_all(self: Table, *arguments: object, **options: object) -> list[object]:
        found = list(finding(self, *arguments, **options))  # type: ignore[arg-type]
        table().delete(relationship_key(gone.id))
        table().update(relationship_key(left.id), "SET #from = :nobody", {"nobody": anonymised_address(DOMAIN)})
        return found  # type: ignore[return-value]

    monkeypatch.setattr(Table, "query_all", query_all)

    answer = listed(admin, owner.address)

    assert [one["peer"] for one in answer.result] == [kept.to]
    assert "pagination" not in answer.json


def test_templates_and_allocations_are_no_relationships(admin: InProcessApi, api: InProcessApi) -> None:
    here = two(api, "Rejected")
    second = create(api, given_template(api, here.to), here.from_).result

    result = listed(admin, here.to.address).result

    assert [one["status"] for one in result] == ["Rejected", "Pending"]
    assert result[1]["creationDate"] == second["createdAt"]
    assert result[1]["answeredAt"] is None


@pytest.mark.local_dynamodb
@pytest.mark.slow
def test_a_page_costs_the_same_wherever_it_is(local_dynamodb: None) -> None:
    """data-model.md, relationships: Admin: list: 0.5 RCU per 4 KB of the indexes, 1 RCU for each that is old enough to
    be over, and 3 RCU for each of the page"""
    admin, owner = InProcessApi(["relationships"], admin=True), new_caller()
    given_relationships(owner, 60)

    for number in (1, 3, 6):
        with metered() as meter:
            assert len(listed(admin, owner.address, PageNumber=number, PageSize=10).result) == 10

        assert meter.calls == ["Query", "Query", "BatchGetItem", "BatchGetItem"]
        assert (meter.read_units, meter.write_units) == (2 * 0.5 + 60 + 10 * 3, 0)


def test_what_is_over_is_not_listed_and_moves_the_others_up(admin: InProcessApi) -> None:
    """relationships.md §7 and §10: removed thirty days after ReadyForDeletion; read time is exact, lists included"""
    somebody = new_caller().address
    statuses = ("ReadyForDeletion", "Active", "ReadyForDeletion", "Rejected")
    for number, status in enumerate(statuses):
        given_relationship(somebody, new_caller().address, status, created_at=LONG_AGO + timedelta(days=number))
    given_relationship(somebody, new_caller().address, "ReadyForDeletion")

    pages = [listed(admin, somebody, PageNumber=number, PageSize=1) for number in (1, 2, 3)]

    assert [[item["status"] for item in page.result] for page in pages] == [
        ["Active"],
        ["Rejected"],
        ["ReadyForDeletion"],
    ]
    assert pages[0].json["pagination"]["totalRecords"] == 3
