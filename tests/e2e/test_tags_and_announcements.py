"""Tags, announcements and pages on the deployed system."""

import os
import subprocess
import sys
from collections.abc import Callable

import httpx

from infra.build import ROOT
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.test_official_client import SCRIPTS, TIMEOUT_SECONDS
from tests.people import Identity

NewIdentity = Callable[[], Identity]


def announce(stack: LocalStack, *arguments: str) -> str:
    """Run the operator's command; the id of the new announcement."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
    outcome = subprocess.run(
        [sys.executable, "-m", "cli", "announcement", "send", "--severity", "High", *arguments],
        env={**os.environ, **stack.environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()


def test_official_clients_read_tags_and_announcements(stack: LocalStack) -> None:
    german = ["--title", "de=Willkommen", "--body", "de=Text"]
    action = ["--action", "https://enmeshed.eu en=More; de=Mehr"]
    announce(stack, "--title", "en=Welcome", "--body", "en=Text", *german, *action)

    outcome = subprocess.run(
        ["node", "tags.cjs", stack.base_url, CLIENT_ID, CLIENT_SECRET],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"


def test_only_recipients_see_what_is_addressed(stack: LocalStack, new_identity: NewIdentity) -> None:
    """misc.md: announcement for everybody visible to all; with recipients visible to these only"""
    alice, bob = new_identity(), new_identity()
    for_all = announce(stack, "--title", "en=For all", "--body", "en=Text")
    for_alice = announce(stack, "--title", "en=For Alice", "--body", "en=Text", "--recipient", alice.address)

    def seen_by(identity: Identity) -> set[str]:
        return {each["id"] for each in identity.device.connection.get("/Announcements", {"language": "en"})}

    assert seen_by(alice) >= {for_all, for_alice}
    assert for_alice not in seen_by(bob)
    assert for_all in seen_by(bob)


def test_tags_are_sent_once(stack: LocalStack) -> None:
    """http-common.md §14: GET /api/v2/Tags twice, second with `If-None-Match` -> 304 empty"""
    url = f"{stack.base_url}/api/v2/Tags"
    first = httpx.get(url)
    second = httpx.get(url, headers={"If-None-Match": first.headers["etag"]})

    assert (second.status_code, second.content) == (304, b"")


def test_a_reference_leads_to_the_app(stack: LocalStack) -> None:
    """misc.md: `GET /r/TOK123?app=<known>` with user agent `iPhone`/`Android`/`unknown` -> store links as in §3"""
    url = f"{stack.base_url}/r/TOK123?app=example"
    for user_agent, apple, google in (("iPhone", True, False), ("Android", False, True), ("unknown", True, True)):
        page = httpx.get(url, headers={"User-Agent": user_agent})

        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert ("apps.apple.com" in page.text, "play.google.com" in page.text) == (apple, google)
    assert httpx.get(f"{stack.base_url}/style/style.css").headers["content-type"].startswith("text/css")


def test_operating_systems_find_the_apps(stack: LocalStack) -> None:
    """misc.md: `GET /.well-known/assetlinks.json`, `/.well-known/apple-app-site-association` -> documents of §4"""
    apple = httpx.get(f"{stack.base_url}/.well-known/apple-app-site-association").json()
    android = httpx.get(f"{stack.base_url}/.well-known/assetlinks.json").json()

    assert apple["applinks"]["details"][0]["appIDs"] == ["EXAMPLE123.org.example.app"]
    assert android[0]["target"]["package_name"] == "org.example.app"
