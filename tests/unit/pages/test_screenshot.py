"""What people see: the pages in a real browser, at the size of a phone.

Needs a headless Chromium (Debian: `chromium-headless-shell`); without one these tests are skipped and say so, and what
the pages contain is still tested by test_api.py, what their script does by test_scripts.py.
"""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageColor

from tests.support.api import InProcessApi
from tests.unit.pages.apps import BACKGROUND, PRIMARY, SECONDARY, served

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
PHONE = (390, 844)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no headless Chromium is installed"),
]


def browse(url: str, folder: Path, *options: str) -> str:
    """Open a page and return what Chromium prints."""
    assert CHROMIUM is not None
    fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
    ]
    size = f"--window-size={PHONE[0]},{PHONE[1]}"
    command = [CHROMIUM, *fixed, size, f"--user-agent={IPHONE}", "--virtual-time-budget=3000", *options, url]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def photographed(url: str, folder: Path) -> Image.Image:
    """The page as a visitor sees it."""
    file = folder / "page.png"
    browse(url, folder, f"--screenshot={file}")
    return Image.open(file).convert("RGB")


def share_of(image: Image.Image, color: str) -> float:
    """How much of an image has exactly this colour."""
    wanted = ImageColor.getrgb(color)
    return sum(count for count, found in image.getcolors(2**24) or [] if found == wanted) / (image.width * image.height)


def test_the_onboarding_page_shows_the_apps_colours_and_fits_a_phone(
    api: InProcessApi, configured: None, tmp_path: Path
) -> None:
    """misc.md §3: banner, description, step 1 store link(s), step 2 an anchor; colours from the app's colour scheme"""
    with served(api) as base_url:
        image = photographed(f"{base_url}/r/TOK123?app=example#key", tmp_path)

    assert image.size == PHONE
    assert image.getpixel((4, PHONE[1] - 4)) == ImageColor.getrgb(BACKGROUND)
    assert share_of(image, BACKGROUND) > 0.1
    assert share_of(image, PRIMARY) > 0.02  # the button that opens the app
    assert share_of(image, SECONDARY) > 0.001  # the numbers of the steps
    assert share_of(image, "#FFFFFF") > 0.1  # the cards
    button = [y for y in range(PHONE[1]) if image.getpixel((PHONE[0] // 2, y)) == ImageColor.getrgb(PRIMARY)]
    assert button  # it is seen without scrolling


def test_the_selection_page_offers_the_apps_one_below_the_other(
    api: InProcessApi, configured: None, tmp_path: Path
) -> None:
    """misc.md §3: selection page: shows display name and icon; colours of the first app"""
    with served(api) as base_url:
        image = photographed(f"{base_url}/r/TOK123#key", tmp_path)

    column = [image.getpixel((PHONE[0] - 60, y)) == ImageColor.getrgb("#FFFFFF") for y in range(PHONE[1])]
    cards = sum(now and not before for before, now in pairwise(column))
    assert cards == 2
    assert image.getpixel((4, 4)) == ImageColor.getrgb(BACKGROUND)


def test_in_a_real_browser_the_links_keep_the_key(api: InProcessApi, configured: None, tmp_path: Path) -> None:
    """misc.md: onboarding page deep link keeps path, query and fragment"""
    with served(api) as base_url:
        dom = browse(f"{base_url}/r/TOK123?app=example#a2V5", tmp_path, "--dump-dom")
        host = base_url.removeprefix("http://")

    assert re.findall(r'data-open="example" href="([^"]+)"', dom) == [f"example://{host}/r/TOK123?app=example#a2V5"]
