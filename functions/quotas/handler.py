"""Lambda entry points of Quotas."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.quotas.admin_api import admin_api
from functions.quotas.api import api
from functions.quotas.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = EventHandler(consumers)
