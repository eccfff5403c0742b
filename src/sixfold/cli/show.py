"""`sixfold show`: the product with every default filled in."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken

__all__ = ["command"]


@spoken("show")
@click.argument("product", default="product.yaml")
@click.option("--schema", is_flag=True)
@as_json
def command(product: str, schema: bool, as_json: bool) -> None:
    """Print a product as YAML that ``sixfold run`` would take; ``--json``: the same as one object.

    ``--schema`` prints the JSON Schema of product.yaml, for editors and forms.
    """
    if schema:
        from sixfold.schema import product_schema

        click.echo(json.dumps(product_schema(), ensure_ascii=False, indent=2))
        return
    from sixfold.cli._named import product_of

    full = product_of(product).to_mapping(full=True)
    if as_json:
        click.echo(json.dumps(full, ensure_ascii=False))
        return
    import yaml

    click.echo(yaml.safe_dump(full, allow_unicode=True, sort_keys=False, width=120), nl=False)
