"""From a request to the arguments of a route.  Contract: http-common.md, sections 2 and 4.

A route is a plain function; its signature says what it needs, and each parameter is bound by its annotation:

==============================  =====================================================================
annotation                      bound from
==============================  =====================================================================
`Caller`, `Caller | None`       the access token (required, or evaluated when valid)
an id or `Address` type         the path segment of the same name
`str`                           the path segment of the same name as it is, for names that follow no rule
a `RequestModel` (`| None`)     the JSON body (optional when `None` is allowed)
a `FormModel`                   the multipart form in the body
a `QueryModel`                  the query string
a `HeaderModel`                 the headers
`Page`                          `PageNumber` and `PageSize`
`RequestContext`                the circumstances of the request
`RawRequest`                    headers and body as sent, for the endpoint that speaks another protocol
`Allowance`                     the caller's quotas, on a route with `limited_by`; by `Api`, after all others
==============================  =====================================================================

Everything is bound first (400 `inputCannotBeParsed`); only then the page size and the rules of the models speak, so the
order of errors is the contract's whatever the order of parameters.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any

from chalice.app import MultiDict, Request
from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, from_json

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, InputCannotBeParsed, InvalidPropertyValue
from backbone.http.context import RawRequest, RequestContext
from backbone.http.forms import is_multipart, parts_of
from backbone.http.models import FormModel, HeaderModel, QueryModel, RequestModel
from backbone.http.paging import Page, PageQuery
from backbone.ids import Id
from backbone.quotas import Allowance
from backbone.rules import RULE

JSON_DEPTH = 32


class UnsupportedMediaType(Exception):
    """The endpoint reads JSON or a form and the request has another content type."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    type: type
    optional: bool


@dataclass(frozen=True, slots=True)
class Binder:
    """The compiled signature of one route."""

    parameters: tuple[_Parameter, ...]
    allowance: str | None = None
    """The name of the parameter for the caller's quotas, which is left to `Api`."""

    @classmethod
    def of(cls, view: Callable[..., Any]) -> "Binder":
        """Read the annotations of `view`.  Raises `TypeError` for one that cannot be bound."""
        hints = typing.get_type_hints(view)
        names = list(inspect.signature(view).parameters)
        allowance = next((name for name in names if hints[name] is Allowance), None)
        return cls(tuple(_parameter(name, hints[name]) for name in names if name != allowance), allowance)

    @property
    def needs_caller(self) -> bool:
        """The endpoint refuses anonymous requests."""
        return any(parameter.type is Caller and not parameter.optional for parameter in self.parameters)

    @property
    def reads_caller(self) -> bool:
        """The endpoint looks at a token at all."""
        return any(parameter.type is Caller for parameter in self.parameters)

    def bind(
        self, request: Request, path: Mapping[str, str], caller: Caller | None, context: RequestContext
    ) -> dict[str, Any]:
        """The keyword arguments of the route.

        Raises `UnsupportedMediaType`, `InputCannotBeParsed`, `InvalidPageSize` or `InvalidPropertyValue`, in this
        order of precedence.
        """
        arguments: dict[str, Any] = {}
        broken_rules: list[BackboneError] = []
        for parameter in self.parameters:
            if parameter.type is Caller:
                arguments[parameter.name] = caller
            elif parameter.type is RequestContext:
                arguments[parameter.name] = context
            elif parameter.type is RawRequest:
                raw_body: Any = request.raw_body
                arguments[parameter.name] = RawRequest(request.headers, raw_body)
            else:
                try:
                    arguments[parameter.name] = _SOURCES[_kind(parameter.type)](parameter, request, path)
                except _BrokenRule as broken:
                    broken_rules.append(broken.error)
        for parameter in self.parameters:
            if parameter.type is Page:
                arguments[parameter.name] = Page.of(arguments[parameter.name])
        if broken_rules:
            raise broken_rules[0]
        return arguments


class _BrokenRule(Exception):
    """Bound, but against a rule; raised only after everything else is bound."""

    def __init__(self, error: BackboneError) -> None:
        self.error = error


def _parameter(name: str, hint: Any) -> _Parameter:
    optional = False
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        members = [member for member in typing.get_args(hint) if member is not NoneType]
        optional = len(members) < len(typing.get_args(hint))
        hint = members[0]
    if hint not in (Caller, RequestContext, RawRequest) and _kind(hint) is None:
        raise TypeError(f"parameter {name}: no way to bind {hint!r}")
    return _Parameter(name, hint, optional)


_KINDS: tuple[type, ...] = (RequestModel, FormModel, QueryModel, HeaderModel, Page, Id, Address)


def _kind(hint: type) -> Any:
    if hint is str:
        return str
    return next((kind for kind in _KINDS if isinstance(hint, type) and issubclass(hint, kind)), None)


def _from_path(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> Any:
    try:
        return parameter.type.parse(path[parameter.name])  # type: ignore[attr-defined]  # Id and Address have it
    except PydanticCustomError as broken:
        raise _BrokenRule(InvalidPropertyValue(broken.message(), str((broken.context or {})["code"]))) from None


def _as_it_is(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> str:
    return path[parameter.name]


def _from_query(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> Any:
    return _validate(parameter.type, _query_values(parameter.type, request), json=False)


def _from_page(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> Any:
    return _validate(PageQuery, _query_values(PageQuery, request), json=False)


def _query_values(model: type[QueryModel], request: Request) -> dict[str, Any]:
    query = request.query_params or MultiDict({})
    return model.wire_values({name: query.getlist(name) for name in query})


def _from_headers(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> Any:
    return _validate(parameter.type, dict(request.headers.items()), json=False)


def _from_body(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> Any:
    raw = request.raw_body.strip()
    if parameter.optional and raw in (b"", b"null"):
        return None
    if not _is_json(request.headers.get("content-type", "")):
        raise UnsupportedMediaType
    if raw in (b"", b"null"):
        raise InputCannotBeParsed("", "A non-empty request body is required.")
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InputCannotBeParsed("$", f"The JSON is malformed: {error}") from None
    if _is_deeper_than(JSON_DEPTH, value):
        raise InputCannotBeParsed("$", "The JSON is nested too deeply.")
    return _validate(parameter.type, value, json=True)


def _from_form(parameter: _Parameter, request: Request, path: Mapping[str, str]) -> Any:
    content_type = request.headers.get("content-type", "")
    if not is_multipart(content_type):
        raise UnsupportedMediaType
    body: Any = request.raw_body
    return _validate(parameter.type, parts_of(body, content_type), json=False)


_SOURCES: dict[Any, Callable[[_Parameter, Request, Mapping[str, str]], Any]] = {
    RequestModel: _from_body,
    FormModel: _from_form,
    QueryModel: _from_query,
    HeaderModel: _from_headers,
    Page: _from_page,
    Id: _from_path,
    Address: _from_path,
    str: _as_it_is,
}


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in ("application/json", "text/json") or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _is_deeper_than(limit: int, value: object) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _validate(model: type[Any], value: object, *, json: bool) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    unbound = next((problem for problem in problems if problem["type"] != RULE), None)
    if unbound is not None:
        raise InputCannotBeParsed(_key(unbound, json=json), unbound["msg"])
    context = problems[0].get("ctx", {})
    raise _BrokenRule(InvalidPropertyValue(str(context["message"]), str(context["code"])))


def _key(problem: ErrorDetails, *, json: bool) -> str:
    path = ""
    for part in problem["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"${path}" if json else path.lstrip(".")
