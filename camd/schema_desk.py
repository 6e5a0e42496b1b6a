"""`camd schema`: prints the JSON Schemas of what camd says over MQTT, tells Home Assistant, and reads as settings."""

import json
from collections.abc import Callable

from camd.alerts import schemas
from camd.settings_schema import schema
from camd.terminal import Parser

SCHEMAS: dict[str, Callable[[], str]] = {
    "mqtt": lambda: schemas.text(schemas.MQTT),
    "discovery": lambda: schemas.text(schemas.DISCOVERY),
    "config": lambda: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
}


def main(arguments: list[str]) -> int:
    """`camd schema mqtt / discovery / config`: print one schema."""
    parser = Parser(
        prog="camd schema",
        description="Prints a JSON Schema. mqtt: every topic and payload; discovery: what Home Assistant is told; "
        "config: camd.yaml, for editors that check as you type.",
    )
    parser.add_argument("which", choices=SCHEMAS, help="which schema")
    print(SCHEMAS[parser.parse_args(arguments).which](), end="")
    return 0
