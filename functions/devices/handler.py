"""Lambda entry points of Devices."""

from backbone.http import lambda_handler
from functions.devices.api import api
from functions.devices.token_api import token_api

http = lambda_handler(api)
token = lambda_handler(token_api)
