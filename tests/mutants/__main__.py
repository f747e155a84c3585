"""`.venv/bin/python -m tests.mutants [WORDS…]`: every mutant, or those whose name has one of the words, must be killed.

First all killers are run on the checkout as it is. Ends with 1 where a mutant survives.
"""

import sys

import click

from tests.mutants.mutants import MUTANTS
from tests.mutants.trial import trial


def main(words: list[str]) -> int:
    chosen = [each for each in MUTANTS if not words or any(word in each.name for word in words)]
    if not chosen:
        click.echo("no mutant has that in its name")
        return 2
    survived = []
    with trial() as copy:
        whole = copy.tested(*sorted({each.killer for each in chosen}))
        if whole.code != 0:
            click.echo(whole.output)
            click.echo("the killers fail without any mutant: nothing was tried")
            return 1
        for each in chosen:
            ended = copy.run(each)
            click.echo(f"{'killed' if ended.killed else 'SURVIVED'}  {each.name}")
            if not ended.killed:
                survived.append(each)
                click.echo(ended.output[-2_000:])
    click.echo(f"{len(chosen) - len(survived)} of {len(chosen)} mutants killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
