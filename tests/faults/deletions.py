"""What is deleted is gone: of one clip in every file of camd, whatever is lost meanwhile, and of all of them in a wipe.

Rule: as in `cases.py`.
"""

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from camd import ledger
from camd.alerts.outbox import Outbox
from camd.clock import SystemClock
from camd.model import SECOND, Alert, Clip
from camd.places import Places
from camd.store import heads, sidecar, verdicts, wipe
from camd.store.files import ClipFiles
from camd.store.verdicts import Verdict
from tests.faults.houses import Case, camd, environment, listed, works
from tests.faults.trace import ROOT


def nothing_of_a_deleted_clip_is_left(folder: Path, reel: Path) -> None:
    """Every file of camd is looked through: the ledger alone still tells that there was such a clip."""
    with works(folder, reel) as house:
        house.watch(12, visit=(1, 2))
        house.watch(12, visit=(8, 9))
    places, (first, second) = house.places, listed(house.places)
    footage = ClipFiles.of(places, first.id).mp4.read_bytes()[2000:2400]
    _told_of(places, first, ClipFiles.of(places, first.id).mp4.read_bytes())
    camd(places, "clips", "delete", "1", "--yes")
    assert [clip.id for clip in listed(places)] == [second.id]
    left = [path for each in (places.data, places.run) for path in each.rglob("*") if path.is_file()]
    traces = (first.sha256.encode(), footage, b'e1"', b'"clip":1,', b'"id":1,')
    found = [path.name for path in left for trace in traces if trace in path.read_bytes()]
    assert set(found) == {"ledger.jsonl"}, found
    assert not [path for path in left if path.name.startswith("000001")]


def _told_of(places: Places, clip: Clip, footage: bytes) -> None:
    """Let every room of camd know of the clip: labels, messages that wait, the copy of a share."""
    camd(places, "clips", "label", str(clip.id), "animal")
    verdicts.append(places, Verdict(clip.id, "animal", "mqtt", 1, clip.events[0]))
    told = json.dumps({"v": 1, **sidecar.clip_json(clip)}, separators=(",", ":"))
    with closing(Outbox(places)) as outbox:
        outbox.put([Alert("camd/home/porch/clip", told, retain=False)], "boot", 0, 0)
        outbox.spill(10 * SECOND)
    (places.orders / "1234").mkdir(parents=True)
    (places.orders / "1234" / "clip.mp4").write_bytes(footage)
    for state in ("confirmed", "intent", "sent"):
        ledger.append(places, SystemClock(), f"share-{state}", order="1234", clip=clip.id, to="a friend")


def a_deletion_outlives_the_index(folder: Path, reel: Path) -> None:
    with works(folder / "one", reel) as house:
        for _ in range(3):
            house.watch(12, visit=(4, 9))
        camd(house.places, "clips", "delete", "2", "--yes")  # while the recorder runs: it has not looked since
        shutil.copytree(folder / "one", folder / "killed")
    killed = Places(folder / "killed" / "data", folder / "killed" / "run")
    for path in killed.data.glob("index.sqlite*"):
        path.unlink()
    with works(folder / "killed", reel):
        assert [clip.id for clip in listed(killed)] == [1, 3]
    assert list(killed.data.rglob("000002*")) == []


def wipes_cut_off(folder: Path, reel: Path) -> int:
    """Kill a wipe before each of its calls: the next start finishes what was begun. Returns how many."""
    count = 0
    with works(folder / "whole", reel) as house:
        house.watch(12, visit=(4, 9))
    for call in ("unlink", "unlinkat", "rmdir", "rename", "fsync", "write"):
        for nth in range(1, 40):
            at = folder / f"{call}-{nth}"
            shutil.copytree(folder / "whole", at)
            places = Places(at / "data", at / "run")
            if not _is_killed(places, call, nth, "wipe"):
                break
            count += 1
            begun = places.wiping.exists()
            if nth == 1:  # all of camd starts; else the part of it that matters, for the time it takes
                assert _next_start(places) == 0
            else:
                wipe.finish(places, SystemClock(), places.run / "known.json")
            left = {path.name for path in places.data.iterdir()}
            if begun:
                assert "wiping" not in left
                assert not list(places.clips.glob("0*")), (call, nth)
            shutil.rmtree(at)
    return count


def deletions_cut_off(folder: Path, reel: Path) -> int:
    """Kill a deletion before each of its calls: nothing said or learned outlives the clip. Returns how many."""
    count = 0
    with works(folder / "whole", reel) as house:
        for _ in range(2):
            house.watch(12, visit=(4, 9))
    for clip in (1, 2):
        camd(house.places, "clips", "label", str(clip), "animal")
    heads.add(house.places, {"centres": [{"label": "animal", "clips": [clip]} for clip in (1, 2)]})
    for call in ("unlink", "unlinkat", "rename", "fsync", "fdatasync", "write", "pwrite64"):
        for nth in range(1, 80):
            at = folder / f"{call}-{nth}"
            shutil.copytree(folder / "whole", at)
            places = Places(at / "data", at / "run")
            if not _is_killed(places, call, nth, "clips", "delete", "1", "--yes"):
                break
            count += 1
            with works(at, reel):
                left = [clip.id for clip in listed(places)]
            assert 2 in left, (call, nth)
            assert _known(places) <= set(left), (call, nth)
            shutil.rmtree(at)
    return count


def _known(places: Places) -> set[int]:
    """The clips of which something was said or learned."""
    said = filter(None, map(heads.read, heads.paths(places.heads)))
    learned = {clip for head in said for lesson in heads.lessons(head) for clip in lesson.clips}
    return learned | {verdict.clip for verdict in verdicts.read(places)}


def _is_killed(places: Places, call: str, nth: int, *verb: str) -> bool:
    """Run a verb, with WIPE on stdin, and kill it before the nth such call; False when it came to its end."""
    strace = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", f"trace={call}"]
    kill = ["-e", f"inject={call}:signal=KILL:when={nth}"]
    run = [*strace, *kill, sys.executable, "-m", "camd", *verb, "--data", str(places.data)]
    done = subprocess.run(
        run, cwd=ROOT, input="WIPE\n", text=True, capture_output=True, env=environment(places), check=False
    )
    return done.returncode != 0


def _next_start(places: Places) -> int:
    """Start camd on it: a camera that ends at once."""
    video = ROOT / "camd" / "fixtures" / "missing.mp4"
    command = [sys.executable, "-m", "camd", "capture", "--data", str(places.data), "--camera", str(video)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env=environment(places), check=False)
    return 0 if done.returncode == 65 else done.returncode  # no such video: it comes after the wipe is finished


QUICK: tuple[Case, ...] = (nothing_of_a_deleted_clip_is_left, a_deletion_outlives_the_index)
