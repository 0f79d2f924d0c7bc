"""Options that many commands share."""

from typing import Annotated

import typer

Url = Annotated[
    str, typer.Option("--url", help="Central's address (or LAYOVER_URL).", show_default=False)
]
Key = Annotated[
    str,
    typer.Option(
        "--key", help="Access key of a remote central (or LAYOVER_KEY).", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
