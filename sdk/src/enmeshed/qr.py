"""References as QR codes."""

from __future__ import annotations

import io

import segno

from enmeshed.protocol.references import Reference


def qr_svg(reference: Reference, *, scale: int = 4) -> str:
    """An SVG image of the reference's URL, which phones open (§13). No network calls."""
    image = io.BytesIO()
    segno.make(reference.url).save(image, kind="svg", scale=scale, xmldecl=False)
    return image.getvalue().decode()


def qr_png(reference: Reference, *, scale: int = 4) -> bytes:
    """A PNG image of the reference's URL. No network calls."""
    image = io.BytesIO()
    segno.make(reference.url).save(image, kind="png", scale=scale)
    return image.getvalue()


def qr_blocks(reference: Reference) -> str:
    """The QR code in lines of half blocks, two modules above each other in a character, for terminals."""
    rows = [list(row) for row in segno.make(reference.url, error="l").matrix_iter(border=2)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    return "\n".join(
        "".join(_BLOCKS[upper, lower] for upper, lower in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    )


_BLOCKS = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # dark modules are gaps: terminals are dark
