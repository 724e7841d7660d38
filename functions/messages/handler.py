"""Lambda entry points of Messages."""

from backbone.consumers import queue_handler
from backbone.http import lambda_handler
from functions.messages.admin_api import admin_api
from functions.messages.api import api
from functions.messages.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = queue_handler(consumers)
