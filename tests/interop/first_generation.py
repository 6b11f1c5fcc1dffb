"""A server of the first generation (PROTOCOL 3.1): Flask-SocketIO as those servers use it, everything in memory.

Its faults are the framework's own where they can be: the event sent before CONNECT, empty acks, no ack after an exception,
the silent end of a connection by a message over 1,000,000 bytes. Run it with a port; `GET /stored` gives all it has stored.
"""

import datetime
import json
import sys
import threading
import uuid

from flask import Flask, jsonify, request
from flask_socketio import SocketIO, emit, join_room

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading", cors_allowed_origins="*")
lock = threading.Lock()
cameras = {}  # by camera_id; value: how it was registered, and by which socket
stored = []


def now():
    return datetime.datetime.now().isoformat()


def keep(via, data):
    record = {"via": via, "id": str(uuid.uuid4()), "data": data}
    with lock:
        stored.append(record)
    return record["id"]


def check(data, fields):
    for field in fields:
        if not data.get(field):
            raise ValueError(f"Missing required field: {field}")


DETECTION = ["type", "camera_id", "checkpoint_id", "timestamp"]
HEALTH = DETECTION + ["component", "status"]


@app.get("/api/test")
def test():
    return jsonify(success=True, message="Server is running", timestamp=now())


@app.get("/api/statistics")
def statistics():
    today = datetime.date.today()
    # One bad timestamp and this fails for ever.
    days = [datetime.datetime.fromisoformat(r["data"]["timestamp"]).date() for r in stored]
    return jsonify(success=True, data={"total_detections": len(days), "today_detections": days.count(today)})


@app.get("/stored")
def all_stored():
    return jsonify(stored)


def rest(kind, fields, id_name):
    try:
        data = request.get_json()
        check(data, fields)
        answer = {"success": True, "message": f"{kind} data received", id_name: keep("rest", data), "timestamp": now()}
        return jsonify(answer)
    except Exception as error:  # malformed JSON and content type included
        return jsonify(success=False, message=str(error)), 500


@app.post("/api/detection")
def detection():
    return rest("Detection", DETECTION, "detection_id")


@app.post("/api/health")
def health():
    return rest("Health", HEALTH, "health_id")


@app.post("/api/cameras/register")
def register():
    data = request.get_json()
    cameras[data["camera_id"]] = {"by": "rest"}
    return jsonify(success=True, message="Camera registered successfully", camera_id=data["camera_id"],
                   checkpoint_id=data["checkpoint_id"], timestamp=now())


@socketio.on("connect")
def connect():
    emit("connect", {"message": "Connected to server"})


@socketio.on("disconnect")
def disconnect(*_):
    for camera, entry in list(cameras.items()):
        if entry.get("sid") == request.sid:
            del cameras[camera]


@socketio.on("camera_register")
def camera_register(data):
    try:
        check(data, ["camera_id", "checkpoint_id"])
        entry = cameras.setdefault(data["camera_id"], {"by": "socket"})
        if entry["by"] == "socket":
            entry["sid"] = request.sid
        emit("camera_register", {"success": True, "message": "Camera registered successfully", "camera_id": data["camera_id"],
                                 "checkpoint_id": data["checkpoint_id"], "timestamp": now()})
    except ValueError as error:
        emit("error", {"message": str(error)})


def by_socket(data, fields, answer, id_name):
    try:
        check(data, fields)
        record = keep("socket", data)
        if cameras[data["camera_id"]]["sid"] != request.sid:  # KeyError for a camera first registered by REST
            raise ValueError("Camera belongs to another connection")
        emit(answer, {"success": True, "message": "Data received", id_name: record, "camera_id": data["camera_id"],
                      "checkpoint_id": data["checkpoint_id"], "timestamp": now()})
    except (KeyError, ValueError) as error:
        emit("error", {"message": str(error)})


@socketio.on("lpr_data")
def lpr_data(data):
    by_socket(data, DETECTION, "lpr_response", "detection_id")


@socketio.on("health_status")
def health_status(data):
    by_socket(data, HEALTH, "health_response", "health_id")


@socketio.on("ping")
def ping(data):
    emit("pong", {"success": True, "message": "pong", "original_message": data.get("message"), "timestamp": now()})


@socketio.on("join_dashboard")
def join_dashboard():
    join_room("dashboard")
    emit("status", {"message": "Joined dashboard room", "timestamp": now()})


if __name__ == "__main__":
    socketio.run(app, host="127.0.0.1", port=int(sys.argv[1]), allow_unsafe_werkzeug=True)
