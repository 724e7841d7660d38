"""An operator's apps for tests, and a server whose pages a real browser can open."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.api import InProcessApi

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BACKGROUND, PRIMARY, SECONDARY = "#F4F1FA", "#5B2A9D", "#F28C28"


def app(app_id: str = "example", **changed: Any) -> dict[str, Any]:
    """A configured app."""
    return {
        "Id": app_id,
        "DisplayName": f"The {app_id} <app>",
        "Description": "Keeps your documents & contacts in your own hands.",
        "BannerUrl": PIXEL,
        "IconUrl": PIXEL,
        "AppleAppStore": {"AppLink": f"https://apps.apple.com/app/{app_id}"},
        "GooglePlayStore": {"AppLink": f"https://play.google.com/store/apps/details?id={app_id}&hl=en"},
        "ColorScheme": {
            "Background": BACKGROUND,
            "Primary": PRIMARY,
            "OnPrimary": "#FFFFFF",
            "Secondary": SECONDARY,
            "OnSecondary": "#1C1E21",
        },
        **changed,
    }


CONFIGURATION: dict[str, Any] = {
    "AppOnboarding": {"Apps": [app("example"), app("Other")]},
    "WellKnownEndpoints": {
        "AppleAppSiteAssociations": ["TEAM.org.example.app", "TEAM.org.example.beta"],
        "AndroidAssetLinks": [
            {"PackageName": "org.example.app", "Sha256CertFingerprints": ["AA:BB", "CC:DD"]},
            {"PackageName": "org.example.beta", "Sha256CertFingerprints": ["EE:FF"]},
        ],
    },
}


@contextmanager
def served(api: InProcessApi) -> Iterator[str]:
    """The API on a port of its own; yields its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            answer = api.get(url.path, query=url.query, headers=dict(self.headers.items()))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            del format, arguments

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
