"""Lambda entry points of Relationships."""

from backbone.http import lambda_handler
from functions.relationships.api import api
from functions.relationships.templates_api import templates_api

http = lambda_handler(api, templates_api)
