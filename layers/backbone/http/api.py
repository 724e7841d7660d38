"""`Api`: a Chalice Blueprint whose routes are plain functions.

The decorators bind the request to the function's signature (see `backbone.http.binding`), authenticate, translate
errors and wrap results, so that a route holds nothing but its own logic.  Order of checks: http-common.md, section 2.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from chalice.app import Blueprint, Request, Response

from backbone import access_tokens, admin_keys, clock, maintenance, metrics, traces
from backbone.caller import Caller
from backbone.correlation import current_correlation_id
from backbone.errors import BackboneError, InvalidInput
from backbone.http import responses
from backbone.http.binding import Binder, UnsupportedMediaType
from backbone.http.context import RequestContext
from backbone.http.uploads import Answered, FollowUp, location_of
from backbone.ids import UploadId
from backbone.observability import logger
from backbone.quotas import Allowance, Metric

_HEALTH = "/health"  # asked every few seconds, worth a line only when it fails

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
Admit = Callable[[Request], str | None]
"""Looks at a request before anything else does; returns who is admitted, for the log, or raises."""


def everybody(request: Request) -> None:
    """Admits everybody; who is calling is then asked by the route's signature."""
    del request


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the route table; `function` is the Lambda function that serves it (`Challenges`, `Token`, …).

    `view` is the route itself, whose signature describes it (`infra/openapi`); `anonymous` if it admits everybody;
    `limited_by` are the metrics that quotas may limit.
    """

    method: str
    path: str
    function: str
    service: str
    view: Callable[..., Any] = field(compare=False, repr=False)
    anonymous: bool = True
    limited_by: tuple[Metric, ...] = ()


class Api(Blueprint):
    """The routes of one service; `service` is its folder's name."""

    admin: ClassVar[bool] = False
    """Whether these are routes for operators (`backbone.http.admin`), which another HTTP API serves."""

    admit: Admit = staticmethod(everybody)

    def __init__(self, service: str, *, function: str | None = None) -> None:
        super().__init__(f"functions.{service}.api")
        self.service = service
        self.function = function or service.capitalize()
        self.endpoints: list[Endpoint] = []

    def get(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve GET on `path`."""
        return self._serve("GET", path)

    def post(
        self, path: str, *, limited_by: tuple[Metric, ...] = (), large: Answered | None = None
    ) -> Callable[[ViewT], ViewT]:
        """Serve POST on `path`; what it does is counted as `limited_by` says (`backbone.quotas.allowance`).

        `large`: it also takes bodies that no invocation takes (`backbone.http.uploads`).
        """
        return self._serve("POST", path, limited_by=limited_by, large=large)

    def put(self, path: str, *, limited_by: tuple[Metric, ...] = ()) -> Callable[[ViewT], ViewT]:
        """Serve PUT on `path`; what it does is counted as `limited_by` says (`backbone.quotas.allowance`)."""
        return self._serve("PUT", path, limited_by=limited_by)

    def patch(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve PATCH on `path`."""
        return self._serve("PATCH", path)

    def delete(self, path: str) -> Callable[[ViewT], ViewT]:
        """Serve DELETE on `path`."""
        return self._serve("DELETE", path)

    def _serve(
        self,
        method: str,
        path: str,
        *,
        admit: Admit | None = None,
        limited_by: tuple[Metric, ...] = (),
        large: Answered | None = None,
    ) -> Callable[[ViewT], ViewT]:
        admit = admit or self.admit

        def register(view: ViewT) -> ViewT:
            binder = Binder.of(view)
            if (binder.allowance is None) != (not limited_by):
                raise TypeError(f"{view.__name__}: limited_by and a parameter of type Allowance belong together")
            limit = Limit(limited_by, binder.allowance) if binder.allowance else None

            def handle(**path_values: str) -> Response:
                return answer(self.current_request, path_values, binder, view, admit, limit)

            def handle_stored(upload: str) -> Response:
                assert large is not None
                follow_up = FollowUp(self.service, upload, large)
                return answer(self.current_request, {}, binder, view, admit, limit, follow_up)

            endpoint = Endpoint(method, path, self.function, self.service, view, admit is everybody, limited_by)
            self._add(endpoint, view.__name__, handle)
            if large is not None:
                stored = replace(endpoint, method="GET", path=location_of(path))
                self._add(stored, f"{view.__name__}_stored", handle_stored)
            return view

        return register

    def _add(self, endpoint: Endpoint, name: str, handle: Callable[..., Response]) -> None:
        self.endpoints.append(endpoint)
        # '*/*': whether a content type fits is decided by the binder, because Chalice's 415 has another shape.
        self.route(endpoint.path, methods=[endpoint.method], content_types=["*/*"], name=name)(handle)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a route's quotas are about, and the parameter that takes the caller's allowance."""

    metrics: tuple[Metric, ...]
    parameter: str

    def call(self, view: Callable[..., Any], arguments: dict[str, Any], caller: Caller | None) -> Any:
        """Run a route; of its refusals, only those of the input come before that of an exhausted quota."""
        with Allowance.begin(caller, self.metrics, now=clock.now()) as allowance:
            try:
                return view(**arguments, **{self.parameter: allowance})
            except InvalidInput:
                raise
            except BackboneError:
                if not allowance.is_postponed:
                    allowance.check()
                raise


def answer(
    request: Request,
    path_values: dict[str, str],
    binder: Binder,
    view: Callable[..., Any],
    admit: Admit = everybody,
    limit: Limit | None = None,
    follow_up: FollowUp | None = None,
) -> Response:
    """Run one request through authentication, binding, the route and the envelope; never raises."""
    context = RequestContext.of(request)
    current_correlation_id.set(context.correlation_id)
    began = time.perf_counter()
    code = admitted = None
    try:
        maintenance.refuse_while_closed()
        admitted = admit(request)
        caller = _caller(request, binder)

        def route(with_body: Request, upload: UploadId | None = None) -> Any:
            arguments = binder.bind(with_body, path_values, caller, replace(context, upload=upload))
            return limit.call(view, arguments, caller) if limit else view(**arguments)

        if follow_up is None:
            result = route(request)
        else:
            assert caller is not None  # the route asks for one
            result = follow_up.run(request, caller, route)
        response = responses.success(result, context)
    except access_tokens.Unauthorized as refusal:
        response = responses.unauthorized(refusal.problem, context)
    except admin_keys.InvalidApiKey:
        response = responses.empty(401, context)
    except UnsupportedMediaType:
        response = responses.unsupported_media_type(context)
    except BackboneError as error:
        code = error.code
        response = responses.failure(error, context)
    except Exception:
        logger.exception("unexpected failure", event_id=259125, route=context.route)
        code = "error.platform.unexpected"
        response = responses.failure(BackboneError(code, "An unexpected error occurred.", status=500), context)
    _report(context, response.status_code, time.perf_counter() - began, code=code, api_key=admitted)
    return response


def _report(context: RequestContext, status: int, seconds: float, *, code: str | None, api_key: str | None) -> None:
    """The request's line in the log, its numbers and its trace."""
    write = logger.error if status >= 500 else logger.debug if context.path == _HEALTH else logger.info
    write(
        "request",
        event_id=724322,
        route=context.route,
        status=status,
        code=code,
        api_key=api_key,
        duration_ms=round(seconds * 1000, 1),
        correlation_id=context.correlation_id,
    )
    metrics.request_served(context.route, status, seconds * 1000)
    traces.record(context.route, seconds, status=status)


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
