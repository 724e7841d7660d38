"""The overview of identities over HTTP, as OData 4.0.  Contract: admin-api.md, section 10.

What OData names with a `$` in the path comes as a path parameter: API Gateway has a meaning of its own for the sign.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from backbone.http import QueryModel, Raw, RequestContext
from backbone.http.admin import AdminApi
from backbone.http.documentation import Answer
from functions.overview import odata_answers
from functions.overview.domain import QueryRefused
from functions.overview.metadata import CONTENT_TYPE, METADATA
from functions.overview.odata_answers import IdentitiesOut, ODataErrorOut
from functions.overview.odata_filter import ODataError
from functions.overview.odata_options import parse_options
from functions.overview.search import Search
from functions.overview.store import OverviewStore

admin_api = AdminApi("overview", function="AdminOverview")
store = OverviewStore()

_NOT_FOUND = Raw(404)


class ODataOptions(QueryModel):
    """The query string as it came, because mistakes in it are answered as OData does; the fields describe it."""

    filter: str = Field(default="", alias="$filter", examples=["createdAt ge 2024-01-01 and numberOfDevices gt 1"])
    orderby: str = Field(default="", alias="$orderby", examples=["createdAt desc"])
    top: str = Field(default="", alias="$top", description="100 at most; all without it.", examples=["25"])
    skip: str = Field(default="", alias="$skip", examples=["0"])
    count: str = Field(default="", alias="$count", examples=["true"])
    expand: str = Field(default="", alias="$expand", examples=["Tier"])
    select: str = Field(default="", alias="$select", examples=["address,createdAt"])
    sent: SkipJsonSchema[dict[str, list[str]]]

    @classmethod
    def wire_values(cls, sent: Mapping[str, list[str]]) -> dict[str, Any]:
        """All there is."""
        return {"sent": dict(sent)}


_Page = Annotated[Raw, Answer(200, "Identities.", IdentitiesOut), Answer(400, "The query is refused.", ODataErrorOut)]
_Document = Annotated[
    Raw,
    Answer(200, "The service's metadata.", str, media_type="application/xml"),
    Answer(404, "There is no such thing."),
]
_Number = Annotated[
    Raw,
    Answer(200, "How many identities.", str, media_type="text/plain"),
    Answer(400, "The query is refused.", ODataErrorOut),
    Answer(404, "There is no such thing."),
]


@admin_api.get("/odata", anonymous=True)
def get_service_document(context: RequestContext) -> Annotated[Raw, Answer(200, "The entity sets.", dict[str, Any])]:
    """List the entity sets: there is one."""
    return odata_answers.service_document(context)


@admin_api.get("/odata/{document}", anonymous=True)
def get_metadata(document: str) -> _Document:
    """`$metadata`: the shape of an identity, in CSDL."""
    return Raw(200, METADATA, CONTENT_TYPE) if document.lower() == "$metadata" else _NOT_FOUND


@admin_api.get("/odata/Identities")
def find_identities(options: ODataOptions, context: RequestContext) -> _Page:
    """Filter (`$filter`), sort (`$orderby`), page (`$top`, at most 100; `$skip`) and count (`$count`) identities.

    Without `$top`, all; of more than 10,000, a link to the rest.
    """
    try:
        query = parse_options(options.sent)
        found = Search(store, query).find()
    except ODataError as error:
        return odata_answers.refusal(error.message)
    except QueryRefused as refused:
        return odata_answers.refusal(refused.advice)
    tier_names = store.tier_names() if query.with_tier else {}
    return odata_answers.page(query, found, tier_names, options.sent, context)


# The other cases of this path are redirected; this one would be taken for a document.
@admin_api.get("/odata/identities")
def find_identities_in_lower_case(options: ODataOptions, context: RequestContext) -> _Page:
    """The same."""
    return find_identities(options, context)


@admin_api.get("/odata/Identities/{aggregate}")
def count_identities(aggregate: str, options: ODataOptions) -> _Number:
    """`$count`: how many identities meet a `$filter`."""
    if aggregate.lower() != "$count":
        return _NOT_FOUND
    try:
        return odata_answers.number(Search(store, parse_options(options.sent)).count())
    except ODataError as error:
        return odata_answers.refusal(error.message)
    except QueryRefused as refused:
        return odata_answers.refusal(refused.advice)
