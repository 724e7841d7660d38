"""What goes over the wire."""

from backbone.http import ResponseModel, Timestamp
from functions.challenges.domain import Challenge


class ChallengeOut(ResponseModel):
    """A challenge; creator and device are null when it was made anonymously."""

    id: str
    expires_at: Timestamp
    created_by: str | None
    created_by_device: str | None

    @classmethod
    def of(cls, challenge: Challenge) -> "ChallengeOut":
        """The wire form."""
        return cls(
            id=challenge.id,
            expires_at=challenge.expires_at,
            created_by=challenge.created_by,
            created_by_device=challenge.created_by_device,
        )
