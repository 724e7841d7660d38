"""Lambda entry points of Synchronization."""

from backbone.consumers import queue_handler
from backbone.http import lambda_handler
from functions.synchronization.api import api
from functions.synchronization.consumers import consumers

http = lambda_handler(api)
consume = queue_handler(consumers)
