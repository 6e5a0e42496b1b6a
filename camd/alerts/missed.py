"""What had to be given up: many alerts that waited for the broker too long become one that says how many.

Rule: pure. Only alerts are counted (one for each event); what else waited, such as updates, is worth nothing later.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from camd.alerts.payload import Many, summary_json
from camd.model import SECOND, Alert

SUFFIX: Final = " missed"  # of the key that such a message has, of which there is one for each topic


def missed(given_up: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return one message for each topic on which alerts were given up; earlier such messages are counted in."""
    by_topic: dict[str, list[dict[str, Any]]] = {}
    for alert in given_up:
        said = _said(alert)
        if said is not None:
            by_topic.setdefault(alert.topic, []).append(said)
    return tuple(
        Alert(topic, summary_json(_many(all_), all_[0]["camera"]), retain=False, key=topic + SUFFIX)
        for topic, all_ in by_topic.items()
    )


def _said(alert: Alert) -> dict[str, Any] | None:
    """What an alert says; None for any other message."""
    if not isinstance(alert.payload, str) or not alert.payload.startswith("{"):
        return None
    said: dict[str, Any] = json.loads(alert.payload)
    return said if "event_type" in said and "began" in said else None


def _many(all_: Iterable[dict[str, Any]]) -> Many:
    counts: dict[str, int] = {}
    began, ended = [], []
    for said in all_:
        began.append(said["began"])
        ended.append(said.get("ended", said["began"]))
        for kind, count in said.get("counts", {said["event_type"]: 1}).items():
            counts[kind] = counts.get(kind, 0) + count
    return Many("broker", round(min(began) * SECOND), round(max(ended) * SECOND), counts)
