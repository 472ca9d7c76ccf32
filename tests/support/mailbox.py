"""MailHog's API as a list of mails."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_PAGE = 250  # more are not given


@dataclass(frozen=True)
class Mailbox:
    """`api` is the base URL of MailHog's HTTP API. `host` names it to a proxy in between."""

    api: str
    host: str = ""

    def clear(self) -> None:
        request = urllib.request.Request(f"{self.api}/api/v1/messages", method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()

    def count(self) -> int:
        return int(self._page(0, 1)["total"])

    def mails(self) -> Iterator[dict[str, Any]]:
        """Every mail, newest first."""
        start, total = 0, self.count()
        while start < total:  # at the end MailHog would give the last one once more
            page = self._page(start, _PAGE)
            yield from page["items"]
            start, total = start + len(page["items"]), int(page["total"])

    def recipients(self) -> list[str]:
        """The envelope's recipients of every mail."""
        return [to for mail in self.mails() for to in mail["Raw"]["To"]]

    def _page(self, start: int, limit: int) -> Any:
        url = f"{self.api}/api/v2/messages?start={start}&limit={limit}"
        headers = {"Host": self.host} if self.host else {}
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
