"""Lambda entry points of Challenges."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.challenges.admin_api import admin_api
from functions.challenges.api import api
from functions.challenges.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = EventHandler(consumers)
