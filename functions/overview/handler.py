"""Lambda entry points of the overview."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.overview import changes
from functions.overview.admin_api import admin_api
from functions.overview.consumers import consumers

admin = lambda_handler(admin_api)
stream = changes.follow
consume = EventHandler(consumers)
