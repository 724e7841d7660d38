"""Relationships for operators.  Contract: admin-api.md, sections 3.2 and 11.2; relationships.md, section 10."""

from backbone import clock
from backbone.addresses import Address
from backbone.http import Page, PageOf
from backbone.http.admin import AdminApi
from functions.relationships.admin_models import ListedRelationshipOut, ParticipantQuery
from functions.relationships.listing_store import ListingStore
from functions.relationships.parties_store import PartyStore

admin_api = AdminApi("relationships", function="AdminRelationships")
listings = ListingStore(PartyStore())


@admin_api.get("/api/v1/Relationships")
def list_relationships_of_identity(query: ParticipantQuery, page: Page) -> PageOf[ListedRelationshipOut]:
    """The relationships of an identity, oldest first, decomposed ones included."""
    if not Address.is_valid(query.participant):
        return PageOf([], page, 0)
    return listings.of_participant(Address(query.participant), page, now=clock.now()).map(ListedRelationshipOut.of)
