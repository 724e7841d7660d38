"""What goes is counted, once, and what belongs to who has gone, goes.  Contract: quotas.md, sections 2 and 8."""

from datetime import timedelta

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.deletion import deletion_mark_key
from backbone.dynamodb import client, decode, write
from backbone.events import DomainEvent, carried_by
from backbone.events.challenges import ChallengeRemoved
from backbone.events.devices import IdentityDeleted, TierDeleted
from backbone.events.files import FileRemoved
from backbone.events.relationships import RelationshipTemplateRemoved
from backbone.events.tokens import TokenFilled, TokenRemoved
from backbone.ids import (
    ChallengeId,
    FileId,
    IdentityDeletionProcessId,
    RelationshipTemplateId,
    TokenId,
)
from backbone.quotas import Metric, Period
from backbone.quotas import store as quotas
from tests.support.api import InProcessApi
from tests.support.builders import TIER, given_identity, given_individual_quota, given_tier_quota, usage_of
from tests.support.crashes import died, until_it_lives
from tests.unit.quotas.scenes import (
    CONTENT,
    EXHAUSTED,
    FILES,
    TEMPLATES,
    TOKENS,
    active_caller,
    create_template,
    create_token,
    remove,
    tell,
    tell_the_end_of,
    upload,
)

PROCESS = IdentityDeletionProcessId.new()


def total(address: Address, metric: Metric) -> int:
    return usage_of(address, metric).get("total", 0)


def test_a_deleted_token_makes_room_at_once_and_however_often_it_is_told(api: InProcessApi) -> None:
    """quotas.md §2: deleting reduces the next computed usage

    Unlike in the reference (Surprise 2), it unblocks: docs/decisions/quotas.md.
    """
    caller = active_caller()
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 1)
    token_id = create_token(api, caller).result["id"]
    item = remove("tokens", {"pk": token_id, "sk": "T"})

    assert create_token(api, caller).error == EXHAUSTED
    tell_the_end_of(item, times=3)

    assert total(caller.address, Metric.NUMBER_OF_TOKENS) == 0
    assert [create_token(api, caller).status for _ in range(2)] == [201, 429]


def test_a_deleted_file_gives_its_bytes_back(api: InProcessApi) -> None:
    caller = active_caller()
    file_id = upload(api, caller, bytes(1000)).result["id"]
    upload(api, caller, bytes(234))
    item = remove("files", {"pk": file_id})

    tell_the_end_of(item, times=2)

    assert total(caller.address, Metric.NUMBER_OF_FILES) == 1
    assert total(caller.address, Metric.USED_FILE_STORAGE_SPACE) == 234


def test_a_file_counts_for_its_creator_whoever_owns_it(api: InProcessApi) -> None:
    """quotas.md §2: files with `createdBy = X`; §8: Not recomputed at all: … file ownership claims"""
    creator, claimant = active_caller(), active_caller()
    created = upload(api, creator).result
    claim = {"ownershipToken": created["ownershipToken"]}
    assert api.patch(f"{FILES}/{created['id']}/ClaimOwnership", claim, caller=claimant).status == 200
    assert total(claimant.address, Metric.NUMBER_OF_FILES) == 0

    tell_the_end_of(remove("files", {"pk": created["id"]}))

    assert total(creator.address, Metric.NUMBER_OF_FILES) == 0


def test_a_deleted_template_and_an_old_challenge_are_uncounted(api: InProcessApi) -> None:
    caller = active_caller()
    template_id = create_template(api, caller).result["id"]
    challenge_id = api.post("/api/v2/Challenges", caller=caller).result["id"]

    tell_the_end_of(remove("relationships", {"pk": template_id, "sk": "T"}))
    tell_the_end_of(remove("challenges", {"pk": challenge_id}))

    assert total(caller.address, Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES) == 0
    assert total(caller.address, Metric.NUMBER_OF_CREATED_CHALLENGES) == 0


def test_what_is_deleted_over_http_says_so_at_its_end(api: InProcessApi) -> None:
    caller = active_caller()
    token_id, file_id = create_token(api, caller).result["id"], upload(api, caller).result["id"]
    template_id = create_template(api, caller).result["id"]

    for path, service, key in (
        (f"{TOKENS}/{token_id}", "tokens", {"pk": token_id, "sk": "T"}),
        (f"{FILES}/{file_id}", "files", {"pk": file_id}),
        (f"{TEMPLATES}/{template_id}", "relationships", {"pk": template_id, "sk": "T"}),
    ):
        name = service
        item = next(item for item in everything_in(name) if item["pk"] == key["pk"] and item.get("sk") == key.get("sk"))
        assert api.delete(path, caller=caller).status == 204
        tell_the_end_of(item)

    for metric in (Metric.NUMBER_OF_TOKENS, Metric.NUMBER_OF_FILES, Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES):
        assert total(caller.address, metric) == 0


def test_what_was_created_in_an_earlier_window_leaves_the_current_one_alone(moto: None) -> None:
    owner, now = active_caller().address, clock.now()
    count(owner, 3)

    tell(TokenRemoved(token_id=TokenId.new(), created_by=owner, created_at=now - timedelta(days=800)))

    assert set(usage_of(owner, Metric.NUMBER_OF_TOKENS).values()) == {2, 3}
    assert total(owner, Metric.NUMBER_OF_TOKENS) == 2


class TestFilledTokens:
    def test_an_anonymous_one_counts_for_who_fills_it(self, api: InProcessApi) -> None:
        """tokens.md §3.5: the caller becomes its creator; quotas.md §2: tokens with `createdBy = X`"""
        caller = active_caller()
        token_id = create_token(api, None).result["id"]
        api.post(f"{TOKENS}/{token_id}/UpdateContent", {"newContent": CONTENT}, caller=caller)
        item = next(item for item in everything_in("tokens") if item["pk"] == token_id)
        (filled,) = carried_by(item)

        tell(filled.event(), times=2)

        assert total(caller.address, Metric.NUMBER_OF_TOKENS) == 1
        tell_the_end_of(item)
        assert total(caller.address, Metric.NUMBER_OF_TOKENS) == 0

    def test_somebodys_counts_for_him_no_more(self, moto: None) -> None:
        old, new = active_caller().address, active_caller().address
        count(old, 2)

        tell(filled(old, new), times=2)

        assert (total(old, Metric.NUMBER_OF_TOKENS), total(new, Metric.NUMBER_OF_TOKENS)) == (1, 1)

    def test_ones_own_is_counted_already(self, moto: None) -> None:
        owner = active_caller().address
        count(owner, 1)

        tell(filled(owner, owner))

        assert total(owner, Metric.NUMBER_OF_TOKENS) == 1

    def test_who_is_gone_gets_nothing_and_keeps_nobody_from_losing_one(self, moto: None) -> None:
        old, gone = active_caller().address, active_caller(status="Deleting").address
        count(old, 1)

        tell(filled(old, gone))

        assert total(old, Metric.NUMBER_OF_TOKENS) == 0
        assert usage_of(gone, Metric.NUMBER_OF_TOKENS) == {}


@pytest.mark.parametrize(
    "event",
    [
        lambda who: TokenRemoved(token_id=TokenId.new(), created_by=who, created_at=clock.now()),
        lambda who: FileRemoved(file_id=FileId.new(), created_by=who, created_at=clock.now(), cipher_size=5),
        lambda who: ChallengeRemoved(challenge_id=ChallengeId.new(), created_by=who, created_at=clock.now()),
        lambda who: RelationshipTemplateRemoved(
            template_id=RelationshipTemplateId.new(), created_by=who, created_at=clock.now()
        ),
    ],
)
def test_the_end_of_what_a_deleted_identity_had_brings_nothing_back(moto: None, event: object) -> None:
    gone = active_caller(status="Deleting").address

    tell(event(gone))  # type: ignore[operator]  # a lambda of the list above

    assert everything_in("quotas") == []


class TestDeletionOfIdentities:
    def test_quotas_and_counts_go_and_it_is_said(self, moto: None) -> None:
        """quotas.md §8: Identity deletion removes the identity copy with quotas and statuses; audit aggregate
        `QuotaIdentities`."""
        gone, other = active_caller().address, active_caller().address
        for address in (gone, other):
            count(address, 2)
            given_individual_quota(address, Metric.NUMBER_OF_FILES, 3, Period.DAY)

        tell(IdentityDeleted(identity_address=gone, deletion_process_id=PROCESS))

        assert {item["pk"] for item in everything_in("quotas")} == {other, f"DELETED#{PROCESS}"}
        (told,) = carried_by(quotas.table().get(deletion_mark_key(PROCESS)))
        assert told.payload == {
            "identityAddress": gone,
            "deletionProcessId": PROCESS,
            "service": "quotas",
            "aggregates": ["QuotaIdentities"],
        }

    def test_it_may_be_asked_for_again(self, moto: None) -> None:
        gone = active_caller().address
        count(gone, 1)

        tell(IdentityDeleted(identity_address=gone, deletion_process_id=PROCESS), times=2)

        assert [item["pk"] for item in everything_in("quotas")] == [f"DELETED#{PROCESS}"]

    def test_a_crash_between_any_two_calls_only_delays_it(self, moto: None) -> None:
        other = active_caller().address
        count(other, 2)
        kept = everything_in("quotas")
        for call in until_it_lives():
            gone = active_caller().address
            for metric in Metric:
                given_individual_quota(gone, metric, 3, Period.DAY)
            deleted = IdentityDeleted(identity_address=gone, deletion_process_id=IdentityDeletionProcessId.new())

            crashed = died(call, lambda event=deleted: tell(event))  # type: ignore[misc]  # a default argument
            tell(deleted)

            left = [item for item in everything_in("quotas") if not item["pk"].startswith("DELETED#")]
            assert left == kept
            if not crashed:
                break

    def test_what_comes_later_is_not_counted(self, api: InProcessApi) -> None:
        caller = active_caller()
        create_token(api, caller)
        given_identity(caller.address, "Deleting")
        tell(IdentityDeleted(identity_address=caller.address, deletion_process_id=PROCESS))

        create_token(api, caller)

        assert usage_of(caller.address, Metric.NUMBER_OF_TOKENS) == {}


def test_the_definitions_of_a_deleted_tier_go(moto: None) -> None:
    """quotas.md §8: `TierDeleted`: remove tier copy (quota definitions cascade)"""
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 1)

    tell(TierDeleted(tier_id=TIER), times=2)

    assert everything_in("quotas") == []


def filled(old: Address, new: Address) -> DomainEvent:
    return TokenFilled(token_id=TokenId.new(), old_creator=old, new_creator=new, created_at=clock.now())


def count(address: Address, amount: int) -> None:
    now = clock.now()
    write(quotas.counting(address, Metric.NUMBER_OF_TOKENS, amount, now=now, created_at=now))


def everything_in(service: str) -> list[dict[str, object]]:
    from backbone.settings import settings

    table = getattr(settings(), f"{service}_table")
    return [decode(item) for item in client().scan(TableName=table)["Items"]]
