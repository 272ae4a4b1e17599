"""Following a server's links: made absolute, and never round in a circle."""

from dataclasses import replace
from urllib.parse import urljoin

from prospect_to_cash.clients.pages import Page
from prospect_to_cash.errors import Unavailable

BARREN_PAGES = 500
"""So many pages, one after the other, that are empty or say the same as the one before are no collection any more."""


def absolute(link: str, request: str, api_root: str) -> str:
    """A link of an answer as a whole URL: relative to the service, a bare query to the request it answers."""
    try:
        return urljoin(request if link.startswith("?") else api_root, link)
    except ValueError:  # left as it is: who sends it says what is wrong with it
        return link


def with_absolute_links(page: Page, request: str, api_root: str) -> Page:
    """The page with links that can be followed without knowing where they came from."""
    following = page.next_link and absolute(page.next_link, request, api_root)
    changes = page.delta_link and absolute(page.delta_link, request, api_root)
    if following == page.next_link and changes == page.delta_link:
        return page
    return replace(page, next_link=following, delta_link=changes)


class Circle:
    """Notices that the pages of one read lead to a page that was there before, or nowhere."""

    def __init__(self, host: str, what: str, first: str) -> None:
        self._where = f"{host}, reading {what}"
        self._links = {hash(first)}
        self._last: list[bytes] = []
        self._barren = 0

    def check(self, page: Page) -> None:
        """Raises Unavailable at the latest at the page that repeats another one."""
        if page.next_link is None:
            return
        if hash(page.next_link) in self._links:
            raise Unavailable(
                f"{self._where}: a page names one that was read before as the one that follows it."
            )
        self._links.add(hash(page.next_link))
        self._barren = self._barren + 1 if page.rows == self._last and not page.deleted else 0
        self._last = page.rows
        if self._barren >= BARREN_PAGES:
            raise Unavailable(f"{self._where}: {BARREN_PAGES} pages without a new record, and no end.")
