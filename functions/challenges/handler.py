"""Lambda entry points of Challenges."""

from backbone.http import lambda_handler
from functions.challenges.api import api

http = lambda_handler(api)
