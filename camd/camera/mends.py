"""How a camera that gives nothing may be mended, in words, for errors that have several causes and can tell none."""

from typing import Final

SILENT: Final = "Has it power, and does its cable or its network hold?"
MUTE: Final = "Is camera.source right, and does it show pictures elsewhere? Starting the camera again may help."
ENDED: Final = "Did it restart, or do too many programs watch it?"
