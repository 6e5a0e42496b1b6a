"""The options that `camd capture` and `camd run` have in common, and the settings with them.

Rule: nothing of cameras or pictures is loaded for that, so that who only starts others stays small.
"""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from camd.config import CameraConfig, Config
from camd.errors import ConfigError, UsageError
from camd.settings_camera import check_source
from camd.settings_kinds import WrongError
from camd.terminal import Parser

EXITS = (
    "exit codes: 0 stopped, or a file has ended; 64 wrong usage; 65 a video that cannot be used; 69 a camera that is "
    "not there; 73 cannot write; 75 another camd holds the data folder; 77 refused by guard.strict; 78 bad config"
)


def parser(prog: str, description: str) -> Parser:
    """Take the options: --config, --data, --camera, --loop."""
    made = Parser(prog=prog, description=description, epilog=EXITS)
    made.add_argument("--config", type=Path, metavar="FILE", help="settings to use instead of the default file")
    made.add_argument("--data", type=Path, metavar="DIR", help="data folder, instead of store.data")
    made.add_argument("--camera", metavar="SOURCE", help="where the pictures come from, instead of camera.source")
    made.add_argument("--loop", action="store_true", help="begin a video file again when it ends")
    return made


def as_wanted(settings: Config, wanted: Namespace) -> Config:
    """The settings with the options of the command line; raises ConfigError for a camera without a source."""
    if settings.cameras and wanted.camera:
        raise UsageError("camd: --camera SOURCE is for one camera, and the config has several. Give another --config.")

    def camera(given: CameraConfig) -> CameraConfig:
        return replace(given, source=_source(wanted.camera) or given.source, loop=wanted.loop or given.loop)

    cameras = tuple(replace(one, camera=camera(one.camera)) for one in settings.cameras)
    made = replace(settings, camera=camera(settings.camera), cameras=cameras)
    if not made.cameras and not made.camera.source:
        raise ConfigError("there is no camera yet. Set camera.source in the config, or give --camera FILE.")
    return made


def _source(given: str | None) -> str:
    """What was given on the command line, held to the same rules as the config."""
    try:
        return check_source(given) if given else ""
    except WrongError as error:
        raise ConfigError(f"--camera: {error.what}. got {error.got}. want {error.want or 'a source'}.") from error
