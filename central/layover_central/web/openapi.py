"""The API's description as JSON on standard output, the same text for the same code."""

import json
import sys

from layover_central.web.app import bare_app


def description() -> str:
    return json.dumps(bare_app().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(description())
