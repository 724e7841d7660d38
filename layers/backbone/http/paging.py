"""Pagination.  Contract: http-common.md, section 7."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from backbone.errors import InvalidPageSize, InvalidPropertyValue
from backbone.http.models import Int32, QueryModel, ResponseModel
from backbone.settings import settings

ItemT = TypeVar("ItemT", covariant=True)
ElementT = TypeVar("ElementT")


class PageQuery(QueryModel):
    """`PageNumber` and `PageSize` as sent."""

    page_number: Int32 | None = None
    page_size: Int32 | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The page a caller asks for; `number` counts from 1."""

    number: int
    size: int

    @classmethod
    def of(cls, query: PageQuery) -> "Page":
        """Raises `InvalidPageSize` above the maximum, `InvalidPropertyValue` for anything not positive."""
        limits = settings()
        size = limits.default_page_size if query.page_size is None else query.page_size
        number = 1 if query.page_number is None else query.page_number
        if size > limits.max_page_size:
            raise InvalidPageSize(limits.max_page_size)
        if size < 1 or number < 1:
            raise InvalidPropertyValue("Page number and page size must be positive.")
        return cls(number, size)

    @property
    def offset(self) -> int:
        """How many items come before this page."""
        return (self.number - 1) * self.size


class Pagination(ResponseModel):
    """The `pagination` member of a list with more than one page."""

    page_number: int
    page_size: int
    total_pages: int
    total_records: int


@dataclass(frozen=True, slots=True)
class PageOf(Generic[ItemT]):
    """One page of a list and the number of all its items.

    `exact`: that number holds even if the page is not full, because something on it has gone since the first page.
    """

    items: Sequence[ItemT]
    page: Page
    counted: int
    exact: bool = False

    @property
    def total_records(self) -> int:
        """A page that is not full speaks for itself, even when it lies beyond the end (a quirk clients know)."""
        if len(self.items) < self.page.size and not self.exact:
            return self.page.offset + len(self.items)
        return self.counted

    @property
    def pagination(self) -> Pagination | None:
        """None unless there is more than one page."""
        pages = -(-self.total_records // self.page.size)
        if pages <= 1:
            return None
        return Pagination(
            page_number=self.page.number,
            page_size=self.page.size,
            total_pages=pages,
            total_records=self.total_records,
        )

    def map(self, shape: Callable[[ItemT], ElementT]) -> "PageOf[ElementT]":
        """The same page with every item put into another shape."""
        return PageOf([shape(item) for item in self.items], self.page, self.counted, self.exact)


def page_of(everything: Sequence[ElementT], page: Page) -> PageOf[ElementT]:
    """The page of a list that is already in memory."""
    return PageOf(everything[page.offset : page.offset + page.size], page, len(everything))
