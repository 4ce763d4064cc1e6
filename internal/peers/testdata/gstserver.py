#!/usr/bin/python3
"""Cameras of GStreamer's RTSP server, for the tests of this package.

    gstserver.py [--port N] [--basic USER:PASSWORD] [--digest USER:PASSWORD] [--tls PEM]

Serves /h264, /h265, /vp8, /vp9, /mjpeg and /multicast on 127.0.0.1. Every picture is encoded
live and says in a bar code (package testvideo, "Bar code") its number modulo 2^16
and the milliseconds since 1970 modulo 2^24 at which it was taken. Below the bar
code it has one colour.

Writes one JSON object per line to standard output: {"event": "listening", "port": N}
first, then what clients do. Ends with standard input, so that it never outlives
whoever started it.
"""

import argparse
import binascii
import json
import os
import socket
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

WIDTH, HEIGHT, FPS = 320, 240, 25
LUMA, CB, CR = 120, 180, 70  # of the picture below the bar code
BAR_HEIGHT, BLOCKS = max(16, HEIGHT // 15), 64

SOURCE = (
    f"appsrc name=src is-live=true format=time do-timestamp=true caps=video/x-raw,format=I420,"
    f"width={WIDTH},height={HEIGHT},framerate={FPS}/1 ! queue max-size-buffers=4 ! "
)
H264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate=800 ! "
PIPELINES = {
    # Parameter sets in the SDP only.
    "/h264": H264 + "rtph264pay name=pay0 pt=96 config-interval=0",
    # Parameter sets in band, before every IDR picture.
    "/multicast": H264 + "rtph264pay name=pay0 pt=96 config-interval=-1",
    "/h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate=800 ! "
    "rtph265pay name=pay0 pt=96 config-interval=-1",
    "/vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=25 target-bitrate=800000 ! rtpvp8pay name=pay0 pt=96",
    "/vp9": "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=25 target-bitrate=800000 lag-in-frames=0 ! "
    "rtpvp9pay name=pay0 pt=96",
    "/mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}


def say(event, **more):
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


def picture(number):
    """One I420 picture, stamped with its number and the time."""
    stamp = (number & 0xFFFF).to_bytes(2, "big") + (int(time.time() * 1000) & 0xFFFFFF).to_bytes(3, "big")
    crc = binascii.crc_hqx(stamp, 0xFFFF).to_bytes(2, "big")
    bits = int.from_bytes(b"\xa6" + stamp + crc, "big")
    block = WIDTH // BLOCKS
    row = b"".join((b"\xeb" if bits >> (BLOCKS - 1 - i) & 1 else b"\x10") * block for i in range(BLOCKS))
    chroma = WIDTH * HEIGHT // 4
    return row * BAR_HEIGHT + bytes([LUMA]) * (WIDTH * (HEIGHT - BAR_HEIGHT)) + bytes([CB]) * chroma + bytes([CR]) * chroma


def feed(source):
    """Pushes pictures at the camera's rate until the pipeline stops."""
    number, due = 0, time.monotonic()
    while source.emit("push-buffer", Gst.Buffer.new_wrapped(picture(number))) == Gst.FlowReturn.OK:
        number += 1
        due += 1 / FPS
        time.sleep(max(0, due - time.monotonic()))


def configure(_factory, media):
    source = media.get_element().get_by_name("src")
    started = []

    def need_data(_source, _length):
        if not started:
            started.append(True)
            threading.Thread(target=feed, args=(source,), daemon=True).start()

    source.connect("need-data", need_data)


def watch(_server, client):
    say("connect")
    for name in ("describe", "play", "teardown"):
        client.connect(name + "-request", lambda _client, context, name=name: say(name, path=context.uri.abspath))
    client.connect("send-message", keep_multicast_here)
    client.connect("closed", lambda _client: say("disconnect"))


def keep_multicast_here(client, _context, _message):
    """Lets a viewer on this machine bind the ports that the server has bound, and
    keeps the packets on it: they would leave by the default route.

    Called before each answer, so before the viewer binds them.
    """
    family = Gio.SocketFamily.IPV4
    for session in client.session_filter(lambda *_: GstRtspServer.RTSPFilterResult.REF):
        for media in session.filter(lambda *_: GstRtspServer.RTSPFilterResult.REF):
            stream = media.get_media().get_stream(0)
            for sock in (stream.get_rtp_multicast_socket(family), stream.get_rtcp_multicast_socket(family)):
                if sock is not None:
                    sock.set_option(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.set_option(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.htonl(0x7F000001))


def permissions():
    p = GstRtspServer.RTSPPermissions.new()
    for right in ("media.factory.access", "media.factory.construct"):
        p.add_permission_for_role("viewer", right, True)
    return p


def protect(server, args):
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "viewer")
    if args.basic:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        user, password = args.basic.split(":", 1)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    if args.digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        user, password = args.digest.split(":", 1)
        auth.add_digest(user, password, token)
    if not args.basic and not args.digest:
        auth.set_default_token(token)
    if args.tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(args.tls))
    server.set_auth(auth)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--basic")
    parser.add_argument("--digest")
    parser.add_argument("--tls")
    args = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    server.connect("client-connected", watch)
    if args.basic or args.digest or args.tls:
        protect(server, args)
    for path, pipeline in PIPELINES.items():
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch("( " + SOURCE + pipeline + " )")
        factory.set_shared(True)
        factory.set_permissions(permissions())
        factory.connect("media-configure", configure)
        if path == "/multicast":
            pool = GstRtspServer.RTSPAddressPool.new()
            pid = os.getpid()  # servers of several tests keep apart
            group, port = f"239.255.{pid >> 8 & 255}.{pid & 255}", 20000 + pid % 2000 * 20
            # Several pairs of ports: one is given back some time after the answer to
            # TEARDOWN, and who comes back before that would get 461.
            pool.add_range(group, group, port, port + 19, 1)
            factory.set_address_pool(pool)
            factory.set_multicast_iface("lo")
        server.get_mount_points().add_factory(path, factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on 127.0.0.1:{args.port}")
    say("listening", port=server.get_bound_port())

    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


main()
