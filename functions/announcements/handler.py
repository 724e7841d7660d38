"""Lambda entry points of Announcements."""

from backbone.consumers import queue_handler
from backbone.http import lambda_handler
from functions.announcements.admin_api import admin_api
from functions.announcements.api import api
from functions.announcements.consumers import consumers

http = lambda_handler(api)
admin = lambda_handler(admin_api)
consume = queue_handler(consumers)
