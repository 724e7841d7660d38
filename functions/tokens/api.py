"""Tokens over HTTP.  Contract: tokens.md, section 3."""

from contextlib import suppress

from backbone import clock
from backbone.caller import Caller
from backbone.errors import RecordNotFound
from backbone.http import Api, Created, NoContent, Page, PageOf, page_of
from backbone.ids import TokenId
from backbone.quotas import Allowance, Metric
from functions.tokens import access, domain
from functions.tokens.models import (
    CreatedTokenOut,
    Filling,
    NewToken,
    PasswordQuery,
    TokenOut,
    TokensQuery,
    TokenWithContentOut,
)
from functions.tokens.store import FoundToken, TokenStore

api = Api("tokens")
store = TokenStore()


@api.post("/api/v2/Tokens", limited_by=(Metric.NUMBER_OF_TOKENS,))
def create_token(new: NewToken, caller: Caller | None, allowance: Allowance) -> Created[CreatedTokenOut]:
    """Leave something for others, or, without content, a place where they may leave something."""
    token, event = domain.issue_token(
        caller,
        content=new.content,
        expires_at=new.expires_at,
        for_identity=new.for_identity,
        password=new.password,
        now=clock.now(),
    )
    store.add(token, new.content, event, allowance)
    return Created(CreatedTokenOut(id=token.id, created_at=token.created_at), location=f"/api/v2/Tokens/{token.id}")


@api.get("/api/v2/Tokens/{id}")
def get_token(id: TokenId, query: PasswordQuery, caller: Caller | None) -> TokenWithContentOut:
    """Read a token.  Who was let in once and has a name is let in always."""
    found = access.read_token(store, id, caller, password=query.password, now=clock.now())
    return TokenWithContentOut.of_found(found)


@api.get("/api/v2/Tokens")
def list_tokens(query: TokensQuery, page: Page, caller: Caller) -> PageOf[TokenWithContentOut]:
    """Those of the given tokens that the caller has made or read before, oldest first, whatever their state."""
    existing = store.find_all(query.ids, caller.address)
    listed = [found for found in existing if found.token.is_always_open_to(found.viewer)]
    oldest_first = sorted(listed, key=lambda found: (found.token.created_at, found.token.id))
    return _with_contents(page_of(oldest_first, page))


def _with_contents(page: PageOf[FoundToken]) -> PageOf[TokenWithContentOut]:
    """What is deleted while the contents of the others are fetched is left out like any token that is not there."""
    items = []
    for found in page.items:
        with suppress(RecordNotFound):
            items.append(TokenWithContentOut.of_found(found))
    return PageOf(items, page.page, page.counted, exact=len(items) < len(page.items))


@api.delete("/api/v2/Tokens/{id}")
def delete_token(id: TokenId, caller: Caller) -> NoContent:
    """Remove a token; those who have read it cannot read it again."""
    store.delete(id, caller)
    return NoContent()


@api.post("/api/v2/Tokens/{id}/UpdateContent")
def fill_token(id: TokenId, filling: Filling, caller: Caller) -> TokenOut:
    """Put content into an empty token and become its creator."""
    token = access.fill_token(
        store, id, caller, content=filling.new_content, password=filling.password, now=clock.now()
    )
    return TokenOut.of(token)
