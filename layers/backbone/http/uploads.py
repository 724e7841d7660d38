"""Large bodies, which API Gateway stores before a function sees them.  Decision: docs/decisions/large-uploads.md.

A route that takes them says so (`@api.post(path, large=...)`) and gets a second one, under which the client finds its
answer:

    POST /api/v2/Files                      the authorizer (functions/uploads) verifies the token and makes an `Upload`;
                                            API Gateway puts the body to S3 and answers 303 with the location of
    GET /api/v2/Uploads/Files/{upload}      the same route on the stored body, for the same identity

The object is `uploads/<service>/<owner>/<upload>`, so nobody reaches but his own.  It goes as soon as it is answered;
what nobody asks for goes by the bucket's lifecycle.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Request

from backbone import payloads
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, RecordNotFound
from backbone.http.binding import UnsupportedMediaType
from backbone.ids import LENGTH, UploadId
from backbone.observability import logger
from backbone.settings import settings

_API = "/api/v2/"
_OWNER_LENGTH = 32

Answered = Callable[[UploadId, Caller], Any]
"""What a route has answered to an upload before; None if it has not.  Raises a refusal if that is nobody's business."""


def location_of(path: str) -> str:
    """Where the answers to large bodies for `path` are found; `{upload}` stands for the id."""
    return f"{_API}Uploads/{path.removeprefix(_API)}/{{upload}}"


def not_again(upload: UploadId, caller: Caller) -> None:
    """For routes that recognise a repeated request by its content, or refuse it."""
    del upload, caller


@dataclass(frozen=True, slots=True)
class Upload:
    """A body under way: whose it is, and for which service."""

    service: str
    owner: str
    id: UploadId

    @classmethod
    def new(cls, service: str, caller: Caller) -> Self:
        """A fresh one, under a name that nobody can guess."""
        return cls(service, _owner(caller.address), UploadId.new())

    @classmethod
    def named(cls, service: str, text: str, caller: Caller) -> Self:
        """The one of this name among the caller's.  Raises `RecordNotFound`."""
        if len(text) != LENGTH or not UploadId.is_valid(text):
            raise RecordNotFound("Upload")
        return cls(service, _owner(caller.address), UploadId(text))

    @property
    def key(self) -> str:
        """The name of its object."""
        return f"uploads/{self.service}/{self.owner}/{self.id}"

    def fetch(self, request: Request) -> Request:
        """`request` with the stored body as its own.  1 call to S3.  Raises `RecordNotFound` when it is gone."""
        try:
            stored = payloads.client().get_object(Bucket=settings().payload_bucket, Key=self.key)
        except ClientError as error:
            # Without the right to list, S3 does not tell a missing object from a forbidden one.
            if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
                raise RecordNotFound("Upload") from None
            raise
        return _with_body(request, stored["Body"].read(), stored.get("ContentType", ""))

    def remove(self) -> None:
        """Nothing is lost when it fails: the bucket's lifecycle does the same."""
        try:
            payloads.remove(self.key)
        except (BotoCoreError, ClientError):
            logger.warning("upload left to the lifecycle of the bucket", event_id=645034, exc_info=True)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The second half of a large request: `name` is the upload's id as the client sent it."""

    service: str
    name: str
    answered: Answered

    def run(self, request: Request, caller: Caller, route: Callable[[Request, UploadId], Any]) -> Any:
        """The result of `route` on the stored body, or what it was the first time; refusals are told once."""
        upload = Upload.named(self.service, self.name, caller)
        try:
            result = self.answered(upload.id, caller)
            if result is None:
                result = self._first(upload, request, caller, route)
        except (BackboneError, UnsupportedMediaType):
            upload.remove()
            raise
        upload.remove()
        return result

    def _first(
        self, upload: Upload, request: Request, caller: Caller, route: Callable[[Request, UploadId], Any]
    ) -> Any:
        try:
            return route(upload.fetch(request), upload.id)
        except Exception:
            # Somebody repeats the request while it is being answered, and was faster.
            result = self.answered(upload.id, caller)
            if result is None:
                raise
            return result


def _owner(address: Address) -> str:
    """Names an identity in keys without telling its address."""
    return hashlib.sha256(address.encode()).hexdigest()[:_OWNER_LENGTH]


def _with_body(request: Request, body: bytes, content_type: str) -> Request:
    headers = {**dict(request.headers.items()), "content-type": content_type}
    return Request({**request.to_original_event(), "headers": headers, "body": body, "isBase64Encoded": False})
