"""Lambda entry points of Pages."""

from backbone.http import lambda_handler
from functions.pages.api import api
from functions.pages.docs_api import docs_api

http = lambda_handler(api, docs_api)
