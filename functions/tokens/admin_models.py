"""What goes over the wire, tokens for operators."""

from backbone.http import QueryModel


class CreatorQuery(QueryModel):
    """Whose tokens to list: any text, because what is no address has none (admin-api.md, section 11.4)."""

    created_by: str
