"""What Prometheus makes of a fault and of its end: figures that were really scraped, and our rules, in promtool.

Each scrape lasts for a while; times in it are as old as they were when it was made. Then it is asked of each which
alerts fire.
"""

import math
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, Final

import yaml

from tests.monitoring.scraping import Scrape

RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "temple-ledger.rules.yml"
ASKED_FOR: Final = frozenset(re.findall(r"\b(?:ledger|webhook|discord)_\w+", RULES.read_text()))
MINUTES: Final = 90
"""Of each scrape: longer than any rule looks back or waits."""

SOON: Final = (3, 8, 20)
"""Minutes after a scrape began, for alerts about a change."""


@dataclass
class Rehearsal:
    """With each scrape the names that grow with the time during it: moments are the present, lengths of time go on."""

    scrapes: list[tuple[float, Scrape, Collection[str]]] = field(default_factory=list)

    def goes_on_with(self, scraped: Scrape, *, alive: Collection[str]) -> None:
        self.scrapes.append((time(), scraped, alive))

    def firing(self, alert: str, folder: Path) -> list[bool]:
        """Of each scrape: whether the alert fires at its end. Of those between the first and the last, also whether it
        fires soon after the beginning, as those do that look at a change.
        """
        last = len(self.scrapes) - 1
        moments = [
            (number, number * MINUTES + minute)
            for number in range(last + 1)
            for minute in (*(SOON if 0 < number < last else ()), MINUTES - 1)
        ]
        fires = self._asked(alert, [minute for _, minute in moments], folder)
        firing = {number for (number, _), each in zip(moments, fires, strict=True) if each}
        return [number in firing for number in range(last + 1)]

    def _asked(self, alert: str, minutes: Sequence[int], folder: Path) -> list[bool]:
        """promtool says what it got only where that is not what was expected: so nothing is."""
        expression = f'(count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > bool 0) or vector(0)'
        wrong = [{"labels": "{}", "value": 7}]
        asked = [{"expr": expression, "eval_time": f"{minute}m", "exp_samples": wrong} for minute in minutes]
        test = {"interval": "1m", "input_series": self._series(), "promql_expr_test": asked}
        file = folder / "rehearsal.yml"
        file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
        done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
        got = re.findall(r"got:\s*\{\} (\S+)", done.stdout + done.stderr)
        assert len(got) == len(minutes), done.stdout + done.stderr
        return [float(each) == 1 for each in got]

    def _series(self) -> Sequence[Mapping[str, Any]]:
        scraped = enumerate(self.scrapes)
        figures = [_figures(each, made, number * MINUTES * 60) for number, (made, each, _) in scraped]
        names = sorted({name for each in figures for name in each})
        return [{"series": name, "values": " ".join(self._values(name, figures))} for name in names]

    def _values(self, name: str, figures: Sequence[Mapping[str, float]]) -> list[str]:
        found: list[str] = []
        for number, each in enumerate(figures):
            value = each.get(name)
            if value is None:
                # Prometheus marks what a scrape has no more, and so does not look back to it
                found.append(f"stale _x{MINUTES - 1}")
            elif name.partition("{")[0] in self.scrapes[number][2]:
                begin = number * MINUTES * 60 if name.partition("{")[0].endswith("_timestamp_seconds") else value
                found.append(f"{begin}+60x{MINUTES - 1}")
            else:
                found.append(f"{value:.6f}+0x{MINUTES - 1}")
        return found


def _figures(scraped: Scrape, made: float, begin: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in scraped.families:
        for sample in family.samples:
            if math.isnan(sample.value) or math.isinf(sample.value) or sample.name not in ASKED_FOR:
                continue
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            value = float(sample.value)
            if sample.name.endswith("_timestamp_seconds") and value > 0:
                value = value - made + begin
            found[f"{sample.name}{{{labels}}}"] = value
    return found
