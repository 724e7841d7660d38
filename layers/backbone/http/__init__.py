"""How services speak HTTP.  A service's `api.py` needs only what is exported here."""

from backbone.http.api import Api, Endpoint
from backbone.http.context import RawRequest, RequestContext
from backbone.http.lambda_handler import lambda_handler
from backbone.http.models import (
    Base64,
    Double,
    FormModel,
    HeaderModel,
    Int32,
    Int64,
    JsonBool,
    NamedEnum,
    QueryModel,
    RequestModel,
    ResponseModel,
    StandardBase64,
    Timestamp,
    UInt8,
    UInt16,
    UploadedFile,
)
from backbone.http.naming import camel_case
from backbone.http.paging import Page, PageOf, page_of
from backbone.http.results import Created, NoContent, Raw
from backbone.http.uploads import not_again

__all__ = [
    "Api",
    "Base64",
    "Created",
    "Double",
    "Endpoint",
    "FormModel",
    "HeaderModel",
    "Int32",
    "Int64",
    "JsonBool",
    "NamedEnum",
    "NoContent",
    "Page",
    "PageOf",
    "QueryModel",
    "Raw",
    "RawRequest",
    "RequestContext",
    "RequestModel",
    "ResponseModel",
    "StandardBase64",
    "Timestamp",
    "UInt8",
    "UInt16",
    "UploadedFile",
    "camel_case",
    "lambda_handler",
    "not_again",
    "page_of",
]
