"""Walks through one function: what its names are, by value or by type, and what it uses.

Everything here is annotated, so the type of nearly every expression can be told without running anything.
"""

import ast
import builtins
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from backbone.errors import BackboneError


class Listener(Protocol):
    """Told of what a function uses."""

    def follow(self, function: Any) -> set[Any]:
        """A function that is called, or handed on."""

    def note_table(self, table: Mapping[Any, Any]) -> None:
        """A table whose keys are members of an enum."""

    def note_value(self, value: Any) -> None:
        """Anything else."""


@dataclass(frozen=True, slots=True)
class _Instance:
    """Some value of a type."""

    type: Any


class Walk(ast.NodeVisitor):
    """One function: what its names are, and where its calls lead."""

    def __init__(self, listener: Listener, function: types.FunctionType) -> None:
        self.listener = listener
        self.function = function
        closure = inspect.getclosurevars(function)
        self.globals: Mapping[str, Any] = {**function.__globals__, **closure.nonlocals}
        self.names: dict[str, Any] = {}
        self.chosen: set[Any] = set()
        owner = _owner(function)
        for name, hint in _hints(function).items():
            self.names[name] = _Instance(hint)
        first = next(iter(inspect.signature(function).parameters), None)
        if owner is not None and first in ("self", "cls"):
            self.names[first] = _Instance(owner) if first == "self" else owner

    def run(self) -> None:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(self.function))).body[0]
        except (OSError, SyntaxError):
            return  # made by a decorator, or a part of a statement: nothing that raises errors of its own
        for statement in getattr(tree, "body", [tree]):
            self.visit(statement)

    # What is not run, or is about errors that are caught -----------------------------------------------------------

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for argument in node.args.args:
            if argument.annotation is not None:
                self.names[argument.arg] = _Instance(self.value(argument.annotation))
        for statement in node.body:
            self.visit(statement)
        self.names[node.name] = _Instance(object)

    # What gets a name -----------------------------------------------------------------------------------------------

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
        self._bind(node.target, _Instance(self.value(node.annotation)))

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._bind(target, self.value(node.value))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target, self.value(node.value))

    def visit_For(self, node: ast.For) -> None:
        self._bind(node.target, _element(self.value(node.iter)))
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, _element(self.value(node.iter)))
        self.generic_visit(node)

    def _comprehend(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        for generator in node.generators:
            self.visit(generator)
        self.generic_visit(node)

    visit_ListComp = _comprehend  # noqa: N815  # names of ast
    visit_SetComp = _comprehend  # noqa: N815
    visit_GeneratorExp = _comprehend  # noqa: N815
    visit_DictComp = _comprehend  # noqa: N815

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            # `suppress(Error)` names what is not raised.
            call = item.context_expr
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "suppress":
                continue
            self.visit(call)
        for statement in node.body:
            self.visit(statement)

    def _bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            parts = typing.get_args(value.type) if isinstance(value, _Instance) else ()
            for position, part in enumerate(target.elts):
                kind = parts[position] if position < len(parts) and parts[position] is not ... else object
                self._bind(part, _Instance(kind))

    # What is used ---------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        self._use(self.value(node))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._use(self.value(node))
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        called = self.value(node.func)
        if isinstance(called, type) and not issubclass(called, BackboneError):
            for method in ("__init__", "__post_init__"):
                self._use(getattr(called, method, None))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        self.listener.note_value(node.value)

    def _use(self, value: Any) -> None:
        if isinstance(value, property):
            value = value.fget
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        value = getattr(value, "__func__", value)
        if inspect.isfunction(value):
            self.listener.follow(value)
        elif isinstance(value, Mapping):
            if any(isinstance(key, Enum) for key in value):
                self.listener.note_table(value)
        elif isinstance(value, Enum):
            self.chosen.add(value)
        elif not isinstance(value, _Instance):
            self.listener.note_value(value)

    # What an expression is ------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:
        """The object an expression names, or an instance of the type it has; `_Instance(object)`: no idea."""
        match node:
            case ast.Name(id=name):
                known = self.names.get(name, self.globals.get(name, getattr(builtins, name, None)))
                return _Instance(object) if known is None else known
            case ast.Constant(value=text) if isinstance(text, str):
                return self._annotation(text)
            case ast.Attribute(value=base, attr=name):
                return self._attribute(self.value(base), name)
            case ast.Call(func=called):
                return self._returned(self.value(called), called)
            case ast.Subscript(value=base, slice=index):
                return self._subscript(self.value(base), index)
            case ast.IfExp(body=body):
                return self.value(body)
            case ast.BinOp(op=ast.BitOr(), left=left):
                return self.value(left)
            case ast.Await(value=inner) | ast.NamedExpr(value=inner):
                return self.value(inner)
        return _Instance(object)

    def _annotation(self, text: str) -> Any:
        found = self.globals.get(text)
        return found if isinstance(found, type) else _Instance(str)

    def _attribute(self, base: Any, name: str) -> Any:
        if not isinstance(base, _Instance):
            if isinstance(base, types.ModuleType | type):
                return getattr(base, name, _Instance(object))
            base = _Instance(type(base))
        for member in _members(base.type):
            hints = _hints(member)
            if name in hints:
                return _Instance(hints[name])
            attribute = inspect.getattr_static(member, name, None)
            if isinstance(attribute, property):
                self._use(attribute)
                return _Instance(_hints(attribute.fget).get("return", object))
            if attribute is not None:
                return getattr(attribute, "__func__", attribute)
        return _Instance(object)

    def _returned(self, called: Any, node: ast.expr) -> Any:
        called = getattr(called, "__func__", called)
        if isinstance(called, type):
            return _Instance(called)
        if inspect.isfunction(called):
            hint = _hints(called).get("return", object)
            if hint is typing.Self and isinstance(node, ast.Attribute):
                base = self.value(node.value)
                return base if isinstance(base, _Instance) else _Instance(base)
            return _Instance(hint)
        if isinstance(called, _Instance) and typing.get_origin(called.type) is not None:
            arguments = typing.get_args(called.type)
            return _Instance(arguments[-1]) if arguments else _Instance(object)
        return _Instance(object)

    def _subscript(self, base: Any, index: ast.expr) -> Any:
        arguments = typing.get_args(base.type) if isinstance(base, _Instance) else ()
        if not arguments:
            return base if isinstance(base, type) else _Instance(object)
        if typing.get_origin(base.type) is not tuple:
            return _Instance(arguments[-1])
        if isinstance(index, ast.Constant) and isinstance(index.value, int) and arguments[-1] is not ...:
            return _Instance(arguments[index.value])
        return _Instance(arguments[0])


def _owner(function: types.FunctionType) -> Any:
    path = function.__qualname__.split(".")[:-1]
    owner: Any = inspect.getmodule(function)
    for name in path:
        owner = getattr(owner, name, None)
    return owner if isinstance(owner, type) else None


def _hints(value: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(value)
    except (NameError, TypeError, AttributeError):
        return {}


def _members(hint: Any) -> Iterator[Any]:
    """The classes an expression of this type may be of."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(hint):
            yield from _members(argument)
    elif isinstance(origin or hint, type):
        yield origin or hint


def _element(value: Any) -> Any:
    if not isinstance(value, _Instance):
        return _Instance(object)
    arguments = [argument for argument in typing.get_args(value.type) if argument is not ...]
    return _Instance(arguments[0] if arguments else object)
