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

# Records fetched with their pictures, at the most.
MOST = 200


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
server_url = {quoted(url)}

[log]
plates = true"""
    )


def check(url, out, what):
    with open(out + "/reads.txt", encoding="utf-8") as lines:
        delivered = sum(line.startswith("read ") for line in lines)
    total = json.loads(get(url + "/api/statistics"))["data"]["total_detections"]
    records = json.loads(get(f"{url}/api/records?limit={MOST}"))["records"]
    # A photo with several plates is one record with several reads; of very many records only the count is looked at.
    stored = sum(len(record["ocr_results"]) for record in records) if total <= MOST else total
    print(f"reads delivered by the agent: {delivered}; stored by the server: {stored} ({total} records)")
    if delivered != stored:
        sys.exit(f"demo: the counts differ: see {out}/agent.log and {out}/server.log")
    if delivered == 0 and what == "some":
        sys.exit(f"demo: no plate was read in the sample: see {out}/agent.log")
    if delivered == 0:
        print("no plate was read in this input")
    print(f"annotated pictures saved: {save_pictures(url, records, out + '/pictures')}")


def save_pictures(url, records, folder):
    os.makedirs(folder, exist_ok=True)
    saved = 0
    for number, record in enumerate(records, 1):
        picture = record.get("annotated_image")
        if not picture:
            continue
        name = re.sub(r"[^\w+-]", "_", "+".join(record["ocr_results"])) or "none"
        with open(f"{folder}/{number:03}_{name}.jpg", "wb") as file:
            file.write(get(url + picture) if picture.startswith("/api/") else base64.b64decode(picture))
        saved += 1
    return saved


if __name__ == "__main__":
    {"wait": wait, "config": config, "check": check}[sys.argv[1]](*sys.argv[2:])
