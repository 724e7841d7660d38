"""JSON schemas of the models, as components of the document."""

import re
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from backbone.http.paging import Pagination

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

_CITATION = re.compile(r"\s*\((?:[a-z/-]+\.md|sections? |§|Surprises?)[^)]*\)|  Contract: .*")
PLACE = "#/components/schemas/{model}"


class ErrorBody(BaseModel):
    """The error itself."""

    id: str
    code: str
    message: str
    docs: str
    time: str
    data: Any


class ErrorOut(BaseModel):
    """What every refusal looks like; clients go by `code` and the status."""

    error: ErrorBody


class ProblemOut(BaseModel):
    """A body of the wrong content type is refused in another form (RFC 9457)."""

    type: str
    title: str
    status: int
    traceId: str  # noqa: N815  # the name on the wire


class Components:
    """Schemas collected while the document is written.  Two different ones of a name get a number each."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._taken: dict[str, list[tuple[str, Schema]]] = {}

    def of(self, content: Any, mode: Mode) -> Schema:
        """The schema of a type; models become components and are referred to."""
        schema = self._separated(TypeAdapter(content).json_schema(mode=mode, ref_template=PLACE, by_alias=True))
        is_model = isinstance(content, type) and issubclass(content, BaseModel)
        if not is_model or "$ref" in schema:
            return schema
        name = self._name(content.__name__, schema)
        self.schemas[name] = schema
        return {"$ref": PLACE.format(model=name)}

    def members(self, model: type[BaseModel]) -> tuple[dict[str, Schema], list[str]]:
        """The members of a model one by one, by wire name, and which of them are required."""
        schema = self._separated(model.model_json_schema(mode="validation", ref_template=PLACE, by_alias=True))
        return schema.get("properties", {}), schema.get("required", [])

    def _separated(self, schema: Schema) -> Schema:
        """The schema itself, its definitions put among the components."""
        schema = _tidy(schema)
        definitions = schema.pop("$defs", {})
        names = {name: self._name(name, definition) for name, definition in definitions.items()}
        for name, definition in definitions.items():
            self.schemas[names[name]] = _renamed(definition, names)
        renamed: Schema = _renamed(schema, names)
        return renamed

    def _name(self, name: str, schema: Schema) -> str:
        """The component that this schema is, or will be."""
        taken = self._taken.setdefault(name, [])
        for component, known in taken:
            if known == schema:
                return component
        component = name if not taken else f"{name}{len(taken) + 1}"
        taken.append((component, schema))
        return component


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """References by the names that the components have got."""
    if isinstance(schema, list):
        return [_renamed(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {key: _renamed(value, names) for key, value in schema.items()}
    if isinstance(model := schema.get("$ref"), str):
        renamed["$ref"] = PLACE.format(model=names[model.rpartition("/")[2]])
    return renamed


def _tidy(schema: Any) -> Any:
    """Without titles, which say nothing that names do not."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _tidy(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
    if isinstance(tidied.get("description"), str):
        tidied["description"] = prose(tidied["description"])
    return tidied


def prose(docstring: str) -> str:
    """A docstring for readers who have the API before them and not the contract that it cites."""
    return " ".join(_CITATION.sub("", docstring).split())


def enveloped(schema: Schema, *, paged: bool = False) -> Schema:
    """A result in its envelope."""
    members: Schema = {"result": schema}
    if paged:
        members["pagination"] = {
            "description": "Left out when there is one page only.",
            "$ref": PLACE.format(model=Pagination.__name__),
        }
    return {"type": "object", "properties": members, "required": ["result"], "additionalProperties": False}
