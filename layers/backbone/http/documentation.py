"""What an API document says beyond a route's signature.  Read by `infra/openapi.py`; without effect at run time.

Most routes need nothing of this: parameters, body, result and errors are read from their signatures and their code.
A route that answers without the envelope (`Raw`) or reads the raw request says so in annotations:

    def list_tags(…) -> Annotated[Raw, Answer(200, "The tags", TagsOut), Answer(304, "Nothing has changed")]
    def upload(request: Annotated[RawRequest, Body("multipart/form-data", UploadForm)], …) -> Created[FileOut]
"""

from dataclasses import dataclass
from typing import Any

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One way a route answers.  `content` is a pydantic model, or any type pydantic knows; None: the body is empty.

    With `enveloped`, the content is the `result` of the envelope.
    """

    status: int
    description: str
    content: Any = None
    media_type: str = JSON
    enveloped: bool = False
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a raw request: its media type and, as a model, its form."""

    media_type: str
    content: Any
