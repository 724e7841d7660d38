"""What the script in the pages does with the address, run by Node.js."""

import json
import re
import subprocess

import pytest

from tests.support.api import InProcessApi

_HARNESS = """
const [href, html, script] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const anchors = [...html.matchAll(/<a [^>]*data-(choose|open)="([^"]+)"/g)].map((m) => ({ dataset: { [m[1]]: m[2] } }));
globalThis.window = { location: { href } };
globalThis.document = { querySelectorAll: (s) => anchors.filter((a) => /data-(\\w+)/.exec(s)[1] in a.dataset) };
eval(script);
console.log(JSON.stringify(anchors.map((a) => a.href)));
"""


def completed_links(api: InProcessApi, url: str) -> list[str]:
    """The links of a page that its script has completed, as a visitor of `url` finds them."""
    path, _, query = url.partition("#")[0].removeprefix("https://backbone.example.org").partition("?")
    page = api.get(path, query=query).body
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    outcome = subprocess.run(
        ["node", "-e", _HARNESS], input=json.dumps([url, page, script]), capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    completed: list[str] = json.loads(outcome.stdout)
    return completed


@pytest.mark.parametrize(
    "rest", ["/r/TOK123?app=example#a2V5_-MQ", "/r/TOK123?app=example&more=1#x", "/r/FIL1?more=a%20b&app=example"]
)
def test_the_deep_link_keeps_path_query_and_fragment(api: InProcessApi, configured: None, rest: str) -> None:
    """misc.md: onboarding page deep link keeps path, query and fragment"""
    assert completed_links(api, f"https://backbone.example.org{rest}") == [f"example://backbone.example.org{rest}"]


def test_choosing_an_app_adds_it_to_the_query(api: InProcessApi, configured: None) -> None:
    """misc.md §3: `href` is the current URL with `app=<id>` added to the query and the fragment kept"""
    assert completed_links(api, "https://backbone.example.org/r/RLT1?x=1&app=unknown#key_-1") == [
        "https://backbone.example.org/r/RLT1?x=1&app=example#key_-1",
        "https://backbone.example.org/r/RLT1?x=1&app=Other#key_-1",
    ]
