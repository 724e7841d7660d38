"""Multipart forms, for the endpoint that takes a file.  Contract: files.md, section 3.1.

The form is parsed by the package `multipart`; here its parts become the values of a `FormModel`.
"""

import re
from collections.abc import Mapping
from io import BytesIO

import multipart

from backbone.errors import InputCannotBeParsed
from backbone.http.models import UploadedFile

MULTIPART = "multipart/form-data"
REQUEST_BYTES = 20 * 1024 * 1024
TEXT_FIELD_BYTES = 4 * 1024 * 1024

# What the reference's framework allows.
_PARTS = 1024
_HEADERS_PER_PART = 16
_HEADER_BYTES = 16 * 1024

# `filename*=UTF-8''cipher.bin` (RFC 5987), which the package does not read.  What the name is does not matter.
_EXTENDED_NAME = re.compile(r""";\s*filename\*\s*=\s*"?[^'";]*'[^'";]*'[^'";\s]""", re.IGNORECASE)


def is_multipart(content_type: str) -> bool:
    """Whether a body of this type is a form with parts."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def parts_of(body: bytes, content_type: str) -> Mapping[str, str | UploadedFile]:
    """The first part of each name; names in lower case.  Raises `InputCannotBeParsed`."""
    if len(body) > REQUEST_BYTES:
        raise InputCannotBeParsed("", "The form is too large.")
    boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
    parser = multipart.MultipartParser(
        BytesIO(body),
        boundary,
        content_length=len(body),
        header_limit=_HEADERS_PER_PART,
        headersize_limit=_HEADER_BYTES,
        part_limit=_PARTS,
        spool_limit=REQUEST_BYTES,  # the body is in memory anyway
        memory_limit=REQUEST_BYTES,
    )
    values: dict[str, str | UploadedFile] = {}
    try:
        for part in parser:
            values.setdefault(part.name.lower(), _value(part))
    except (multipart.MultipartError, UnicodeError, LookupError) as error:
        raise InputCannotBeParsed("", f"The form is malformed: {error}") from None
    return values


def _value(part: multipart.MultipartPart) -> str | UploadedFile:
    if part.filename or _EXTENDED_NAME.search(part.headers.get("Content-Disposition", "")):
        return UploadedFile(part.size, part.file)
    if part.size > TEXT_FIELD_BYTES:
        raise InputCannotBeParsed(part.name, "The field is too large.")
    return str(part.raw.decode("utf-8"))
