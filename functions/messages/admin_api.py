"""Messages for operators.  Contract: admin-api.md, sections 3.2 and 11.3; messages.md, section 9."""

from backbone import clock
from backbone.addresses import Address
from backbone.http import Page, PageOf
from backbone.http.admin import AdminApi
from functions.messages.admin_models import OUTGOING, ListedMessageOut, TrafficQuery
from functions.messages.listing_store import ListingStore
from functions.messages.mailbox_store import MailboxStore

admin_api = AdminApi("messages", function="AdminMessages")
listings = ListingStore(MailboxStore())


@admin_api.get("/api/v1/Messages")
def list_messages_of_identity(query: TrafficQuery, page: Page) -> PageOf[ListedMessageOut]:
    """What an identity has sent, or received, oldest first; contents are nobody's business."""
    if not Address.is_valid(query.participant):
        return PageOf([], page, 0)
    sent = query.type == OUTGOING
    return listings.page(Address(query.participant), page, sent=sent, now=clock.now()).map(ListedMessageOut.of)
