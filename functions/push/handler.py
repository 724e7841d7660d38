"""Lambda entry points of Push."""

from backbone.consumers import EventHandler
from backbone.custom_resource import resource_handler
from backbone.http import lambda_handler
from functions.push import application_store, endpoint_keeper
from functions.push.api import api
from functions.push.consumers import consumers
from functions.push.sse_api import sse_api

http = lambda_handler(api)
sse = lambda_handler(sse_api)
consume = EventHandler(consumers)
stream = endpoint_keeper.keep_in_step
set_up_applications = resource_handler("push-applications", application_store.carry_out)
