"""What a route may return besides a response model or a list of them."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT", covariant=True)


@dataclass(frozen=True, slots=True)
class Created(Generic[ResultT]):
    """201; `location` is the path of the new record, '' where the contract sends none."""

    result: ResultT
    location: str = ""


@dataclass(frozen=True, slots=True)
class NoContent:
    """204 with an empty body: the only form of an empty success that clients accept."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer without the envelope (token endpoint, health, well-known documents); without body, no content type.

    Bytes go out as they are if Chalice knows their content type as binary (`application/octet-stream` is one).
    """

    status: int
    body: str | bytes = ""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
