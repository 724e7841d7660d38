"""What an endpoint may refuse, read from the code it runs.

From the route on, this follows names, methods and types through the functions of the service and the layer (everything
here is annotated), and notes each error of the protocol that comes along.  It sees what *could* be raised: an error
that a caller catches again is listed as well.
"""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from backbone.errors import BackboneError
from infra.openapi.walk import Walk

_CODE = re.compile(r"error\.platform\.[A-Za-z.]+[A-Za-z]|[A-Z][A-Za-z]+Validator")
# The frame around routes: what it refuses is described for all endpoints alike (signatures.py).
_FRAME = ("backbone.http.", "backbone.rules", "backbone.access_tokens", "backbone.dynamodb", "backbone.ids")


@dataclass(frozen=True, slots=True, order=True)
class RefusalCode:
    """An error that clients may see."""

    status: int
    code: str
    message: str = ""


class Analysis:
    """Everything reachable from one route."""

    def __init__(self, package: str) -> None:
        self._ours = (f"{package}.", "backbone.")
        self.found: dict[str, RefusalCode] = {}
        self.tables: list[Mapping[Any, Any]] = []
        self._seen: set[Any] = set()

    def follow(self, function: Callable[..., Any]) -> set[Any]:
        """Note what a function, and whatever it calls, may refuse; the members of enums that it names itself."""
        function = inspect.unwrap(function)
        if not isinstance(function, types.FunctionType) or function in self._seen:
            return set()
        if not function.__module__.startswith(self._ours) or function.__module__.startswith(_FRAME):
            return set()
        self._seen.add(function)
        walk = Walk(self, function)
        walk.run()
        return walk.chosen

    def follow_model(self, model: type[BaseModel]) -> None:
        """Note what a model's rules may refuse."""
        if model in self._seen:
            return
        self._seen.add(model)
        decorators = model.__pydantic_decorators__
        for group in (decorators.field_validators, decorators.model_validators):
            for decorator in group.values():
                self.follow(getattr(decorator.func, "__func__", decorator.func))
        for hint in typing.get_type_hints(model, include_extras=True).values():
            self._follow_hint(hint)

    def _follow_hint(self, hint: Any) -> None:
        for metadata in getattr(hint, "__metadata__", ()):
            if inspect.isfunction(getattr(metadata, "func", None)):
                self.follow(metadata.func)
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            self.follow_model(hint)
        for argument in typing.get_args(hint):
            self._follow_hint(argument)

    def note_table(self, table: Mapping[Any, Any]) -> None:
        """A table of rules, looked at when everything else is known."""
        if table not in self.tables:
            self.tables.append(table)

    def follow_tables(self, chosen: set[Any]) -> None:
        """Note what the tables of rules may refuse that were come across: of a table by enum, the chosen entries."""
        for table in list(self.tables):
            entries = [value for key, value in table.items() if key in chosen] or list(table.values())
            for entry in entries:
                self._follow_parts(entry)

    def _follow_parts(self, value: Any) -> None:
        if isinstance(value, tuple | list | frozenset):
            for part in value:
                self._follow_parts(part)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "code"):
            for part in dataclasses.fields(value):
                self._follow_parts(getattr(value, part.name))
        elif inspect.isfunction(value):
            self.follow(value)
        else:
            self.note_value(value)

    def note(self, refusal: RefusalCode) -> None:
        """One more; the first to bring a message is kept."""
        if not self.found.get(refusal.code, RefusalCode(0, "")).message:
            self.found[refusal.code] = refusal

    def note_value(self, value: Any) -> None:
        """A value of the code that is an error, or names one."""
        if isinstance(value, type) and issubclass(value, BackboneError) and value is not BackboneError:
            if (error := _example(value)) is not None:
                self.note(RefusalCode(error.status, error.code, error.message))
        elif isinstance(value, str) and _CODE.fullmatch(value):
            self.note(RefusalCode(_status_of(value), value))
        elif isinstance(code := getattr(value, "code", None), str) and _CODE.fullmatch(code):
            self.note(RefusalCode(_status_of(code), code, str(getattr(value, "message", ""))))


def _status_of(code: str) -> int:
    return {"error.platform.recordNotFound": 404, "error.platform.forbidden": 403}.get(code, 400)


def _example(error: type[BackboneError]) -> BackboneError | None:
    """An error of this class, made with arguments that are empty but fit."""
    samples: dict[str, Any] = {"str": "", "int": 0}
    parameters = list(inspect.signature(error).parameters.values())
    wanted = [each for each in parameters if each.default is each.empty]
    try:
        return error(*(samples[getattr(each.annotation, "__name__", str(each.annotation))] for each in wanted))
    except (KeyError, TypeError):
        return None


def refusals(view: Callable[..., Any], models: list[type[BaseModel]]) -> list[RefusalCode]:
    """What a route may refuse beyond what the frame around it does, by status and code."""
    analysis = Analysis(view.__module__.partition(".")[0])
    for model in models:
        analysis.follow_model(model)
    analysis.follow_tables(analysis.follow(view))
    return sorted(analysis.found.values())
