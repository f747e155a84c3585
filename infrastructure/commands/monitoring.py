"""`temple monitoring`: what is put beside the ledger to watch it."""

from pathlib import Path

import click

from temple_ledger.infrastructure.observability.deploy_files import CONSOLE_PLACEHOLDER, PLACEHOLDER, export
from temple_ledger.infrastructure.terminal.file_arguments import Folder
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.infrastructure.terminal.url_options import Url


@click.group("monitoring")
def command() -> None:
    """Alerts, dashboards, units and runbooks, for the machines that watch the ledger."""


@command.command("export")
@click.argument("directory", type=Folder())
@click.option(
    "--url", type=Url(), metavar="URL", help=f"Where the runbooks can be read, in the place of {PLACEHOLDER}."
)
@click.option("--overwrite", is_flag=True, help="Also files that are there and differ.")
@as_json
@click.pass_obj
def export_command(session: Session, directory: Path, url: str | None, overwrite: bool, as_json: bool) -> None:
    """Write all of it into a directory: Prometheus rules with their tests, Alertmanager, Grafana's dashboards and
    provisioning, systemd units, a compose file, the proxy, the cron line, the runbooks. Links to the console lead to
    TEMPLE_WEB_URL, where that is set.

    \b
    Example:
      temple monitoring export /etc/temple-ledger --url https://ledger.our-community.org
    \b
    Exit codes: 0 written; 5 a file is there with another content.
    """
    console = session.settings.web_url
    written = export(directory, url=url, console=console, overwrite=overwrite)
    if as_json:
        print_json([str(path) for path in written])
        return
    print_line(f"{plural(len(written), 'file')} written to {directory}")
    if url is None:
        session.note(f"links to runbooks lead to {PLACEHOLDER}; --url puts your own address there")
    if console is None:
        session.note(f"links to the console lead to {CONSOLE_PLACEHOLDER}; TEMPLE_WEB_URL puts your own address there")
