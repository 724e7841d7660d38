"""Announcements as operators make them.  Contract: admin-api.md, section 12."""

from backbone import clock
from backbone.http import Created, NoContent
from backbone.http.admin import AdminApi
from backbone.ids import AnnouncementId
from functions.announcements.admin_models import AnnouncementOut, NewAnnouncement
from functions.announcements.store import AnnouncementStore

admin_api = AdminApi("announcements", function="AdminAnnouncements")
store = AnnouncementStore()


@admin_api.post("/api/v1/Announcements")
def create_announcement(new: NewAnnouncement) -> Created[AnnouncementOut]:
    """Announce something to everybody or to some identities, in one or more languages."""
    announcement = new.announce(now=clock.now())
    store.add(announcement)
    return Created(AnnouncementOut.of(announcement))


@admin_api.get("/api/v1/Announcements")
def list_all_announcements() -> list[AnnouncementOut]:
    """All announcements, oldest first; expired ones for thirty days more."""
    return [AnnouncementOut.of(announcement) for announcement in store.all(now=clock.now())]


@admin_api.get("/api/v1/Announcements/{id}")
def get_announcement(id: AnnouncementId) -> AnnouncementOut:
    """An announcement in all its languages."""
    return AnnouncementOut.of(store.get(id, now=clock.now()))


@admin_api.delete("/api/v1/Announcements/{id}")
def delete_announcement(id: AnnouncementId) -> NoContent:
    """Take an announcement back.  Who has read it keeps it."""
    store.delete(store.get(id, now=clock.now()))
    return NoContent()
