"""Announcements over HTTP, as their readers see them.  Contract: misc.md, section 2.1."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api
from functions.announcements.models import AnnouncementOut, LanguageQuery
from functions.announcements.store import AnnouncementStore

api = Api("announcements")
store = AnnouncementStore()


@api.get("/api/v2/Announcements")
def list_announcements(query: LanguageQuery, caller: Caller) -> list[AnnouncementOut]:
    """What the operator announces to everybody and to the caller, oldest first."""
    visible = store.visible_to(caller.address, now=clock.now())
    return [AnnouncementOut.of(announcement, query.language) for announcement in visible]
