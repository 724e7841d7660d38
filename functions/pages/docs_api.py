"""The documentation of the Consumer API for developers.  Contract: misc.md, section 6."""

from pathlib import Path

from backbone.http import Api
from backbone.http.docs import Documentation

docs_api = Api("pages")
Documentation("Consumer API", "/docs/v2/openapi.json", Path(__file__).with_name("files")).serve_on(docs_api)
