"""Every error as one HTTP body (RFC 9457); the only place that knows HTTP statuses. Nothing is raised here."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from semsearch.errors import (
    ConfigError,
    ConflictError,
    InvalidRequestError,
    MissingDependencyError,
    ModelError,
    NotFoundError,
    SandboxError,
    SemsearchError,
    StoreError,
    StoreFullError,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_STATUSES: dict[type, int] = {
    SemsearchError: 500,
    ConfigError: 500,
    InvalidRequestError: 422,
    NotFoundError: 404,
    ConflictError: 409,
    MissingDependencyError: 503,
    ModelError: 503,
    SandboxError: 503,
    StoreError: 500,
    StoreFullError: 507,
}
_HTTP_CODES = {400: "malformed_body", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_NOT_AN_OBJECT = "it has to be a JSON object, sent with the header Content-Type: application/json"
_SHOWN = 5  # of the mistakes in one body
_SEE_LOG = "the service could not do this, through no fault of the request; its log says why"


@dataclass(frozen=True, slots=True)
class Problem:
    """What every error looks like: programs go by `code`, people read `detail`."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def status_of(kind: type[SemsearchError]) -> int:
    """The HTTP status of an error: that of the nearest class above it that has one."""
    return next(_STATUSES[base] for base in kind.__mro__ if base in _STATUSES)


def code_of(kind: type[SemsearchError]) -> str:
    """The class's name in a program's words: EmptyQueryError is `empty_query`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).lower()


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response for an error."""
    body = asdict(Problem("about:blank", HTTPStatus(status).phrase, status, detail, code))
    # as ASCII, since what a request said may hold lone surrogates, which UTF-8 does not have
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


async def answer(request: Request, error: Exception) -> Response:
    """The response for whatever was raised; what is wrong on the server's side is told to its log only."""
    match error:
        case RequestValidationError():
            return problem(status_of(InvalidRequestError), code_of(InvalidRequestError), _mistakes(error))
        case HTTPException():
            code = _HTTP_CODES.get(error.status_code, "http_error")
            detail = f"{error.detail}: {request.method} {request.url.path}"
            return problem(error.status_code, code, detail, error.headers)
        case SemsearchError():
            return _semsearch_problem(request, error)
        case _:  # the server logs it, as Starlette raises it again after this response
            return problem(500, "internal_error", _SEE_LOG)


def _semsearch_problem(request: Request, error: SemsearchError) -> Response:
    status, code = status_of(type(error)), code_of(type(error))
    if status >= 500:
        logger.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
        return problem(status, code, _SEE_LOG)
    return problem(status, code, request.app.state.collections.below(str(error)))


def _mistakes(error: RequestValidationError) -> str:
    mistakes = [_mistake(each["type"], each["loc"], each["msg"]) for each in error.errors()]
    more = len(mistakes) - _SHOWN
    return "; ".join(mistakes[:_SHOWN] + ([f"and {more} more"] if more > 0 else []))


def _mistake(kind: str, place: tuple[str | int, ...], message: str) -> str:
    is_no_object = place == ("body",) and kind != "value_error"  # which is of fields that do not go together
    return f"{'.'.join(map(str, place))}: {_NOT_AN_OBJECT if is_no_object else message}"
