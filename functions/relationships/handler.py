"""Lambda entry points of Relationships."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.relationships.admin_api import admin_api
from functions.relationships.api import api
from functions.relationships.consumers import consumers
from functions.relationships.templates_api import templates_api

http = lambda_handler(api, templates_api)
admin = lambda_handler(admin_api)
consume = EventHandler(consumers)
