"""Lambda entry points of Messages."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.messages.admin_api import admin_api
from functions.messages.api import api
from functions.messages.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = EventHandler(consumers)
