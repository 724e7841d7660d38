"""Messages over HTTP.  Contract: messages.md, section 3."""

from collections.abc import Sequence

from backbone import clock
from backbone.addresses import Address, anonymised_address
from backbone.caller import Caller
from backbone.errors import RecordNotFound
from backbone.http import Api, Created, Page, PageOf
from backbone.ids import FileId, MessageId
from backbone.quotas import Allowance, Metric
from backbone.settings import settings
from functions.messages import domain
from functions.messages.domain import Opened, Recipient
from functions.messages.mailbox_store import MailboxStore
from functions.messages.models import GetMessageQuery, ListMessagesQuery, MessageCreatedOut, MessageOut, SendMessageIn
from functions.messages.store import MessageStore

api = Api("messages")
store = MessageStore()
mailboxes = MailboxStore()


@api.post("/api/v2/Messages", limited_by=(Metric.NUMBER_OF_SENT_MESSAGES,))
def send_message(request: SendMessageIn, caller: Caller, allowance: Allowance) -> Created[MessageCreatedOut]:
    """Send a message to everybody named or, if it cannot be sent to somebody, to nobody."""
    now = clock.now()  # before the relationships are looked at: what is accepted since then was accepted later
    addresses = [Address(recipient.address) for recipient in request.recipients]
    relationships = store.relationships_with(caller.address, addresses, now=now)
    if refusal := domain.refusal([one.status if one else None for one in relationships]):
        # Whoever comes first in the request decides, so the limit of those before has to be looked at (§3.1, 4).
        counts = store.unreceived(caller.address, addresses[: refusal.position])
        if any(count >= settings().max_unreceived_messages for count in counts):
            raise domain.MaxNumberOfUnreceivedMessagesReached
        raise refusal.error
    attachments = [FileId(attachment.id) for attachment in request.attachments]
    message = domain.compose(caller, body=request.body, attachments=attachments, now=now)
    recipients = [
        Recipient(position, address, relationship.id, recipient.encrypted_key, sent_while_active=relationship.is_active)
        for position, (address, relationship, recipient) in enumerate(
            zip(addresses, relationships, request.recipients, strict=True)
        )
        if relationship is not None
    ]
    store.add(message, recipients, allowance)
    return Created(MessageCreatedOut.of(message), location=f"/api/v2/Messages/{message.id}")


@api.get("/api/v2/Messages/{id}")
def get_message(id: MessageId, query: GetMessageQuery, caller: Caller) -> MessageOut:
    """Read a message sent or received; a recipient's first reading is its receipt."""
    for message in _delivered([store.get(caller.address, id)], caller):
        return message
    raise RecordNotFound("Message")  # decomposed between reading it and noting the receipt


@api.get("/api/v2/Messages")
def list_messages(query: ListMessagesQuery, page: Page, caller: Caller) -> PageOf[MessageOut]:
    """List messages sent and received, oldest first; what is listed is received."""
    now = clock.now()
    if query.ids:
        entries = mailboxes.named(caller.address, query.ids, page, now=now)
    else:
        entries = mailboxes.page(caller.address, page, now=now)
    return PageOf(_delivered(store.open(entries.items), caller), page, entries.counted)


def _delivered(opened: Sequence[Opened], caller: Caller) -> list[MessageOut]:
    pseudonym = anonymised_address(settings().did_domain)
    return [MessageOut.of(one.shown(pseudonym)) for one in store.receive(opened, caller, now=clock.now())]
