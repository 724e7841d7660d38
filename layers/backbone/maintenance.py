"""Whether the Backbone is closed: nobody writes but consumers, which work off what is on its way.

It is a parameter of the stack (`MaintenanceSeconds`).  Clients get 503 with `Retry-After`, which they take as "not
possible at the moment" (http-common.md, section 13.8) and repeat; daily jobs do nothing and go on the next day.
"""

from backbone.errors import ClosedForMaintenance
from backbone.settings import settings


def is_closed() -> bool:
    """Whether it is."""
    return settings().maintenance_seconds > 0


def refuse_while_closed() -> None:
    """Raises `ClosedForMaintenance`."""
    if is_closed():
        raise ClosedForMaintenance(settings().maintenance_seconds)
