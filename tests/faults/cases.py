"""Faults of the world around the store, one function each: full, read-only, swapped and poor file systems, clocks.

Rule: a case gets a new folder and a reel, and raises AssertionError when camd does not survive; what this machine
cannot do raises NotHereError and counts as skipped.
"""

import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

from camd import ledger, mode, upkeep
from camd.alerts.outbox import Outbox
from camd.clock import ManualClock, SystemClock
from camd.config import StoreConfig
from camd.errors import CamdError, HeldError, UnavailableError
from camd.model import SECOND, Alert, Clip
from camd.places import Places
from camd.store import check, identity, sidecar, wipe
from camd.store.files import ClipFiles
from camd.store.index import Index
from camd.store.shelf import Shelf
from tests.faults.houses import listed, works
from tests.faults.mounts import Ext4, fill, fill_with_files, quota, tmpfs
from tests.faults.reels import WALKER
from tests.faults.trace import ROOT, Worked

Case = Callable[[Path, Path], None]
DAY = 86_400 * SECOND
NOW = 1_767_225_600 * SECOND


class WallClock(ManualClock):
    """A machine whose date can be wrong, and be set while it runs."""

    def __init__(self, unix_ns: int = NOW, known: bool = True) -> None:
        super().__init__(unix_ns)
        self._step, self._known = 0, known

    def unix(self) -> int:
        return super().unix() + self._step

    def synchronised(self) -> bool:
        return self._known

    def set(self, by_ns: int, known: bool) -> None:
        """Somebody sets the date."""
        self._step, self._known = self._step + by_ns, known


# --- full and failing disks


def a_full_disk_makes_the_oldest_go(folder: Path, reel: Path) -> None:
    with tmpfs(folder / "disk", "size=3m") as disk, works(disk, reel) as house:
        for _ in range(16):
            house.watch(12, visit=(4, 9))
        fill(disk)
        house.watch(12, visit=(4, 9))
        assert (len(house.saved()), house.faults()) == (17, [])
        left = [clip.id for clip in listed(house.places)]
        assert left[-1] == 17
        assert 1 not in left


def a_disk_that_others_filled_is_used_again_when_there_is_room(folder: Path, reel: Path) -> None:
    with tmpfs(folder / "disk", "size=3m") as disk, works(disk, reel) as house:
        filler = fill(disk)
        (house.places.ballast).unlink()
        with filler.open("ab", buffering=0) as file:
            _until_full(file.fileno())
        house.watch(6, visit=(1, 20))
        assert house.faults() == [True]
        filler.unlink()
        before = house.clock.boot()
        house.watch(6)
        assert house.faults() == [True, False]
        house.close()
        assert house.saved()[-1].began < before + 5 * SECOND


def a_quota_makes_the_oldest_go(folder: Path, reel: Path) -> None:
    with quota(folder / "image", folder / "data" / "clips", "3M"), works(folder, reel) as house:
        for _ in range(50):
            house.watch(12, visit=(4, 9))
        assert house.faults() == [True, False]
        assert listed(house.places)[-1].id == 50
        assert listed(house.places)[0].id > 10


def a_process_out_of_descriptors_records_again(folder: Path, reel: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with works(folder, reel) as house:
        house.watch(12, visit=(4, 9))
        taken = _every_descriptor(limits[1])
        house.watch(4, visit=(1, 60))
        for handle in taken:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert house.faults() == [True]
        house.watch(8)
        assert house.faults() == [True, False]
        house.close()
        assert len(listed(house.places)) == 2


def _every_descriptor(most: int) -> list[int]:
    """Take what this process may still open."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return taken


def a_disk_without_files_to_give_makes_the_oldest_go(folder: Path, reel: Path) -> None:
    with tmpfs(folder / "disk", "size=20m,nr_inodes=48") as disk, works(disk, reel) as house:
        for _ in range(2):
            house.watch(12, visit=(4, 9))
        fill_with_files(disk)
        house.watch(12, visit=(4, 9))
        assert len(house.saved()) + len(house.faults()) >= 3
        assert house.faults() in ([], [True], [True, False])


def a_disk_that_became_read_only_is_used_again_after_its_repair(folder: Path, reel: Path) -> None:
    disk = Ext4(folder / "image", folder / "disk", 16)
    try:
        with works(disk.folder, reel) as house:
            house.watch(12, visit=(4, 9))
            disk.fail()
            house.watch(4, visit=(1, 60))
            assert house.faults() == [True]
            disk.mend()  # it can be unmounted: no file is held open
            house.watch(8)
            assert house.faults() == [True, False]
            house.close()
            assert [clip.id for clip in listed(house.places)] == [clip.id for clip in house.saved()]
            assert len(house.saved()) >= 2
    finally:
        disk.unmount()


def alerts_go_on_with_a_disk_that_is_read_only_from_the_start(folder: Path, reel: Path) -> None:
    with tmpfs(folder / "disk", "size=3m") as disk:
        with works(disk, reel) as house:
            house.watch(12, visit=(4, 9))
        places = Places(disk / "data", folder / "run")
        mode.write(places, mode.AWAY)
        _remount(disk, "ro")
        (folder / "camd.yaml").write_text("store:\n  keep_free: 0 GB\n")
        camera = ["--camera", str(WALKER), "--loop", "--data", str(places.data), "--config", str(folder / "camd.yaml")]
        capture = subprocess.Popen([sys.executable, "-m", "camd", "capture", *camera], cwd=ROOT, env=_env(places))
        try:
            assert _comes(lambda: "fault:storage" in _status(places))
            assert _comes(lambda: any(alert.topic.endswith("/event") for alert in _waiting(places)))
            _remount(disk, "rw")
            assert _comes(lambda: len(listed(places)) > 1)
            assert _comes(lambda: _status(places) == "online")
        finally:
            capture.terminate()
            assert capture.wait(30) == 0
        assert check.violations(places) == []


def _remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def _comes(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so within half a minute."""
    clock, never = SystemClock(), threading.Event()
    until = clock.boot() + 30 * SECOND
    while not is_so() and clock.boot() < until:
        clock.wait(clock.boot() + SECOND // 5, never)
    return is_so()


def _status(places: Places) -> str:
    """What is said last of the camera."""
    with closing(Outbox(places)) as outbox:
        told = (outbox.state_of(topic) for topic in {alert.topic for alert in _waiting(places)} if _is_status(topic))
        return next(filter(None, told), "")


def _is_status(topic: str) -> bool:
    return topic.endswith("/status")


def _waiting(places: Places) -> list[Alert]:
    with closing(Outbox(places)) as outbox:
        return [each.alert for each in outbox.pending(1000)]


def an_unmounted_card_is_never_begun_anew(folder: Path, reel: Path) -> None:
    memory = folder / "known.json"
    places = Places(folder / "disk" / "data", folder / "run")
    with tmpfs(folder / "disk", "size=3m") as disk:
        with works(disk, reel) as house:
            house.watch(12, visit=(4, 9))
        identity.remember(house.places, memory)
    try:
        identity.expect(places, memory)
    except UnavailableError:
        assert not places.data.exists()
        return
    raise AssertionError("an empty folder was taken for the store")


def a_card_pulled_while_recording_is_not_replaced_by_the_folder_beneath(folder: Path, reel: Path) -> None:
    with tmpfs(folder / "disk", "size=3m") as disk, works(disk, reel) as house:
        house.watch(12, visit=(4, 9))
        subprocess.run(["umount", "-l", str(disk)], check=True)
        house.watch(12, visit=(4, 9))
        assert house.faults() == [True]
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], check=True)
        house.watch(3)
        assert house.faults() == [True]  # another, empty card is not the store either
        _swap_back(disk, house.places)


def clips_on_a_swapped_card_are_refused(folder: Path, reel: Path) -> None:
    for name in ("one", "two"):
        with works(folder / name, reel) as house:
            house.watch(12, visit=(4, 9))
    one, two = (Places(folder / name / "data", folder / name / "run") for name in ("one", "two"))
    shutil.rmtree(one.clips)
    shutil.copytree(two.clips, one.clips)
    before = one.index.read_bytes()
    for empty in (False, True):
        if empty:
            shutil.rmtree(one.clips)
        try:
            Shelf.open(one, StoreConfig(data=one.data, keep_free=0), ManualClock())
        except UnavailableError:
            assert one.index.read_bytes() == before
            continue
        raise AssertionError("clips of another store were taken for ours")


def _until_full(handle: int) -> None:
    try:
        while os.write(handle, bytes(4096)):
            pass
    except OSError:
        return


def _swap_back(disk: Path, places: Places) -> None:
    """Give the closing house a store that it may look over: a new one, since the first is gone with its mount."""
    subprocess.run(["umount", str(disk)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], check=True)
    Index.open(places).close()


# --- what a file system may not have, and where it may lie


def a_file_system_without_locks_is_refused_by_name(folder: Path, reel: Path) -> None:
    done = Worked(folder, reel).run("-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOSYS")
    assert done.returncode == 73, done.stderr
    assert "ended CannotWriteError" in done.stdout
    assert list((folder / "data" / "clips").iterdir()) == []


def a_file_system_without_fsync_of_folders_is_refused_by_name(folder: Path, reel: Path) -> None:
    done = Worked(folder, reel).run("-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EINVAL")
    assert done.returncode == 73, done.stderr
    assert list((folder / "data" / "clips").iterdir()) == []


def a_path_with_spaces_unicode_and_a_newline_is_a_path(folder: Path, reel: Path) -> None:
    odd = folder / "my clips\nKüche — 庭 ' \" ;"
    done = Worked(odd, reel).run()
    assert done.returncode == 0, done.stderr
    assert check.violations(Places(odd / "data", odd / "run")) == []


def two_recorders_never_share_a_store(folder: Path, reel: Path) -> None:
    with works(folder, reel) as house:
        house.watch(12, visit=(4, 9))
        done = Worked(folder, reel).run()
        assert done.returncode == HeldError.exit_code, done.stderr
        house.watch(12, visit=(4, 9))
        assert len(house.saved()) == 2


# --- clocks


def a_clock_54_years_behind_evicts_nothing_and_is_put_right(folder: Path, reel: Path) -> None:
    clock = WallClock(NOW - 54 * 365 * DAY, known=False)
    with works(folder, reel, clock=lambda: clock) as house:
        house.watch(12, visit=(4, 9))
        clock.set(54 * 365 * DAY, known=True)
        house.watch(24, visit=(4, 9))
        first, second = listed(house.places)
        assert first.synchronised
        assert abs(first.began_unix_ns - (NOW + first.began)) < SECOND
        assert second.began_unix_ns > first.began_unix_ns


def clips_of_a_boot_that_never_knew_the_date_do_not_expire_by_it(folder: Path, reel: Path) -> None:
    with works(folder, reel, clock=lambda: WallClock(1_000 * SECOND, known=False)) as house:
        house.watch(12, visit=(4, 9))
    later = WallClock(NOW)
    later.boot_id = "another boot"
    with works(folder, reel, clock=lambda: later) as house:
        house.watch(12, visit=(4, 9))
        assert [clip.id for clip in listed(house.places)] == [1, 2]
        assert not listed(house.places)[0].synchronised


def a_clock_that_jumps_changes_no_order_and_no_length(folder: Path, reel: Path) -> None:
    clock = WallClock()
    steps = (2 * 3600 * SECOND, -3600 * SECOND, 2_145_916_800 * SECOND - NOW, -30 * 365 * DAY)  # one is in 2038
    with works(folder, reel, clock=lambda: clock) as house:
        house.watch(12, visit=(4, 9))
        for step in steps:
            house.watch(3, visit=(1, 2.9))
            clock.set(step, known=False)  # by hand, while the seconds after the visit are recorded
            house.watch(9)
        house.close()
        clips = listed(house.places)
        assert [clip.id for clip in clips] == sorted(clip.id for clip in house.saved())
        assert all(one.began + one.duration_ns <= two.began + 2 * SECOND for one, two in pairwise(clips))
        assert all(clip.duration_ns < 90 * SECOND for clip in clips)


# --- damaged and odd things in the folder


def odd_things_in_the_clips_folder_are_set_aside(folder: Path, reel: Path) -> None:
    with works(folder, reel) as house:
        house.watch(12, visit=(4, 9))
    secret, clips = folder / "secret", house.places.clips
    secret.write_bytes(b"mine")
    os.mkfifo(clips / "000101.mp4")
    os.mkfifo(clips / "000101.json")
    (clips / "000102.mp4").symlink_to(secret)
    (clips / "000103.mp4").mkdir()
    (clips / "000103.mp4" / "in it").write_bytes(b"mine too")
    with (clips / "000104.mp4").open("wb") as sparse:
        sparse.truncate(5 << 30)
    (clips / "000105.part").symlink_to("/dev/zero")
    with works(folder, reel) as house:
        house.watch(12, visit=(4, 9))
        assert listed(house.places)[0].id == 1
    assert secret.read_bytes() == b"mine"
    aside = {path.name for path in house.places.damaged.iterdir()}
    assert {"000101.mp4", "000102.mp4", "000103.mp4", "000104.mp4", "000105.part"} <= aside
    assert (house.places.damaged / "000103.mp4" / "in it").read_bytes() == b"mine too"


def a_lost_index_is_made_anew_row_for_row(folder: Path, reel: Path) -> None:
    with works(folder, reel) as house:
        for _ in range(4):
            house.watch(12, visit=(4, 9))
        with Index.open(house.places) as index:
            index.star(2)
            index.label(3, "vehicle")
            index.drop([1])
    before = listed(house.places)
    for path in house.places.data.glob("index.sqlite*"):
        path.unlink()
    with works(folder, reel):
        assert listed(house.places) == before
        assert [clip.starred for clip in before] == [True, False, False]


def a_damaged_index_is_made_anew_stars_and_all(folder: Path, reel: Path) -> None:
    with works(folder, reel) as house:
        for _ in range(3):
            house.watch(12, visit=(4, 9))
        with Index.open(house.places) as index:
            index.star(2)
    before = listed(house.places)
    data = bytearray(house.places.index.read_bytes())
    data[5000:12000] = bytes(7000)
    house.places.index.write_bytes(data)
    with works(folder, reel) as house:
        assert listed(house.places) == before
        house.watch(12, visit=(4, 9))
    assert [clip.id for clip in listed(house.places)] == [1, 2, 3, 4]
    assert "index.sqlite" in {path.name for path in house.places.damaged.iterdir()}


def a_clip_cut_anywhere_plays_its_whole_fragments(folder: Path, reel: Path) -> None:
    with works(folder / "whole", reel) as house:
        house.watch(12, visit=(1, 11))
    whole = ClipFiles.of(house.places, 1).mp4.read_bytes()
    fragments, dice = _fragments(whole), random.Random(5)
    for number in range(25):
        places = Places(folder / str(number) / "data", folder / str(number) / "run")
        shutil.copytree(folder / "whole" / "data", places.data)
        at = dice.randrange(len(whole))
        ClipFiles.of(places, 1).mp4.write_bytes(whole[:at])
        assert [each.mend for each in check.quick(places)] == [check.Mend.AGAIN]
        assert _repair(places) in (0, 1)
        left = check.violations(places)
        assert left == [], (at, left)
        clip = next(iter(listed(places)), None)
        assert clip is None if at < fragments[1] else clip and clip.size == max(end for end in fragments if end <= at)
        shutil.rmtree(places.data)


def _fragments(whole: bytes) -> list[int]:
    """Where the head and each fragment of a finished clip end: its `mdat`s, and the index at its very end."""
    at, ends = whole.index(b"moov") - 4, []
    while at < len(whole):
        length, name = int.from_bytes(whole[at : at + 4], "big"), whole[at + 4 : at + 8]
        at += length
        if name in (b"mdat", b"moov"):
            ends.append(at)
    return ends


def flipped_bytes_are_found_and_touch_nothing_else(folder: Path, reel: Path) -> None:
    with works(folder, reel) as house:
        for _ in range(3):
            house.watch(12, visit=(4, 9))
    files = ClipFiles.of(house.places, 2)
    data = bytearray(files.mp4.read_bytes())
    data[9000] ^= 1
    files.mp4.write_bytes(data)
    assert check.quick(house.places) == []
    assert [each.clip for each in check.deep(house.places)] == [2]
    assert _repair(house.places, "--deep") == 0
    assert [clip.id for clip in listed(house.places)] == [1, 3]
    assert (house.places.damaged / "000002.mp4").read_bytes() == data


def _repair(places: Places, *options: str) -> int:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return upkeep.main(["check", "--repair", *options, "--data", str(places.data)])


def damaged_indexes(folder: Path, reel: Path, count: int) -> int:
    """Bytes flipped, pages swapped, zeroed, repeated or cut off: rows are right or refused. Returns how many."""
    with works(folder, reel) as house:
        for _ in range(3):
            house.watch(12, visit=(4, 9))
    places = house.places
    true = _many_rows(places)
    whole, dice = places.index.read_bytes(), random.Random(7)
    for number in range(count):
        places.index.write_bytes(_damage(whole, dice, number))
        for end in ("-wal", "-shm"):
            places.index.with_name(places.index.name + end).unlink(missing_ok=True)
        served = _served(places)
        assert served is None or served == true, f"damage {number}: wrong rows were served"
    return count


def _many_rows(places: Places) -> list[Clip]:
    """Rows enough for pages of all kinds; their files are of no matter here."""
    with Index.open(places) as index:
        first = index.clip(1)
        for number in range(100, 400):
            index.add(_like(first, number))
        index.star(1)
        index.drop([2])
        return list(index.clips())


def _like(clip: Clip, number: int) -> Clip:
    text = hashlib.sha256(str(number).encode()).hexdigest()
    made = sidecar.clip_json(clip)
    assert made["id"] == clip.id
    return Clip(
        number, clip.camera, clip.boot_id, clip.began + number, clip.began_unix_ns + number, clip.duration_ns,
        clip.pre_roll_ns, clip.size + number, clip.beside, text, clip.label, (f"e{number}",),
    )  # fmt: skip


def _damage(whole: bytes, dice: random.Random, number: int) -> bytes:
    data, page = bytearray(whole), 4096
    pages = len(data) // page
    one, two = dice.randrange(pages), dice.randrange(pages)
    match number % 6:
        case 0 | 1:
            for _ in range(dice.randint(1, 8)):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case 2:
            data[one * page : (one + 1) * page] = bytes(page)
        case 3:
            data[one * page : (one + 1) * page] = whole[two * page : (two + 1) * page]
        case 4:
            del data[dice.randrange(len(data)) :]
        case 5:
            start = dice.randrange(len(data))
            data[start : start + 512] = dice.randbytes(512)
    return bytes(data)


def _served(places: Places) -> list[Clip] | None:
    try:
        with Index.open(places) as index:
            index.garbage()
            return list(index.clips())
    except CamdError:
        return None


# --- deletion


def nothing_of_a_deleted_clip_is_left(folder: Path, reel: Path) -> None:
    """Every file of camd is looked through: the ledger alone still tells that there was such a clip."""
    with works(folder, reel) as house:
        house.watch(12, visit=(1, 2))
        house.watch(12, visit=(8, 9))
    places, (first, second) = house.places, listed(house.places)
    footage = ClipFiles.of(places, first.id).mp4.read_bytes()[2000:2400]
    _told_of(places, first, ClipFiles.of(places, first.id).mp4.read_bytes())
    _camd(places, "clips", "delete", "1", "--yes")
    assert [clip.id for clip in listed(places)] == [second.id]
    left = [path for each in (places.data, places.run) for path in each.rglob("*") if path.is_file()]
    traces = (first.sha256.encode(), footage, b'e1"', b'"clip":1,', b'"id":1,')
    found = [path.name for path in left for trace in traces if trace in path.read_bytes()]
    assert set(found) == {"ledger.jsonl"}, found
    assert not [path for path in left if path.name.startswith("000001")]


def _told_of(places: Places, clip: Clip, footage: bytes) -> None:
    """Let every room of camd know of the clip: labels, feedback, messages that wait, the copy of a share."""
    _camd(places, "clips", "label", str(clip.id), "animal")
    places.feedback.write_text(json.dumps({"v": 1, "event_id": clip.events[0], "verdict": "correct"}) + "\n")
    told = json.dumps({"v": 1, **sidecar.clip_json(clip)}, separators=(",", ":"))
    with closing(Outbox(places)) as outbox:
        outbox.put([Alert("camd/home/porch/clip", told, retain=False)], "boot", 0, 0)
        outbox.spill(10 * SECOND)
    (places.orders / "1234").mkdir(parents=True)
    (places.orders / "1234" / "clip.mp4").write_bytes(footage)
    for state in ("confirmed", "intent", "sent"):
        ledger.append(places, SystemClock(), f"share-{state}", order="1234", clip=clip.id, to="a friend")


def _camd(places: Places, *words: str) -> None:
    command = [sys.executable, "-m", "camd", *words, "--data", str(places.data)]
    done = subprocess.run(command, cwd=ROOT, env=_env(places), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def a_deletion_outlives_the_index(folder: Path, reel: Path) -> None:
    with works(folder / "one", reel) as house:
        for _ in range(3):
            house.watch(12, visit=(4, 9))
        _camd(house.places, "clips", "delete", "2", "--yes")  # while the recorder runs: it has not looked since
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
            if not _wipe(places, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"):
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


def _wipe(places: Places, *strace: str) -> bool:
    """Run `camd wipe`; True when it was killed."""
    command = ["strace", "-qq", "-f", "-o", "/dev/null", *strace, sys.executable, "-m", "camd", "wipe"]
    run = [*command, "--data", str(places.data)]
    done = subprocess.run(run, cwd=ROOT, input="WIPE\n", text=True, capture_output=True, env=_env(places), check=False)
    return done.returncode != 0


def _next_start(places: Places) -> int:
    """Start camd on it: a camera that ends at once."""
    video = ROOT / "camd" / "fixtures" / "missing.mp4"
    command = [sys.executable, "-m", "camd", "capture", "--data", str(places.data), "--camera", str(video)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env=_env(places), check=False)
    return 0 if done.returncode == 65 else done.returncode  # no such video: it comes after the wipe is finished


def _env(places: Places) -> dict[str, str]:
    return {**os.environ, "RUNTIME_DIRECTORY": str(places.run), "XDG_STATE_HOME": str(places.run / "state")}


QUICK: tuple[Case, ...] = (
    a_full_disk_makes_the_oldest_go,
    a_disk_that_others_filled_is_used_again_when_there_is_room,
    a_quota_makes_the_oldest_go,
    a_process_out_of_descriptors_records_again,
    a_disk_without_files_to_give_makes_the_oldest_go,
    a_disk_that_became_read_only_is_used_again_after_its_repair,
    alerts_go_on_with_a_disk_that_is_read_only_from_the_start,
    an_unmounted_card_is_never_begun_anew,
    a_card_pulled_while_recording_is_not_replaced_by_the_folder_beneath,
    clips_on_a_swapped_card_are_refused,
    a_file_system_without_locks_is_refused_by_name,
    a_file_system_without_fsync_of_folders_is_refused_by_name,
    a_path_with_spaces_unicode_and_a_newline_is_a_path,
    two_recorders_never_share_a_store,
    a_clock_54_years_behind_evicts_nothing_and_is_put_right,
    clips_of_a_boot_that_never_knew_the_date_do_not_expire_by_it,
    a_clock_that_jumps_changes_no_order_and_no_length,
    odd_things_in_the_clips_folder_are_set_aside,
    a_lost_index_is_made_anew_row_for_row,
    a_damaged_index_is_made_anew_stars_and_all,
    a_deletion_outlives_the_index,
    a_clip_cut_anywhere_plays_its_whole_fragments,
    flipped_bytes_are_found_and_touch_nothing_else,
    nothing_of_a_deleted_clip_is_left,
)
