"""An endpoint's operation, read from the signature of its route."""

import inspect
import re
import typing
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Any

from pydantic import BaseModel

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.http import FormModel, HeaderModel, Page, PageOf, QueryModel, RawRequest, RequestModel
from backbone.http.api import Endpoint
from backbone.http.documentation import JSON, Answer, Body
from backbone.http.paging import PageQuery, Pagination
from backbone.http.results import Created, NoContent, Raw
from backbone.ids import Id
from infra.openapi import examples
from infra.openapi.examples import Examples
from infra.openapi.refusals import RefusalCode, refusals
from infra.openapi.schemas import Components, ErrorOut, ProblemOut, Schema, enveloped, prose

INPUT = "error.platform.inputCannotBeParsed"
RULE = "error.platform.validation.invalidPropertyValue"
PAGE_SIZE = "error.platform.validation.pagination.invalidPageSize"
TOO_LARGE = "error.platform.requestBodyTooLarge"
NOT_FOUND = "error.platform.recordNotFound"
FORM = "multipart/form-data"

_PARAMETER = re.compile(r"\{(\w+)\}")
_STATUS_TEXTS = {
    400: "The request cannot be read, breaks a rule, or the state does not allow it.",
    403: "The caller may not do this.",
    404: "There is no such record, or the caller may not see it. (No such path: the body is empty.)",
}


class Operation:
    """One endpoint of the document."""

    def __init__(self, endpoint: Endpoint, components: Components) -> None:
        self._endpoint = endpoint
        self._components = components
        self._view = inspect.unwrap(endpoint.view)
        hints = typing.get_type_hints(self._view, include_extras=True)
        self._result = hints.pop("return", None)
        self._bound = [(name, *_optional(hints[name])) for name in inspect.signature(self._view).parameters]
        self._examples = Examples(components.schemas, self._id_prefix())

    def describe(self, operation_id: str) -> Schema:
        """The operation object."""
        description = prose(self._view.__doc__ or "")
        operation: Schema = {
            "operationId": operation_id,
            "tags": [self._endpoint.service.capitalize()],
            "summary": description.partition(". ")[0].rstrip("."),
            "description": description,
            "security": self._security(),
        }
        if parameters := [*self._path_parameters(), *self._other_parameters()]:
            operation["parameters"] = parameters
        if body := self._request_body():
            operation["requestBody"] = body
        operation["responses"] = dict(sorted(self._responses().items()))
        return operation

    # What comes in --------------------------------------------------------------------------------------------------

    def _of_kind(self, kind: type) -> Iterator[tuple[Any, bool]]:
        for _, hint, optional in self._bound:
            if isinstance(hint, type) and issubclass(hint, kind):
                yield hint, optional

    def _id_prefix(self) -> str:
        prefix = next((kind.prefix for kind, _ in self._of_kind(Id)), None)
        if prefix is None:
            words = self._endpoint.path.split("/")
            known = {each.__name__: each.prefix for each in Id.__subclasses__()}
            names = [f"{word.removesuffix('s')}Id" for word in words]
            prefix = next((known[name] for name in reversed(names) if name in known), "RLT")
        return str(prefix)

    def _security(self) -> list[Schema]:
        for hint, optional in self._of_kind(Caller):
            del hint
            return [{"oauth2": []}, {}] if optional else [{"oauth2": []}]
        return [] if self._endpoint.anonymous else [{"apiKey": []}]

    def _path_parameters(self) -> Iterator[Schema]:
        kinds = {
            name: hint for name, hint, _ in self._bound if isinstance(hint, type) and issubclass(hint, Id | Address)
        }
        for name in _PARAMETER.findall(self._endpoint.path):
            schema: Schema = self._components.of(kinds[name], "validation") if name in kinds else {"type": "string"}
            schema = schema if "pattern" in schema else {**schema, "minLength": 1}
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "schema": schema,
                "example": self._examples.of(schema, name),
            }

    def _other_parameters(self) -> Iterator[Schema]:
        for model, _ in self._of_kind(QueryModel):
            yield from self._parameters_of(model, "query")
        if any(self._of_kind(Page)):
            yield from self._parameters_of(PageQuery, "query", names=("PageNumber", "PageSize"))
        for model, _ in self._of_kind(HeaderModel):
            yield from self._parameters_of(model, "header")

    def _parameters_of(self, model: type[BaseModel], place: str, names: Sequence[str] = ()) -> Iterator[Schema]:
        members, required = self._components.members(model)
        for position, (name, found) in enumerate(members.items()):
            schema = _without_null(found)
            items = schema.get("items", {})
            if "$ref" in items:  # objects in a query are numbered: templates.0.id, templates.1.id, ...
                part = self._components.schemas.pop(items["$ref"].rpartition("/")[2])
                for member, member_schema in part["properties"].items():
                    text = f"Objects are numbered from 0 on: `{name}.0.{member}`, `{name}.1.{member}` and so forth."
                    yield self._parameter(f"{name}.0.{member}", place, False, _without_null(member_schema), text)
                continue
            if name in required and schema.get("type") == "array":
                schema = {**schema, "minItems": 1}
            shown = names[position] if names else name
            if shown in ("PageNumber", "PageSize"):
                maximum = 200 if shown == "PageSize" else 2**31 - 1
                schema = {"type": "integer", "minimum": 1, "maximum": maximum}
            yield self._parameter(shown, place, name in required, schema)

    def _parameter(self, name: str, place: str, required: bool, schema: Schema, description: str = "") -> Schema:
        schema.pop("default", None)
        description = schema.pop("description", description)
        parameter: Schema = {"name": name, "in": place, "required": required, "schema": schema}
        if description:
            parameter["description"] = description
        example = self._examples.of(schema, name.rpartition(".")[2])
        return {**parameter, "example": example} if example is not None and place == "query" else parameter

    def _request_body(self) -> Schema | None:
        for model, optional in self._of_kind(RequestModel):
            return self._body(JSON, self._components.of(model, "validation"), required=not optional)
        for model, optional in self._of_kind(FormModel):
            return self._body(FORM, self._form(model), required=not optional)
        for _, hint, _ in self._bound:
            for described in getattr(hint, "__metadata__", ()):
                if isinstance(described, Body):
                    return self._body(described.media_type, self._components.of(described.content, "validation"))
            if hint is RawRequest:
                return {"content": {"*/*": {}}}
        return None

    def _form(self, model: type[FormModel]) -> Schema:
        """Bytes in a form are text in base64; only a file is sent as it is."""
        schema = self._components.of(model, "validation")
        members = self._components.schemas[schema["$ref"].rpartition("/")[2]]["properties"]
        for name, member in members.items():
            if member.get("format") == "binary":
                members[name] = {"type": "string", "format": "byte"}
        return schema

    def _body(self, media_type: str, schema: Schema, *, required: bool = True) -> Schema:
        content = {"schema": schema, "example": self._examples.of(schema)}
        return {"required": required, "content": {media_type: content}}

    # What comes out -------------------------------------------------------------------------------------------------

    def _responses(self) -> dict[str, Schema]:
        responses = {str(answer.status): self._answer(answer) for answer in self._answers()}
        if self._result is Raw:
            responses["default"] = {"description": "See the description."}
        if self._endpoint.path.startswith("/api/"):
            responses |= self._refused(responses)
            responses |= {"429": {"$ref": "#/components/responses/TooManyRequests"}}
            responses |= {"500": {"$ref": "#/components/responses/Unexpected"}}
        if self._security() and {} not in self._security():
            responses["401"] = {"$ref": "#/components/responses/Unauthorized"}
        if any(self._of_kind(Page)):
            responses["303"] = {"$ref": "#/components/responses/TooLargeToReturn"}
        return responses

    def _answers(self) -> Iterator[Answer]:
        described = [each for each in getattr(self._result, "__metadata__", ()) if isinstance(each, Answer)]
        if described:
            yield from described
            return
        kinds = typing.get_args(self._result) if _is_union(self._result) else (self._result,)
        for kind in kinds:
            if kind in (NoContent, NoneType, None):
                yield Answer(204, "Done.")
            elif kind is Raw:
                continue
            elif typing.get_origin(kind) is Created:
                yield Answer(201, "Created.", typing.get_args(kind)[0], enveloped=True, headers=("Location",))
            else:
                yield Answer(200, "The result.", kind, enveloped=True)

    def _answer(self, answer: Answer) -> Schema:
        response: Schema = {"description": answer.description}
        headers = {name: {"schema": {"type": "string"}} for name in answer.headers}
        if headers:
            response["headers"] = headers
        if answer.content is None:
            return response
        schema = self._content(answer)
        content: Schema = {"schema": schema}
        if answer.media_type == JSON:
            content["example"] = self._examples.of(schema)
        return {**response, "content": {answer.media_type: content}}

    def _content(self, answer: Answer) -> Schema:
        if typing.get_origin(answer.content) is PageOf:
            (element,) = typing.get_args(answer.content)
            self._components.of(Pagination, "serialization")
            listed = {"type": "array", "items": self._components.of(element, "serialization")}
            return enveloped(listed, paged=True)
        schema = self._components.of(answer.content, "serialization")
        return enveloped(schema) if answer.enveloped else schema

    def _refused(self, described: dict[str, Schema]) -> dict[str, Schema]:
        responses: dict[str, Schema] = {}
        by_status: dict[int, list[RefusalCode]] = {}
        for refusal in self._refusal_codes():
            by_status.setdefault(refusal.status, []).append(refusal)
        for status, codes in by_status.items():
            if str(status) not in described:
                responses[str(status)] = self._refusal(status, codes)
        if any(self._of_kind(RequestModel)) or any(self._of_kind(FormModel)):
            responses["415"] = self._refer("UnsupportedMediaType")
        return responses

    def _refer(self, name: str) -> Schema:
        self._components.of(ProblemOut, "serialization")
        return {"$ref": f"#/components/responses/{name}"}

    def _refusal_codes(self) -> list[RefusalCode]:
        models = [model for kind in (RequestModel, FormModel, QueryModel) for model, _ in self._of_kind(kind)]
        found = {each.code: each for each in refusals(self._view, models)}
        has_path = bool(_PARAMETER.search(self._endpoint.path))
        has_body = any(self._of_kind(RequestModel)) or any(self._of_kind(FormModel))
        has_page = any(self._of_kind(Page))
        is_read = (
            bool(models) or has_page or any(_says_more_than_text(model) for model, _ in self._of_kind(HeaderModel))
        )
        general = {
            RefusalCode(404, NOT_FOUND, "Record not found."): has_path,
            RefusalCode(400, INPUT, "'$.name': what was sent cannot be read."): is_read,
            RefusalCode(400, RULE, "What was sent breaks a rule."): is_read or has_path,
            RefusalCode(400, PAGE_SIZE, "The page size must not be greater than 200."): has_page,
            RefusalCode(400, TOO_LARGE, "The request body is too large."): has_body,
        }
        for refusal, applies in general.items():
            if applies and not (refusal.code in found and found[refusal.code].message):
                found[refusal.code] = refusal
        return sorted(found.values())

    def _refusal(self, status: int, codes: list[RefusalCode]) -> Schema:
        self._components.of(ErrorOut, "serialization")
        listed = "\n".join(f"* `{refusal.code}`" for refusal in codes)
        shown = {
            refusal.code: {"value": examples.error(refusal.code, refusal.message or "Refused.")} for refusal in codes
        }
        return {
            "description": f"{_STATUS_TEXTS.get(status, 'Refused.')}\n\n{listed}",
            "content": {JSON: {"schema": self._components.of(ErrorOut, "serialization"), "examples": shown}},
        }


def _is_union(hint: Any) -> bool:
    return isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union


def _optional(hint: Any) -> tuple[Any, bool]:
    if not _is_union(hint):
        return hint, False
    members = [member for member in typing.get_args(hint) if member is not NoneType]
    return members[0], len(members) < len(typing.get_args(hint))


def _says_more_than_text(model: type[BaseModel]) -> bool:
    """Whether something in a header can be wrong."""
    return any(field.annotation not in (str, str | None) for field in model.model_fields.values())


def _without_null(schema: Schema) -> Schema:
    """A parameter is left out rather than null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    return {**kinds[0]} if kinds else {**schema}
