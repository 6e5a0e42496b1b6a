"""A component of Home Assistant for camd's tests: writes every state to a file, and calls the services it is asked for.

It runs inside Home Assistant, never in camd. Files in the config folder: `states.json` (entity id -> state and
attributes, replaced after each change), `order.json` (domain, service, data; unlinked when it was carried out).
"""

import asyncio
import json
from pathlib import Path
from typing import Any

DOMAIN = "camd_watch"


async def async_setup(hass: Any, config: Any) -> bool:
    """Look on for as long as Home Assistant runs."""
    folder = Path(hass.config.config_dir)

    def write() -> None:
        found = {state.entity_id: {"state": state.state, **state.attributes} for state in hass.states.async_all()}
        temp = folder / "states.tmp"
        temp.write_text(json.dumps(found, default=str))
        temp.replace(folder / "states.json")

    async def look() -> None:
        while True:
            write()
            order = folder / "order.json"
            if order.exists():
                wanted = json.loads(order.read_text())
                order.unlink()
                await hass.services.async_call(wanted["domain"], wanted["service"], wanted["data"], blocking=True)
            await asyncio.sleep(0.1)

    hass.async_create_background_task(look(), "camd_watch")  # files of a few kilobytes: blocking is well here
    return True
