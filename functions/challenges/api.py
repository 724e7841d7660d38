"""Challenges over HTTP.  Contract: devices.md, section 4."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api, Created
from backbone.ids import ChallengeId
from backbone.quotas import Allowance, Metric
from functions.challenges import domain
from functions.challenges.models import ChallengeOut
from functions.challenges.store import ChallengeStore

api = Api("challenges")
store = ChallengeStore()


@api.post("/api/v2/Challenges", limited_by=(Metric.NUMBER_OF_CREATED_CHALLENGES,))
def create_challenge(caller: Caller | None, allowance: Allowance) -> Created[ChallengeOut]:
    """Issue a challenge; signing it proves possession of a key."""
    challenge = domain.issue_challenge(caller, now=clock.now())
    store.add(challenge, allowance)
    return Created(ChallengeOut.of(challenge), location=f"/api/v2/Challenges/{challenge.id}")


@api.get("/api/v2/Challenges/{id}")
def get_challenge(id: ChallengeId, caller: Caller) -> ChallengeOut:
    """Read any challenge.  404 from an hour after its expiry on."""
    return ChallengeOut.of(store.get(id, now=clock.now()))
