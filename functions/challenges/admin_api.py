"""Challenges for operators, who create identities with them.  Contract: admin-api.md, section 11.1."""

from backbone import clock
from backbone.http import Created
from backbone.http.admin import AdminApi
from backbone.quotas import Allowance
from functions.challenges import domain
from functions.challenges.models import ChallengeOut
from functions.challenges.store import ChallengeStore

admin_api = AdminApi("challenges", function="AdminChallenges")
store = ChallengeStore()


@admin_api.post("/api/v1/Challenges")
def create_anonymous_challenge() -> Created[ChallengeOut]:
    """Issue a challenge that belongs to nobody; signing it proves possession of a key."""
    challenge = domain.issue_challenge(None, now=clock.now())
    store.add(challenge, Allowance.unlimited())
    # There is no route to read it under: that is how the reference writes it.
    return Created(ChallengeOut.of(challenge), location=f"/api/v1/Challenges?id={challenge.id}")
