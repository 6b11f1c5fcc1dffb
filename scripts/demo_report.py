"""The demo's talk with the server, in Python's standard library alone.

wait URL PID          until the server answers
config INPUT URL OUT  prints the agent's configuration
check URL OUT WHAT    the server's count against the agent's lines, and the annotated pictures; WHAT is "some" where
                      no read at all is a failure
"""

import base64
import json
import os
import re
import sys
import time
import urllib.request


def get(url):
    # 127.0.0.1 is never behind a proxy, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return answer.read()


def wait(url, pid):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            get(url + "/api/test")
            return
        except OSError:
            os.kill(int(pid), 0)
            time.sleep(0.1)
    sys.exit("no answer within 20 s")


def config(source, url, out):
    def quoted(text):
        return json.dumps(text, ensure_ascii=False)

    print(
        f"""camera_id = "camera_001"
checkpoint_id = "checkpoint_001"
data_dir = {quoted(out + "/agent")}

[[camera]]
id = "camera_001"
source = {quoted(source)}

[models]
dir = "models"

[uplink]
server_url = {quoted(url)}"""
    )


def check(url, out, what):
    with open(out + "/reads.txt", encoding="utf-8") as lines:
        reads = sum(line.startswith("read ") for line in lines)
    stored = json.loads(get(url + "/api/statistics"))["data"]["total_detections"]
    print(f"delivered by the agent: {reads}; stored by the server: {stored}")
    if reads != stored:
        sys.exit(f"demo: the counts differ: see {out}/agent.log and {out}/server.log")
    if reads == 0 and what == "some":
        sys.exit(f"demo: no plate was read in the sample: see {out}/agent.log")
    if reads == 0:
        print("no plate was read in this input")
    print(f"{save_pictures(url, out)} annotated pictures saved")


def save_pictures(url, out):
    folder = out + "/pictures"
    os.makedirs(folder, exist_ok=True)
    saved = 0
    for number, record in enumerate(json.loads(get(url + "/api/records?limit=200"))["records"], 1):
        picture = record.get("annotated_image")
        if not picture:
            continue
        plates = "+".join(str(text) for text in record.get("ocr_results") or ["none"])
        name = re.sub(r"[^\w+-]", "_", plates)
        with open(f"{folder}/{number:03}_{name}.jpg", "wb") as file:
            file.write(get(url + picture) if picture.startswith("/api/") else base64.b64decode(picture))
        saved += 1
    return saved


if __name__ == "__main__":
    {"wait": wait, "config": config, "check": check}[sys.argv[1]](*sys.argv[2:])
