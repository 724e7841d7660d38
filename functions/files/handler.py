"""Lambda entry points of Files."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from functions.files.api import api
from functions.files.consumers import consumers

http = lambda_handler(api)
consume = EventHandler(consumers)
