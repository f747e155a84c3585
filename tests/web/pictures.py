"""The pictures of docs/for-moderators.md, from a demo: `.venv/bin/python -m tests.web.pictures` makes them anew."""

import os
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import BrowserContext

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.demo import Community
from temple_ledger.infrastructure.embedded_postgres.scratch import in_memory, scratch_server
from temple_ledger.infrastructure.testing.copies import Copies, make_template
from temple_ledger.projections.built_in import BUILT_IN
from tests.web.browsing import browser, demo_on, signed_in

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
DESK: Final = ("overview", "member", "member-then", "role-diff", "patreon")
COMMUNITY: Final = Community(seed=1, members=300, events=6_000)


def make(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    os.environ["TEMPLE_TIER_ROLES"] = "Initiate=Initiate,Seeker=Seeker,Acolyte=Acolyte,Oracle=Oracle"
    with (
        scratch_server(in_memory()) as server,
        tempfile.TemporaryDirectory() as home,
        Copies(server.dsn(), make_template(server, BUILT_IN), BUILT_IN) as copies,
    ):
        name = copies.take()
        with demo_on(Database(server.dsn(name)), Path(home), COMMUNITY) as demo, browser() as chromium:
            paths = demo.pages()
            desk, phone = signed_in(chromium, demo.console), signed_in(chromium, demo.console, width="phone")
            for wanted in DESK:
                _take(desk, demo.console.url + paths[wanted], folder / f"{wanted}.png")
            _take(phone, demo.console.url + paths["events"], folder / "events-phone.png")
        copies.drop(name)


def _take(context: BrowserContext, url: str, file: Path) -> None:
    page = context.new_page()
    page.goto(url)
    page.wait_for_load_state("load")
    page.screenshot(path=file, animations="disabled")
    page.close()


if __name__ == "__main__":
    make()
