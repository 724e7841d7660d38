"""The documentation of the Admin API for developers.  Contract: admin-api.md, section 1."""

from pathlib import Path

from backbone.http.admin import AdminApi
from backbone.http.docs import Documentation

docs_api = AdminApi("admin")
Documentation("Admin API", "/docs/v1/openapi.json", Path(__file__).with_name("files")).serve_on(docs_api)
