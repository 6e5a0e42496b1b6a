"""An RTSP camera for tests: GStreamer's own server, run by the system's Python (which has its bindings).

Prints its port and serves until it is killed: a moving ball over noise, H.264 with a key picture a second.
"""

import argparse
import re
import signal
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def main() -> None:
    """Serve."""
    wanted = _wanted()
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(wanted.host)
    server.set_service(str(wanted.port))
    mounts = server.get_mount_points()
    mounts.add_factory("/main", _stream(wanted, wanted.size))
    mounts.add_factory("/small", _stream(wanted, "320x240"))
    if wanted.password:
        server.set_auth(_auth(wanted))
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--codec", choices=["h264", "h265", "jpeg"], default="h264")
    parser.add_argument("--username", default="camera")
    parser.add_argument("--password", default="")
    parser.add_argument("--basic", action="store_true")
    return parser.parse_args()


def _stream(wanted: argparse.Namespace, size: str) -> "GstRtspServer.RTSPMediaFactory":
    width, height = size.split("x")
    fast = f"tune=zerolatency speed-preset=ultrafast key-int-max={wanted.fps}"
    encoders = {
        "h264": f"x264enc {fast} sliced-threads=false ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1",
        "h265": f"x265enc {fast} ! rtph265pay name=pay0 pt=96",
        "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
    }
    caps = f"capsfilter name=size caps={_caps(width, height, wanted.fps)}"
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(f"( videotestsrc is-live=true pattern=ball ! {caps} ! {encoders[wanted.codec]} )")
    factory.set_shared(True)
    factory.connect("media-configure", lambda _, media: _resize_on_signal(factory, media, wanted.fps))
    if wanted.password:
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role("owner", "media.factory.access", True)
        permissions.add_permission_for_role("owner", "media.factory.construct", True)
        factory.set_permissions(permissions)
    return factory


def _caps(width: object, height: object, fps: int) -> str:
    return f"video/x-raw,width={width},height={height},framerate={fps}/1,format=I420"


def _resize_on_signal(factory: Any, media: "GstRtspServer.RTSPMedia", fps: int) -> None:
    """A picture of another size in the middle of the stream, and from then on, when SIGUSR1 comes."""
    size, smaller = media.get_element().get_child_by_name("size"), _caps(320, 240, fps)

    def resize() -> bool:
        size.set_property("caps", Gst.Caps.from_string(smaller))
        factory.set_launch(re.sub(r"caps=\S+", f"caps={smaller}", factory.get_launch()))
        return True

    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, resize)


def _auth(wanted: argparse.Namespace) -> "GstRtspServer.RTSPAuth":
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "owner")
    if wanted.basic:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(wanted.username, wanted.password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(wanted.username, wanted.password, token)
    return auth


if __name__ == "__main__":
    main()
