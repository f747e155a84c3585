"""Options that are URLs."""

import click

from temple_ledger.domain.url import url_fault


class Url(click.ParamType[str]):
    """One that paths are put behind. *scheme*: the one that is meant where it has none."""

    name = "url"

    def __init__(self, *, scheme: str | None = None) -> None:
        self._scheme = scheme

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        url = f"{self._scheme}://{value}" if self._scheme is not None and "://" not in value else value
        if (fault := url_fault(url, is_base=True)) is not None:
            self.fail(fault, param, ctx)
        return url
