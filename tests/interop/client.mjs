// A client that is not ours: the official socket.io-client against a running lpr-server.
//
//     client.mjs URL
//
// Every Socket.IO event of the contract with its field names, rooms, broadcasts and echo, by each transport.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_PATH_FOR_TESTS}/`);
const { io } = require("socket.io-client");

const url = process.argv[2];
const DEADLINE = 10_000;
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]).toString("base64");

const RESPONSE = ["success", "message", "camera_id", "checkpoint_id", "timestamp"];
const ECHO = ["event_id", "revision"];
const STORED = [...ECHO, "store_id", "checkpoint"];
const NEW_DETECTION = [
  "detection_id", "camera_id", "checkpoint_id", "vehicles_count", "plates_count", "ocr_results", "timestamp",
];

function keys(value, expected) {
  assert.deepEqual(Object.keys(value).sort(), [...expected].sort());
}

class Client {
  constructor(transports) {
    this.heard = [];
    this.waiting = [];
    this.lost = 0;
    this.socket = io(url, { transports, reconnection: false, forceNew: true });
    this.socket.onAny((event, data) => {
      this.heard.push([event, data]);
      this.waiting = this.waiting.filter((look) => !look());
    });
    this.socket.on("disconnect", () => (this.lost += 1));
    this.connected = new Promise((resolve, reject) => {
      this.socket.on("connect", resolve);
      this.socket.on("connect_error", reject);
    });
  }

  wait(event, match = () => true) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${event}; heard ${this.heard.map(([name]) => name)}`)), DEADLINE);
      const look = () => {
        const found = this.heard.find(([name, data]) => name === event && match(data));
        if (!found) return false;
        clearTimeout(timer);
        resolve(found[1]);
        return true;
      };
      if (!look()) this.waiting.push(look);
    });
  }

  call(event, ...data) {
    return this.socket.timeout(DEADLINE).emitWithAck(event, ...data);
  }

  all(event) {
    return this.heard.filter(([name]) => name === event).map(([, data]) => data);
  }
}

async function conversation(transports) {
  const tag = transports.join("+");
  const camera = { camera_id: `js-${tag}`, checkpoint_id: "js" };
  const mine = (data) => data.camera_id === camera.camera_id;
  const agent = new Client(transports);
  const dashboard = new Client(["websocket"]);
  const monitor = new Client(["websocket"]);
  await Promise.all([agent.connected, dashboard.connected, monitor.connected]);

  const joined = await dashboard.call("join_dashboard");
  keys(joined, ["message", "timestamp"]);
  assert.deepEqual(await dashboard.wait("status"), joined);
  assert.equal((await monitor.call("join_health_room", {})).message, "Joined health monitoring room");

  const registered = await agent.call("camera_register", { ...camera, timestamp: new Date().toISOString() });
  keys(registered, [...RESPONSE, "protocol", "capabilities", "max_event_bytes", "server_time", "store_id", "checkpoint"]);
  assert.deepEqual(await agent.wait("camera_register"), registered);
  assert.equal((await dashboard.wait("camera_status", mine)).status, "online");

  const detection = {
    ...camera, type: "detection_result", timestamp: Date.now(), vehicles_count: 1, plates_count: 1,
    ocr_results: ["กข 1234"], vehicle_detections: [{ bbox: [1, 2, 3, 4], confidence: 0.9, class: "car" }],
    plate_detections: [{ bbox: [1, 2, 3, 4], confidence: 0.9, text: "กข 1234" }], annotated_image: jpeg,
    cropped_plates: [jpeg], event_id: `js-event-${tag}`, revision: 0,
  };
  const first = await agent.call("lpr_data", detection);
  keys(first, [...RESPONSE, ...STORED, "detection_id"]);
  assert.deepEqual(await agent.wait("lpr_response"), first);
  const told = await dashboard.wait("new_detection", mine);
  keys(told, NEW_DETECTION);
  assert.deepEqual(told.ocr_results, ["กข 1234"]);
  const again = await agent.call("lpr_data", detection);
  assert.equal(again.duplicate, true);
  assert.equal(again.detection_id, first.detection_id);
  await agent.call("lpr_data", { ...detection, revision: 1 });
  keys(await dashboard.wait("detection_update", mine), NEW_DETECTION);
  assert.equal(dashboard.all("new_detection").filter(mine).length, 1);

  const report = {
    ...camera, type: "health_check", timestamp: Date.now() / 1000, component: "camera", status: "warning",
    message: "lens dirty", details: null, event_id: `js-health-${tag}`, revision: 0,
  };
  const health = await agent.call("health_status", report);
  keys(health, [...RESPONSE, ...STORED, "health_id"]);
  assert.deepEqual(await agent.wait("health_response"), health);
  keys(await monitor.wait("health_update", mine),
    ["health_id", "camera_id", "checkpoint_id", "component", "status", "message", "timestamp"]);
  assert.equal(monitor.all("new_detection").length, 0);

  const pong = await agent.call("ping", { type: "test", message: "hello" });
  keys(pong, ["success", "message", "original_message", "timestamp"]);
  assert.equal(pong.original_message, "hello");
  assert.equal((await agent.call("ping")).message, "pong");

  const refused = await agent.call("lpr_data", { ...detection, event_id: "js-bad", timestamp: "soon" });
  keys(refused, ["success", "message", "code", "field", ...ECHO]);
  assert.equal(refused.field, "timestamp");
  assert.deepEqual(await agent.wait("error"), refused);
  // A binary event is none of the contract's; it must not hurt either.
  const binary = await agent.call("lpr_data", { ...detection, event_id: `js-bin-${tag}`, annotated_image: Buffer.from([1]) });
  assert.match(binary.message, /1 image\(s\) dropped/);
  assert.equal((await agent.call("ping")).message, "pong");
  assert.equal(agent.lost, 0);

  agent.socket.disconnect();
  assert.equal((await dashboard.wait("camera_status", (s) => mine(s) && s.status === "offline")).checkpoint_id, "js");
  dashboard.socket.disconnect();
  monitor.socket.disconnect();
  console.log(`ok the conversation by ${tag}`);
}

async function otherNamespaceIsRefused() {
  const socket = io(`${url}/admin`, { transports: ["websocket"], reconnection: false });
  const error = await new Promise((resolve) => socket.on("connect_error", resolve));
  assert.equal(error.message, "Invalid namespace");
  socket.close();
  console.log("ok another namespace is refused");
}

await conversation(["websocket"]);
await conversation(["polling"]);
await conversation(["polling", "websocket"]);
await otherNamespaceIsRefused();
