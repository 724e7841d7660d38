"""Two identities do anything to their relationship, over HTTP: the state machine as it is stored."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone import clock
from backbone.ids import RelationshipId
from functions.relationships.domain import Action
from functions.relationships.relationship import Status
from functions.relationships.store import RelationshipStore
from tests.support.api import InProcessApi
from tests.unit.relationships.scenes import refused, stored_items, two
from tests.unit.relationships.test_state_machine import may

PATHS = {
    Action.ACCEPT: "Accept",
    Action.REJECT: "Reject",
    Action.REVOKE: "Revoke",
    Action.TERMINATE: "Terminate",
    Action.REQUEST_REACTIVATION: "Reactivate",
    Action.ACCEPT_REACTIVATION: "Reactivate/Accept",
    Action.REJECT_REACTIVATION: "Reactivate/Reject",
    Action.REVOKE_REACTIVATION: "Reactivate/Revoke",
    Action.DECOMPOSE: "Decompose",
}
# Beginning with an acceptance makes long lives likely.
lives = st.lists(st.tuples(st.booleans(), st.sampled_from(list(PATHS))), max_size=8).map(
    lambda steps: [(False, Action.ACCEPT), (True, Action.TERMINATE), *steps]
)


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=st.one_of(lives, lives.map(lambda steps: steps[2:])))
def test_both_sides_always_see_the_same_and_nothing_else_succeeds(
    api: InProcessApi, life: list[tuple[bool, Action]]
) -> None:
    here = two(api)
    store = RelationshipStore()
    for is_from, action in life:
        actor = here.from_ if is_from else here.to
        before = store.get(RelationshipId(here.id), now=clock.now()).relationship

        answer = here.act(PATHS[action], actor)

        after = store.get(RelationshipId(here.id), now=clock.now()).relationship
        assert (answer.status == 200) == may(before, actor.address, is_from, action)
        assert len(after.audit_log) == len(before.audit_log) + (answer.status == 200)
        for who, has_decomposed in ((here.from_, after.from_has_decomposed), (here.to, after.to_has_decomposed)):
            seen = here.get(who)
            if has_decomposed:
                assert seen.error == refused("relationshipAlreadyDecomposed")
            else:
                assert seen.result["status"] == after.status.value
                assert [entry["newStatus"] for entry in seen.result["auditLog"]] == [
                    entry.new_status.value for entry in after.audit_log
                ]
    [pair] = [item for item in stored_items() if item.get("relationshipId") == here.id and item["sk"] == "P"]
    status = store.get(RelationshipId(here.id), now=clock.now()).relationship.status
    assert (pair["status"], pair["openRelationships"]) == (status.value, int(Status(status).is_open))
