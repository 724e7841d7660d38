"""`Api`: a Chalice Blueprint whose routes are plain functions.

The decorators bind the request to the function's signature (see `backbone.http.binding`), authenticate, translate
errors and wrap results, so that a route holds nothing but its own logic.  Order of checks: http-common.md, section 2.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chalice.app import Blueprint, Request, Response

from backbone import access_tokens
from backbone.caller import Caller
from backbone.correlation import current_correlation_id
from backbone.errors import BackboneError
from backbone.http import responses
from backbone.http.binding import Binder, UnsupportedMediaType
from backbone.http.context import RequestContext
from backbone.observability import logger

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the route table; `function` is the Lambda function that serves it (`Challenges`, `Token`, …).

    `view` is the route itself, whose signature describes it (`infra/openapi`).
    """

    method: str
    path: str
    function: str
    service: str
    view: Callable[..., Any] = field(compare=False, repr=False)


class Api(Blueprint):
    """The routes of one service; `service` is its folder's name."""

    def __init__(self, service: str, *, function: str | None = None) -> None:
        super().__init__(f"functions.{service}.api")
        self.service = service
        self.function = function or service.capitalize()
        self.endpoints: list[Endpoint] = []

    def get(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve GET on `path`."""
        return self._serve("GET", path)

    def post(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve POST on `path`."""
        return self._serve("POST", path)

    def put(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve PUT on `path`."""
        return self._serve("PUT", path)

    def patch(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve PATCH on `path`."""
        return self._serve("PATCH", path)

    def delete(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve DELETE on `path`."""
        return self._serve("DELETE", path)

    def _serve(self, method: str, path: str) -> Callable[[ViewT], ViewT]:
        def register(view: ViewT) -> ViewT:
            binder = Binder.of(view)

            def handle(**path_values: str) -> Response:
                return answer(self.current_request, path_values, binder, view)

            self.endpoints.append(Endpoint(method, path, self.function, self.service, view))
            # '*/*': whether a content type fits is decided by the binder, because Chalice's 415 has another shape.
            self.route(path, methods=[method], content_types=["*/*"], name=view.__name__)(handle)
            return view

        return register


def answer(request: Request, path_values: dict[str, str], binder: Binder, view: Callable[..., Any]) -> Response:
    """Run one request through authentication, binding, the route and the envelope; never raises."""
    context = RequestContext.of(request)
    current_correlation_id.set(context.correlation_id)
    began = time.perf_counter()
    code = None
    try:
        caller = _caller(request, binder)
        result = view(**binder.bind(request, path_values, caller, context))
        response = responses.success(result, context)
    except access_tokens.Unauthorized as refusal:
        response = responses.unauthorized(refusal.problem, context)
    except UnsupportedMediaType:
        response = responses.unsupported_media_type(context)
    except BackboneError as error:
        code = error.code
        response = responses.failure(error, context)
    except Exception:
        logger.exception("unexpected failure", route=f"{context.method} {context.path}")
        code = "error.platform.unexpected"
        response = responses.failure(BackboneError(code, "An unexpected error occurred.", status=500), context)
    logger.info(
        "request",
        route=f"{context.method} {context.path}",
        status=response.status_code,
        code=code,
        duration_ms=round((time.perf_counter() - began) * 1000, 1),
        correlation_id=context.correlation_id,
    )
    return response


def _caller(request: Request, binder: Binder) -> Caller | None:
    if not binder.reads_caller:
        return None
    header = request.headers.get("authorization")
    if binder.needs_caller:
        return access_tokens.caller_of(header)
    try:
        return access_tokens.caller_of(header)
    except access_tokens.Unauthorized:
        return None
