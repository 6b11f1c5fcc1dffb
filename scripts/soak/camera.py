#!/usr/bin/python3
"""A network camera on loopback that shows a folder's pictures over and over; it is there to be killed.

    camera.py http|rtsp PORT FOLDER FPS

http: motion JPEG at /, in Python's standard library alone; rtsp: H.264 at /live, with Debian's GStreamer.
"""

import http.server
import itertools
import pathlib
import sys
import time


def pictures(folder):
    files = [path.read_bytes() for path in sorted(pathlib.Path(folder).glob("frame_*.jpg"))]
    if not files:
        sys.exit(f"{folder}: no frame_….jpg in it; lpr-agent simulate makes them")
    return itertools.cycle(files)


def serve_http(port, folder, fps):
    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            due = time.monotonic()
            for picture in pictures(folder):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + picture + b"\r\n")
                except OSError:
                    return
                due = max(due + 1 / fps, time.monotonic() - 1)
                time.sleep(max(0, due - time.monotonic()))

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Camera).serve_forever()


def serve_rtsp(port, folder, fps):
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    def configure(_, media):
        source, shown = media.get_element().get_child_by_name("pictures"), pictures(folder)
        push = lambda: source.emit("push-buffer", Gst.Buffer.new_wrapped(next(shown))) == Gst.FlowReturn.OK
        GLib.timeout_add(round(1000 / fps), push)

    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=pictures is-live=true do-timestamp=true format=time caps=image/jpeg,framerate={fps}/1"
        " ! jpegdec ! videoconvert ! video/x-raw,format=I420"
        f" ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=6000 key-int-max={fps} threads=1"
        " ! rtph264pay name=pay0 config-interval=1 )"
    )
    factory.set_shared(True)
    factory.connect("media-configure", configure)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    server.get_mount_points().add_factory("/live", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {port}")
    GLib.MainLoop().run()


if __name__ == "__main__":
    kind, port, folder, fps = sys.argv[1:]
    {"http": serve_http, "rtsp": serve_rtsp}[kind](int(port), folder, int(fps))
