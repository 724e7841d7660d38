"""Lambda entry points of Tags."""

from backbone.http import lambda_handler
from functions.tags.api import api

http = lambda_handler(api)
