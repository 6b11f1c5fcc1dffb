"""A client that is not ours: python-socketio and requests against a running lpr-server.

    client.py URL MAX_EVENT_BYTES

Every REST call and Socket.IO event of the contract, with its field names; rooms, broadcasts, echo, deduplication, and
what real Python agents send. Ends with exit code 1 and a traceback at the first thing that is not as it should be.
"""

import base64
import json
import math
import sys
import threading
import time

import requests
import socketio

URL = sys.argv[1]
MAX_EVENT_BYTES = int(sys.argv[2])
JPEG_BYTES = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(64))
JPEG = base64.b64encode(JPEG_BYTES).decode()
DEADLINE = 10

RESPONSE = {"success", "message", "camera_id", "checkpoint_id", "timestamp"}
REGISTERED = RESPONSE | {"protocol", "capabilities", "max_event_bytes", "server_time", "store_id", "checkpoint"}
ECHO = {"event_id", "revision"}
STORED = ECHO | {"store_id", "checkpoint"}
NEW_DETECTION = {"detection_id", "camera_id", "checkpoint_id", "vehicles_count", "plates_count", "ocr_results",
                 "timestamp"}
STATISTICS = {"total_detections", "today_detections", "total_health_checks", "today_health_checks", "unique_cameras",
              "active_cameras", "total_cameras", "blacklist_count", "connected_clients", "last_update", "server_status"}


def detection(**changes):
    payload = {
        "type": "detection_result", "camera_id": "camera_001", "checkpoint_id": "checkpoint_001",
        "timestamp": "2024-12-19T10:00:00Z", "vehicles_count": 1, "plates_count": 1, "ocr_results": ["ABC1234"],
        "vehicle_detections": [{"bbox": [100, 100, 200, 200], "confidence": 0.95, "class": "car"}],
        "plate_detections": [{"bbox": [150, 150, 180, 170], "confidence": 0.92, "text": "ABC1234"}],
        "processing_time_ms": 150, "annotated_image": JPEG, "cropped_plates": [JPEG],
    }
    payload.update(changes)
    return {key: value for key, value in payload.items() if value is not ...}


def health(**changes):
    payload = {
        "type": "health_check", "camera_id": "camera_001", "checkpoint_id": "checkpoint_001",
        "timestamp": "2024-12-19T10:00:00Z", "component": "camera", "status": "healthy",
        "message": "Camera working normally",
        "details": {"cpu_usage": 45.2, "memory_usage": 67.8, "disk_usage": 23.1},
    }
    payload.update(changes)
    return {key: value for key, value in payload.items() if value is not ...}


def get(path, **params):
    answer = requests.get(URL + path, params=params, timeout=DEADLINE)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer.json()


def post(path, payload, status=200):
    answer = requests.post(URL + path, data=json.dumps(payload), timeout=DEADLINE,
                           headers={"Content-Type": "application/json"})
    assert answer.status_code == status, (path, answer.status_code, answer.text)
    return answer.json()


def keys(value, expected):
    assert set(value) == set(expected), f"keys {sorted(value)}, expected {sorted(expected)}"


class Client:
    """A connection that remembers everything it hears."""

    def __init__(self, transports=None):
        self.heard = []
        self.changed = threading.Condition()
        self.lost = 0
        self.sio = socketio.Client(reconnection=False)
        self.sio.on("*", self.hear)
        self.sio.on("disconnect", self.lose)
        self.sio.connect(URL, transports=transports, wait_timeout=DEADLINE)

    def hear(self, event, data=None):
        with self.changed:
            self.heard.append((event, data))
            self.changed.notify_all()

    def lose(self, *_):
        self.lost += 1

    def all(self, event):
        with self.changed:
            return [data for name, data in self.heard if name == event]

    def wait(self, event, match=lambda data: True):
        end = time.monotonic() + DEADLINE
        with self.changed:
            while True:
                for name, data in self.heard:
                    if name == event and match(data):
                        return data
                left = end - time.monotonic()
                assert left > 0, f"no {event} in {DEADLINE} s; heard {[name for name, _ in self.heard]}"
                self.changed.wait(left)

    def call(self, event, data=None):
        return self.sio.call(event, data, timeout=DEADLINE)

    def settle(self):
        """After this, everything that was sent to this client before has been heard."""
        self.call("ping", {"type": "test", "message": "settle"})


def rest_calls():
    keys(get("/api/test"), REGISTERED - {"camera_id", "checkpoint_id"})
    assert get("/api/test")["message"] == "Server is running"

    answer = post("/api/cameras/register", {"camera_id": "rest-cam", "checkpoint_id": "gate",
                                            "timestamp": "2024-12-19T10:00:00Z"})
    keys(answer, REGISTERED)
    assert answer["message"] == "Camera registered successfully"
    assert (answer["camera_id"], answer["checkpoint_id"]) == ("rest-cam", "gate")
    assert answer["protocol"] == 2 and {"event_id", "revision"} <= set(answer["capabilities"])
    assert answer["max_event_bytes"] == MAX_EVENT_BYTES
    again = post("/api/cameras/register", {"camera_id": "rest-cam", "checkpoint_id": "gate"})
    assert again["store_id"] == answer["store_id"] and again["checkpoint"] > answer["checkpoint"]

    answer = post("/api/detection", detection(camera_id="rest-cam", checkpoint_id="gate"))
    keys(answer, RESPONSE | {"detection_id"})
    assert answer["message"] == "Detection data received"
    first = answer["detection_id"]

    answer = post("/api/health", health(camera_id="rest-cam", checkpoint_id="gate"))
    keys(answer, RESPONSE | {"health_id"})
    assert answer["message"] == "Health data received"

    answer = get("/api/cameras")
    keys(answer, {"success", "cameras", "total_cameras", "timestamp"})
    camera = next(c for c in answer["cameras"] if c["camera_id"] == "rest-cam")
    keys(camera, {"camera_id", "checkpoint_id", "registered_at", "last_seen", "status", "detection_count", "lost_events",
                  "health_status", "online", "clock_skew_ms", "last_detection", "health"})
    assert (camera["status"], camera["detection_count"], camera["health_status"]) == ("online", 1, "healthy")

    answer = get("/api/records", camera_id="rest-cam")
    keys(answer, {"success", "records", "total_count", "total_count_exact", "returned_count", "next_cursor", "timestamp"})
    assert (answer["total_count"], answer["returned_count"]) == (1, 1)
    record = answer["records"][0]
    sent = detection(camera_id="rest-cam", checkpoint_id="gate", timestamp="2024-12-19T10:00:00.000000+00:00")
    for key, value in sent.items():
        assert record[key] == value, (key, record[key], value)
    assert record["detection_id"] == first and record["received_at"]
    for url in [record["image_url"], record["crop_urls"][0]]:
        picture = requests.get(URL + url, timeout=DEADLINE)
        assert picture.content == JPEG_BYTES and picture.headers["Content-Type"] == "image/jpeg"
    for wrong in ["/images/../lpr-server.db", "/images/..%2f..%2flpr-server.db/frame", f"/images/{first}/..%2fframe"]:
        assert requests.get(URL + wrong, timeout=DEADLINE).status_code == 404, wrong

    answer = get("/api/statistics")
    keys(answer, {"success", "data"})
    assert STATISTICS <= set(answer["data"]), answer
    assert answer["data"]["total_detections"] == 1 and answer["data"]["server_status"] == "running"
    assert answer["data"]["today_detections"] == 0, "it was captured in 2024"


def rest_errors():
    for changes, field in [({"type": ...}, "type"), ({"camera_id": ...}, "camera_id"), ({"timestamp": "soon"}, "timestamp"),
                           ({"camera_id": "x" * 10_000}, "camera_id"), ({"camera_id": "a\nb"}, "camera_id")]:
        answer = post("/api/detection", detection(**changes), status=400)
        keys(answer, {"success", "message", "code", "field"})
        assert (answer["success"], answer["code"], answer["field"]) == (False, "invalid", field), answer
        assert field in answer["message"]
    answer = post("/api/detection", detection(timestamp=..., event_id="e-wrong", revision=3), status=400)
    assert (answer["event_id"], answer["revision"]) == ("e-wrong", 3)
    assert post("/api/health", health(status="fine"), status=400)["field"] == "status"
    assert post("/api/cameras/register", {"checkpoint_id": "x"}, status=400)["field"] == "camera_id"

    json_type = {"Content-Type": "application/json"}
    def raw(data, headers):
        return requests.post(URL + "/api/detection", data=data, headers=headers, timeout=30)
    for body in [b"{", b"", b"[1]", b"\xff"]:
        answer = raw(body, json_type)
        assert answer.status_code == 400 and answer.json()["code"] == "invalid", (body, answer.text)
    assert raw(b"{}", {"Content-Type": "text/plain"}).status_code == 415
    answer = raw(b'{"a":"' + b"x" * (MAX_EVENT_BYTES + 10) + b'"}', json_type)
    assert answer.status_code == 413 and answer.json()["code"] == "too_large", answer.text
    assert requests.get(URL + "/nowhere", timeout=DEADLINE).json()["success"] is False
    assert requests.get(URL + "/api/detection", timeout=DEADLINE).status_code == 405


def socket_events(transports):
    tag = transports[0]
    camera = {"camera_id": f"cam-{tag}", "checkpoint_id": "gate"}
    dashboard, monitor, bystander = Client(), Client(), Client()
    keys(dashboard.call("join_dashboard"), {"message", "timestamp"})
    assert dashboard.wait("status")["message"] == "Joined dashboard room"
    monitor.sio.emit("join_health_room", {"anything": 1})
    assert monitor.wait("status")["message"] == "Joined health monitoring room"

    agent = Client(transports)
    ack = agent.call("camera_register", {**camera, "timestamp": "2024-12-19T10:00:00Z"})
    keys(ack, REGISTERED)
    assert agent.wait("camera_register") == ack
    status = dashboard.wait("camera_status", lambda s: s["camera_id"] == camera["camera_id"])
    keys(status, {"camera_id", "checkpoint_id", "status", "timestamp"})
    assert status["status"] == "online"

    ack = agent.call("lpr_data", detection(**camera, event_id=f"e1-{tag}", revision=0))
    keys(ack, RESPONSE | STORED | {"detection_id"})
    assert ack["event_id"] == f"e1-{tag}" and ack["revision"] == 0 and ack["success"] is True
    assert agent.wait("lpr_response") == ack
    first = ack["detection_id"]
    new = dashboard.wait("new_detection", lambda d: d["detection_id"] == first)
    keys(new, NEW_DETECTION)
    assert (new["vehicles_count"], new["plates_count"], new["ocr_results"]) == (1, 1, ["ABC1234"])
    assert new["timestamp"] == "2024-12-19T10:00:00.000000+00:00"

    # The same event again, by either road: the same answer, no second record, no broadcast.
    for again in [agent.call("lpr_data", detection(**camera, event_id=f"e1-{tag}", revision=0)),
                  post("/api/detection", detection(**camera, event_id=f"e1-{tag}", revision=0))]:
        keys(again, RESPONSE | STORED | {"detection_id", "duplicate"})
        assert again["duplicate"] is True and again["detection_id"] == first
    # A higher revision: the same record, brought up to date.
    update = agent.call("lpr_data", detection(**camera, event_id=f"e1-{tag}", revision=2, ocr_results=["กข 1234"]))
    assert update["detection_id"] == first and "duplicate" not in update and update["revision"] == 2
    told = dashboard.wait("detection_update")
    keys(told, NEW_DETECTION)
    assert told["ocr_results"] == ["กข 1234"] and told["detection_id"] == first
    lower = agent.call("lpr_data", detection(**camera, event_id=f"e1-{tag}", revision=1))
    assert lower["duplicate"] is True and lower["revision"] == 1

    # A record received by REST is broadcast like one by socket.
    by_rest = post("/api/detection", detection(**camera, event_id=f"e2-{tag}"))
    keys(dashboard.wait("new_detection", lambda d: d["detection_id"] == by_rest["detection_id"]), NEW_DETECTION)
    assert len([d for d in dashboard.all("new_detection") if d["camera_id"] == camera["camera_id"]]) == 2
    records = get("/api/records", camera_id=camera["camera_id"])
    assert [r["detection_id"] for r in records["records"]] == [first, by_rest["detection_id"]], "oldest first"
    assert records["records"][0]["ocr_results"] == ["กข 1234"] and records["records"][0]["revision"] == 2

    ack = agent.call("health_status", health(**camera, event_id=f"h1-{tag}", revision=0))
    keys(ack, RESPONSE | STORED | {"health_id"})
    assert agent.wait("health_response") == ack
    update = monitor.wait("health_update", lambda h: h["health_id"] == ack["health_id"])
    keys(update, {"health_id", "camera_id", "checkpoint_id", "component", "status", "message", "timestamp"})
    assert (update["component"], update["status"]) == ("camera", "healthy")
    again = agent.call("health_status", health(**camera, event_id=f"h1-{tag}", revision=0))
    assert again["duplicate"] is True and again["health_id"] == ack["health_id"]
    by_rest = post("/api/health", health(**camera, event_id=f"h2-{tag}", status="CRITICAL"))
    update = monitor.wait("health_update", lambda h: h["health_id"] == by_rest["health_id"])
    assert update["status"] == "error"
    assert len([h for h in monitor.all("health_update") if h["camera_id"] == camera["camera_id"]]) == 2

    pong = agent.call("ping", {"type": "test", "message": "hello", "timestamp": "2024-12-19T10:00:00Z"})
    keys(pong, {"success", "message", "original_message", "timestamp"})
    assert (pong["message"], pong["original_message"]) == ("pong", "hello") and agent.wait("pong") == pong
    assert agent.call("ping")["message"] == "pong"

    # Rooms keep to themselves, and broadcasts carry no pictures.
    for client in [dashboard, monitor, bystander]:
        client.settle()
    assert not bystander.all("new_detection") and not bystander.all("health_update")
    assert not bystander.all("camera_status")
    assert not monitor.all("new_detection") and not dashboard.all("health_update")
    assert JPEG not in json.dumps([dashboard.heard, monitor.heard])

    one_bad_event_never_drops_a_connection(agent, camera, tag)
    agent.sio.disconnect()
    gone = dashboard.wait("camera_status",
                          lambda s: s["camera_id"] == camera["camera_id"] and s["status"] == "offline")
    assert gone["checkpoint_id"] == "gate"
    for client in [dashboard, monitor, bystander]:
        assert client.lost == 0
        client.sio.disconnect()


def one_bad_event_never_drops_a_connection(agent, camera, tag):
    for event, payload, field in [("lpr_data", detection(**{**camera, "camera_id": ...}), "camera_id"),
                                  ("lpr_data", detection(**camera, timestamp="soon"), "timestamp"),
                                  ("health_status", health(**camera, component=...), "component"),
                                  ("camera_register", {"checkpoint_id": "x"}, "camera_id")]:
        ack = agent.call(event, payload)
        keys(ack, {"success", "message", "code", "field"})
        assert (ack["success"], ack["code"], ack["field"]) == (False, "invalid", field), ack
        agent.wait("error", lambda e: e == ack)
    ack = agent.call("lpr_data", detection(**camera, event_id="bad", timestamp=...))
    assert (ack["event_id"], ack["revision"]) == ("bad", 0)
    for nothing in [agent.call("lpr_data"), agent.call("lpr_data", "text"), agent.call("no_such_event", {})]:
        assert nothing["code"] == "invalid", nothing
    box = [math.nan, 1, math.inf, 4]
    ack = agent.call("lpr_data", detection(**camera, plate_detections=[{"bbox": box, "score": 88, "text": "N"}]))
    assert ack["success"] is True
    plate = get("/api/records", camera_id=camera["camera_id"], limit=1)["records"][0]["plate_detections"][0]
    assert plate == {"bbox": None, "confidence": 0.88, "text": "N"}, plate
    if tag == "websocket":
        large = agent.call("lpr_data", detection(**camera, annotated_image="A" * MAX_EVENT_BYTES))
        assert large["code"] == "too_large", large
    agent.settle()
    assert agent.lost == 0 and agent.sio.connected


def a_flood_is_answered_event_by_event():
    agent = Client(["websocket"])
    answers, lock = [], threading.Condition()
    def answered(answer):
        with lock:
            answers.append(answer)
            lock.notify()
    for n in range(60):
        payload = detection(camera_id="flood", event_id=f"flood-{n}", annotated_image=JPEG + "A" * 1_000_000)
        agent.sio.emit("lpr_data", payload, callback=answered)
    with lock:
        assert lock.wait_for(lambda: len(answers) == 60, timeout=60), f"{len(answers)} of 60 answered"
    stored = [a for a in answers if a["success"]]
    told_to_wait = [a for a in answers if not a["success"]]
    for answer in told_to_wait:
        assert answer["code"] == "rate_limited" and answer["retry_after_s"] >= 1, answer
    assert get("/api/records", camera_id="flood", limit=0, images="none")["total_count"] == len(stored) > 0
    assert agent.sio.connected and agent.lost == 0
    agent.sio.disconnect()


def what_python_agents_send():
    camera = {"camera_id": 7, "checkpoint_id": ...}
    answer = post("/api/detection", detection(
        **camera, timestamp=1734602400, ocr_results=json.dumps(["กท 999", {"text": "B"}]),
        vehicle_detections="[]", plate_detections=json.dumps([{"bbox": [1.5, 2, 3, math.nan], "score": 90}]),
        annotated_image="base64_encoded_image", cropped_plates=["", JPEG]))
    assert (answer["camera_id"], answer["checkpoint_id"]) == ("7", "default")
    assert "1 image(s) dropped" in answer["message"], answer
    record = get("/api/records", camera_id="7")["records"][0]
    assert record["ocr_results"] == ["กท 999", "B"] and record["annotated_image"] == ""
    assert record["cropped_plates"] == ["", JPEG] and record["crop_urls"][0] is None
    assert record["timestamp"] == "2024-12-19T10:00:00.000000+00:00"
    assert get("/api/statistics")["data"]["images_dropped"] >= 1

    # The oldest dialect, and a repeat of it by an agent that never reads answers.
    oldest = {"camera_id": "7", "plate_number": "1กก 1234", "confidence": 87, "image_data": "data:image/jpeg;base64," + JPEG,
              "location": "north", "created_at": "2024-12-19 10:00:00"}
    first = post("/api/detection", {**oldest, "timestamp": "2024-12-19T10:00:00Z"})
    again = post("/api/detection", {**oldest, "timestamp": "2024-12-19T10:05:00Z"})
    other = post("/api/detection", {**oldest, "plate_number": "2ขข 9", "timestamp": "2024-12-19T10:00:00Z"})
    assert again["duplicate"] is True and again["detection_id"] == first["detection_id"]
    assert "duplicate" not in other and other["detection_id"] != first["detection_id"]

    # An id is never a path or a room.
    strange = post("/api/detection", detection(camera_id="../../dashboard", event_id="dashboard"))
    picture = get("/api/records", camera_id="../../dashboard")["records"][0]["image_url"]
    assert strange["detection_id"] in picture and ".." not in picture

    assert post("/api/health", health(camera_id=7, details=json.dumps({"cpu_percent": 12}), status="PASS"))["success"]
    assert post("/api/health", health(camera_id=7, details=None, status="WARNING"))["success"]


def record_limits():
    for n in range(25):
        post("/api/detection", detection(camera_id="many", timestamp=1734602400 + n, annotated_image="", cropped_plates=[]))
    def count(**params):
        return get("/api/records", camera_id="many", **params)["returned_count"]
    assert (count(), count(limit=3), count(limit="x"), count(limit=0), count(limit=-1)) == (20, 3, 20, 25, 25)
    answer = get("/api/records", camera_id="many", limit=2)
    assert answer["total_count"] == 25
    assert [r["timestamp"][17:19] for r in answer["records"]] == ["23", "24"]
    assert get("/api/records", checkpoint_id="nowhere")["records"] == []


for step, act in [("REST calls", rest_calls), ("REST errors", rest_errors),
                  ("Socket.IO by websocket", lambda: socket_events(["websocket"])),
                  ("Socket.IO by long polling", lambda: socket_events(["polling"])),
                  ("a flood", a_flood_is_answered_event_by_event),
                  ("what Python agents send", what_python_agents_send), ("record limits", record_limits)]:
    start = time.monotonic()
    act()
    print(f"ok {step} ({time.monotonic() - start:.2f} s)", flush=True)
