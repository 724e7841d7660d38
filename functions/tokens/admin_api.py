"""Tokens for operators.  Contract: admin-api.md, sections 3.2, 11.4 and 11.5; tokens.md, sections 3.6 and 3.7."""

from concurrent.futures import ThreadPoolExecutor

from backbone import clock
from backbone.addresses import Address
from backbone.errors import RecordNotFound
from backbone.http import NoContent, Page, PageOf
from backbone.http.admin import AdminApi
from backbone.http.paging import PageQuery
from backbone.ids import TokenId
from functions.tokens.admin_models import CreatorQuery
from functions.tokens.models import TokenWithContentOut
from functions.tokens.store import FoundToken, TokenStore

admin_api = AdminApi("tokens", function="AdminTokens")
store = TokenStore()
_PARALLEL_DOWNLOADS = 8


@admin_api.get("/api/v1/Tokens")
def list_tokens_of_identity(query: CreatorQuery, paging: PageQuery) -> PageOf[TokenWithContentOut]:
    """The tokens of an identity, oldest first, expired ones included; without `PageSize` all of them on one page."""
    page = Page.of(paging)
    if not Address.is_valid(query.created_by):
        return PageOf([], page, 0)
    wanted = None if paging.page_size is None else page
    return _with_contents(store.created_by(Address(query.created_by), wanted, now=clock.now()))


@admin_api.patch("/api/v1/Tokens/{id}/ResetAccessFailedCount")
def reset_access_failed_count(id: TokenId) -> NoContent:
    """Forget the wrong passwords, which unlocks the token."""
    store.reset_access_failed_count(id, now=clock.now())
    return NoContent()


def _with_contents(page: PageOf[FoundToken]) -> PageOf[TokenWithContentOut]:
    """What is deleted while the contents of the others are fetched is left out like any token that is not there."""
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        shown = [token for token in pool.map(_with_content, page.items) if token is not None]
    return PageOf(shown, page.page, page.counted, exact=page.exact or len(shown) < len(page.items))


def _with_content(found: FoundToken) -> TokenWithContentOut | None:
    try:
        return TokenWithContentOut.of_found(found)
    except RecordNotFound:
        return None
