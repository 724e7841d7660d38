"""Lambda entry points of Files."""

from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from backbone.http.mounted import mountable
from functions.files.api import api
from functions.files.consumers import consumers

http = mountable(lambda_handler(api), api)
consume = EventHandler(consumers)
