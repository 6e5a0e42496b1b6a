"""Clips in Chromium: they play, have their length, and the seek bar works; cut-off and strange ones too."""

import html
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from camd.config import RecordConfig
from camd.model import SECOND, Clip
from camd.store.files import ClipFiles
from tests.clips.streams import read, recorded, strange
from tests.faults.mounts import NotHereError
from tests.faults.reels import WALKER
from tests.worlds import places, shelf

SETTINGS = RecordConfig(pre_roll=SECOND, post_roll=SECOND, max_length=3600 * SECOND)
NOTHING = "nothing"  # happened in the page so far
_PAGE = """<video id=v muted preload=auto></video><pre id=o>%s</pre><script>
const v = document.getElementById('v'), o = document.getElementById('o')
v.onerror = () => o.textContent = 'error ' + (v.error && v.error.message)
v.onloadedmetadata = () => {
  v.onseeked = () => o.textContent = [v.duration, v.seekable.end(0), v.currentTime, v.readyState].join(' ')
  v.currentTime = 0.7 * v.duration
}
v.src = '%s'
</script>"""


def clips_play(folder: Path) -> tuple[int, list[str]]:
    """Try the clips of every strange stream; returns how many there were, and what was wrong."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise NotHereError("there is no chromium (apt install chromium)")
    tried, wrong = 0, []
    for name, reel in strange(read(WALKER), folder).items():
        home = folder / name.replace(" ", "-")
        with shelf(home) as on:
            clips = recorded(reel, on, SETTINGS)
        for clip in clips:
            tried += 1
            fault = _fault(browser, ClipFiles.of(places(home), clip.id).mp4, clip)
            wrong += [f"{name}, clip {clip.id}: {fault}"] if fault else []
    return tried, wrong


def _fault(browser: str, path: Path, clip: Clip) -> str:
    told = next((told for _ in range(3) if (told := _shown(browser, path)) != NOTHING), NOTHING)  # it may be busy
    numbers = re.fullmatch(r"([\d.]+) ([\d.]+) ([\d.]+) (\d)", told)
    if numbers is None:
        return told
    length, seekable, at, ready = map(float, numbers.groups())
    wanted = clip.duration_ns / SECOND
    well = abs(length - wanted) <= max(0.6, 0.02 * wanted) and seekable == length and abs(at - 0.7 * length) < 0.1
    return "" if well and ready >= 2 else told


def _shown(browser: str, path: Path) -> str:
    """What the page says: length, end of the seek bar, where it stands after a seek to 70 %, and its readiness."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(_PAGE % (NOTHING, path.as_uri()), encoding="utf-8")
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--timeout=10000"]
        command = [browser, *options, f"--user-data-dir={folder}/profile", "--virtual-time-budget=8000", "--dump-dom"]
        done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=False)
    found = re.search(r'<pre id="o">(.*?)</pre>', done.stdout)
    return html.unescape(found[1]) if found else f"chromium ended with {done.returncode}"
