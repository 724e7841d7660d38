"""Lambda entry points of Synchronization."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.synchronization import compaction_consumers  # noqa: F401  # registers its reaction
from functions.synchronization.api import api
from functions.synchronization.consumers import consumers
from functions.synchronization.deletion_consumers import deletion_consumers

http = lambda_handler(api)
consume = EventHandler(consumers)
delete = EventHandler(deletion_consumers)
