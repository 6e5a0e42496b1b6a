"""The command line: one verb, one module, imported when it is called.

Rule: nothing is imported here that a verb does not need, so that `camd notify` never loads numpy.
"""

import importlib
import logging
import sys
from collections.abc import Sequence

from camd import __version__
from camd.errors import CamdError

# verb -> (module, function, what it does); the function takes the arguments after the verb and returns an exit code.
VERBS = {
    "demo": ("camd.demo", "main", "play a recording through the whole house and show each alert"),
    "run": ("camd.run", "main", "watch: capture and notify as children, until Ctrl-C"),
    "replay": ("camd.replay", "main", "run recordings through camd, faster than real time, and score the result"),
    "classify": ("camd.classify", "main", "what the classifier makes of pictures"),
    "learn": ("camd.learn", "main", "learn from your labels; 'report' and 'rollback'"),
    "clips": ("camd.upkeep", "clips", "list, show, export, star and delete your clips"),
    "store": (
        "camd.upkeep",
        "main",
        "check and mend what is kept; 'plan': what goes next; 'wear': what the disk wrote",
    ),
    "wipe": ("camd.upkeep", "wipe", "delete everything that was recorded and learned"),
    "share": ("camd.share.desk", "main", "order one clip to be sent to one recipient"),
    "ledger": ("camd.ledger_desk", "main", "who got what, when and why; 'ledger verify' finds what was changed since"),
    "check": ("camd.settings_check", "main", "check the config file and say everything that is wrong with it"),
    "doctor": ("camd.doctor", "main", "look at all that camd stands on, and say what mends what is not well"),
    "status": ("camd.status", "main", "what runs, mode, guard, cameras, store, and the ledger's head in words"),
    "setup": ("camd.owner_desk", "main", "set the owner's passphrase; '--code': a code to set it with on the page"),
    "mode": ("camd.mode_desk", "main", "show or set home mode: the camera is closed, nobody is watched"),
    "ha": ("camd.alerts.ha_desk", "main", "check what Home Assistant is told, or take camd away from it"),
    "schema": ("camd.schema_desk", "main", "the JSON Schemas of MQTT messages and of the config file"),
    "bench": ("camd.bench", "main", "how fast and how good camd is on this machine, beside yardsticks"),
    "units": ("camd.units", "main", "write what the settings ask of the systemd units"),
    "capture": ("camd.capture", "main", "the camera process (started by 'camd run')"),
    "notify": ("camd.alerts.mqtt", "main", "the MQTT process (started by 'camd run')"),
    "send": ("camd.share.send", "main", "carry out one confirmed share order"),
}

USAGE = """\
usage: camd VERB [OPTION...]

{verbs}

'camd VERB --help' tells more about one. 'camd --version' prints {version}.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; the world's trouble becomes one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage(), end="")
        return 0 if arguments else 64
    if arguments[0] in ("-V", "--version"):
        print(f"camd {__version__}")
        return 0
    verb, *rest = arguments
    if verb not in VERBS:
        print(f"camd: there is no verb '{verb}'. See 'camd --help'.", file=sys.stderr)
        return 64
    return _run(verb, rest)


def _run(verb: str, arguments: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="camd " + verb + ": %(message)s", stream=sys.stderr)
    module, function, _ = VERBS[verb]
    try:
        code: int = getattr(importlib.import_module(module), function)(arguments)
    except CamdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away: `camd replay --json | head -1`
        sys.stderr.close()
        return 0
    return code


def _usage() -> str:
    verbs = "\n".join(f"  {verb:9} {what}" for verb, (_, _, what) in VERBS.items())
    return USAGE.format(verbs=verbs, version=__version__)


if __name__ == "__main__":
    sys.exit(main())
