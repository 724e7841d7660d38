"""Tags over HTTP.  Contract: misc.md, section 1."""

from functools import lru_cache
from typing import Annotated

from backbone.http import Api, Raw
from backbone.http.documentation import Answer
from functions.tags.configuration import tags_configuration
from functions.tags.entity_tags import entity_tag, matches
from functions.tags.models import KnownTags, TagsOut

JSON = "application/json; charset=utf-8"

api = Api("tags")
tags_configuration()  # a mistake stops the function before it serves anything


@api.get("/api/v2/Tags")
def list_tags(
    known: KnownTags,
) -> Annotated[
    Raw,
    Answer(200, "All tags.", TagsOut, enveloped=True, headers=("ETag",)),
    Answer(304, "The client has them already.", headers=("ETag",)),
]:
    """All tags that attributes and files can have.  Clients ask again with the `ETag` they got."""
    body, tag = document()
    if matches(known.if_none_match, tag):
        return Raw(304, headers={"ETag": tag})
    return Raw(200, body, JSON, {"ETag": tag})


@lru_cache(maxsize=1)
def document() -> tuple[str, str]:
    """The response body and its entity tag: made once, because the configuration does not change."""
    body = f'{{"result":{TagsOut.of(tags_configuration()).model_dump_json(by_alias=True)}}}'
    return body, entity_tag(body)
