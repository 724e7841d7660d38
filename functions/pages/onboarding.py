"""The pages that references lead to, as HTML.  Contract: misc.md, section 3.

A reference carries its key in the fragment, which no server sees; so links that must keep it are completed by a script
in the page (`templates/links.js`).
"""

from functools import lru_cache
from pathlib import Path

import jinja2

from functions.pages.configuration import App, AppOnboarding, AppStore
from functions.pages.domain import Store, stores_for

HTML = "text/html; charset=utf-8"
_TEMPLATES = Path(__file__).with_name("templates")


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(onboarding: AppOnboarding, app_id: str | None, user_agent: str) -> str:
    """The page of an app, or the choice between all of them when the app is not known."""
    app = onboarding.app(app_id)
    if app is None:
        return _environment().get_template("selection.html").render(apps=onboarding.apps, colors=_colors(onboarding))
    stores = [(str(store), _store(app, store)) for store in stores_for(user_agent)]
    return _environment().get_template("onboarding.html").render(app=app, stores=stores, colors=app.color_scheme)


def _colors(onboarding: AppOnboarding) -> object:
    return onboarding.apps[0].color_scheme


def _store(app: App, store: Store) -> AppStore:
    return app.apple_app_store if store is Store.APPLE_APP_STORE else app.google_play_store
