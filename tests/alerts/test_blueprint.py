"""The blueprint in the README is one that Home Assistant can read."""

import re
from pathlib import Path
from typing import Any

import yaml

README = Path(__file__).parents[2] / "README.md"


class Loader(yaml.SafeLoader):
    """Knows Home Assistant's own tag, and notes which inputs are asked for."""


Loader.add_constructor("!input", lambda loader, node: {"input": node.value})


def test_the_blueprint_asks_for_no_input_that_it_does_not_declare() -> None:
    (text,) = re.findall(r"```yaml\n(blueprint:.*?)```", README.read_text(), re.DOTALL)
    found: dict[str, Any] = yaml.load(text, Loader)
    declared = set(found["blueprint"]["input"])
    assert set(re.findall(r"!input (\w+)", text)) == declared
    assert found["blueprint"]["domain"] == "automation"
    assert found["triggers"]
    assert found["actions"][1]["data"]["data"]["image"] == "/api/image_proxy/{{ picture }}"
