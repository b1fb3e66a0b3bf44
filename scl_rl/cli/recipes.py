"""``scl-rl recipes``"""

from __future__ import annotations

import click

from . import options


@click.group(invoke_without_command=True, epilog=options.examples("scl-rl recipes"))
@click.pass_context
def recipes(ctx: click.Context) -> None:
    """List the shipped recipes."""
    if ctx.invoked_subcommand is not None:
        return
    from ..recipe.load import shipped_recipes
    from .tables import print_table

    rows = [[name, _headline(text)] for name, text in shipped_recipes().items()]
    print_table({"columns": ["recipe", "what it does"], "rows": rows})


@recipes.command(epilog=options.examples("scl-rl recipes show quickstart > mine.yaml"))
@click.argument("name")
def show(name: str) -> None:
    """Print a shipped recipe, to copy and change."""
    from ..errors import Problem, UserError
    from ..recipe.load import shipped_recipes
    from ..suggest import did_you_mean

    shipped = shipped_recipes()
    if name not in shipped:
        hint = did_you_mean(name, shipped, "shipped recipes")
        raise UserError(Problem("", f"there is no shipped recipe '{name}'", hint))
    click.echo(shipped[name], nl=False)


@recipes.command(epilog=options.examples("scl-rl recipes schema > recipe.schema.json"))
def schema() -> None:
    """Print the JSON schema of recipes, for completion in an editor."""
    import json

    from ..recipe.json_schema import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=1, ensure_ascii=False))


@recipes.command(epilog=options.examples("scl-rl recipes reference > recipes.md"))
def reference() -> None:
    """Print the reference of all recipe settings, as Markdown."""
    from ..recipe.reference import reference as page

    click.echo(page(), nl=False)


def _headline(text: str) -> str:
    """The first line of the comment at the top."""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if line.strip("# "):
            return line.strip("# ")
    return ""
