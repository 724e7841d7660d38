"""Lambda entry points of Tokens."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.tokens.admin_api import admin_api
from functions.tokens.api import api
from functions.tokens.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = EventHandler(consumers)
