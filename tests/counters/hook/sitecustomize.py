"""Puts each `python -m camd capture` into a control group of its own at its start, and notes what it is told.

Python imports this at every start, since tests.counters puts its folder on PYTHONPATH.
"""

import json
import os
import sys
from pathlib import Path

if sys.orig_argv[1:4] == ["-m", "camd", "capture"]:
    words = sys.orig_argv[4:]
    given = words[words.index("--config") + 1] if "--config" in words else os.environ.get("CAMD_CONFIG", "")
    group = Path(os.environ["CAMD_COUNTED_GROUP"]) / f"{os.getpid()}-{Path('/proc/self/stat').read_text().split()[21]}"
    group.mkdir()
    (group / "cgroup.procs").write_text(str(os.getpid()))
    config = Path(given).read_text(encoding="utf-8") if given and Path(given).is_file() else ""
    note = {"group": group.stat().st_ino, "words": words, "config": config}
    (Path(os.environ["CAMD_COUNTED_NOTES"]) / f"{group.name}.json").write_text(json.dumps(note))
