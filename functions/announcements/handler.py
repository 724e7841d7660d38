"""Lambda entry points of Announcements."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.announcements.admin_api import admin_api
from functions.announcements.api import api
from functions.announcements.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = EventHandler(consumers)
