//! Every Socket.IO event and room of the contract (PROTOCOL 1.2), with two connections: a viewer in both rooms and a
//! camera.

use super::LIMIT;
use super::payloads::TestCamera;
use super::report::Report;
use super::rest_checks::{has, ok, text};
use crate::uplink::Endpoint;
use crate::uplink::rest::RestClient;
use crate::uplink::socket::{Dial, SocketClient, SocketEvent};
use crate::wire::answer::Registered;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

/// Two connections to one server.
pub(super) struct Sockets {
    viewer: SocketClient,
    device: SocketClient,
    camera: TestCamera,
    protocol_2: bool,
}

impl Sockets {
    pub(super) async fn connect(endpoint: &Endpoint, dial: &Dial, report: &mut Report) -> Option<Self> {
        let connect = || async { SocketClient::connect(endpoint, dial).await.map_err(|e| e.to_string()) };
        let viewer = report.check("Socket.IO connection, confirmed by CONNECT", connect()).await?;
        let device = report.check("Socket.IO second connection", connect()).await?;
        let camera = TestCamera::new("test-client-socket").ok()?;
        Some(Self { viewer, device, camera, protocol_2: false })
    }

    pub(super) async fn run(mut self, rest: &RestClient, report: &mut Report) {
        self.rooms(report).await;
        self.registration(report).await;
        self.ping(report).await;
        self.detection(report).await;
        self.health(report).await;
        self.rest_is_broadcast(rest, report).await;
        self.repeat(report).await;
        self.fault(report).await;
        let Self { mut viewer, device, .. } = self;
        device.close().await;
        report
            .check("camera_status offline reaches the dashboard", async {
                heard(&mut viewer, "camera_status", |b| mine(b) && b["status"] == "offline").await.map(drop)
            })
            .await;
        viewer.close().await;
    }

    async fn rooms(&mut self, report: &mut Report) {
        for (event, room) in [("join_dashboard", "dashboard"), ("join_health_room", "health")] {
            report
                .check(&format!("{event} → status"), async {
                    said(&mut self.viewer, event, None).await?;
                    let status = heard(&mut self.viewer, "status", |_| true).await?;
                    let message = text(&status, "message")?;
                    has(&status, &["timestamp"])?;
                    if message.contains(room) { Ok(()) } else { Err(format!("the status says \"{message}\"")) }
                })
                .await;
        }
    }

    async fn registration(&mut self, report: &mut Report) {
        let answer = report
            .check("camera_register → camera_register", async {
                said(&mut self.device, "camera_register", Some(self.camera.registration())).await?;
                let answer = agreed(heard(&mut self.device, "camera_register", |_| true).await?)?;
                has(&answer, &["message", "camera_id", "checkpoint_id", "timestamp"])?;
                Ok(answer)
            })
            .await;
        self.protocol_2 = answer.is_some_and(|answer| Registered::parse(&answer).peer.echoes());
        report
            .check("camera_status online reaches the dashboard", async {
                heard(&mut self.viewer, "camera_status", |b| mine(b) && b["status"] == "online").await.map(drop)
            })
            .await;
    }

    async fn ping(&mut self, report: &mut Report) {
        report
            .check("ping → pong", async {
                said(&mut self.device, "ping", Some(json!({"type": "test", "message": "hello"}))).await?;
                let pong = heard(&mut self.device, "pong", |_| true).await?;
                has(&pong, &["success", "message", "original_message", "timestamp"])
            })
            .await;
    }

    async fn detection(&mut self, report: &mut Report) {
        let id = report
            .check("lpr_data → lpr_response", async {
                said(&mut self.device, "lpr_data", Some(self.camera.detection("TEST2")?)).await?;
                let answer = agreed(heard(&mut self.device, "lpr_response", |_| true).await?)?;
                has(&answer, &["message", "camera_id", "checkpoint_id", "timestamp"])?;
                text(&answer, "detection_id")
            })
            .await;
        report
            .check("new_detection reaches the dashboard, without pictures", async {
                let found =
                    heard(&mut self.viewer, "new_detection", |b| id.is_none() || b["detection_id"] == json!(id));
                let broadcast = found.await?;
                let fields =
                    ["camera_id", "checkpoint_id", "vehicles_count", "plates_count", "ocr_results", "timestamp"];
                has(&broadcast, &fields)?;
                let pictures = broadcast.get("annotated_image").or(broadcast.get("cropped_plates"));
                if pictures.is_some() { Err("it carries pictures".into()) } else { Ok(()) }
            })
            .await;
    }

    async fn health(&mut self, report: &mut Report) {
        let id = report
            .check("health_status → health_response", async {
                said(&mut self.device, "health_status", Some(self.camera.health())).await?;
                let answer = agreed(heard(&mut self.device, "health_response", |_| true).await?)?;
                has(&answer, &["message", "camera_id", "checkpoint_id", "timestamp"])?;
                text(&answer, "health_id")
            })
            .await;
        report
            .check("health_update reaches the health room", async {
                let found = heard(&mut self.viewer, "health_update", |b| id.is_none() || b["health_id"] == json!(id));
                has(&found.await?, &["camera_id", "checkpoint_id", "component", "status", "message", "timestamp"])
            })
            .await;
    }

    async fn rest_is_broadcast(&mut self, rest: &RestClient, report: &mut Report) {
        report
            .check("a detection by REST reaches the dashboard too", async {
                let camera = TestCamera::new("test-client-rest").map_err(|error| error.to_string())?;
                let body = ok(rest.post("/api/detection", &camera.detection("TEST3")?).await)?;
                let id = text(&body, "detection_id")?;
                heard(&mut self.viewer, "new_detection", |b| b["detection_id"] == json!(id)).await.map(drop)
            })
            .await;
    }

    async fn repeat(&mut self, report: &mut Report) {
        let name = "the same event again is one record";
        if !self.protocol_2 {
            return report.skip(name, "this server does not speak protocol 2");
        }
        report
            .check(name, async {
                let event = self.camera.detection("TEST4")?;
                let mut ids = Vec::new();
                for duplicate in [false, true] {
                    said(&mut self.device, "lpr_data", Some(event.clone())).await?;
                    let answer = agreed(heard(&mut self.device, "lpr_response", |_| true).await?)?;
                    if answer["event_id"] != event["event_id"] || answer["revision"] != event["revision"] {
                        return Err("the answer does not echo event_id and revision".into());
                    }
                    if answer["duplicate"].as_bool().unwrap_or(false) != duplicate {
                        return Err(format!("duplicate is {} where {duplicate} was due", answer["duplicate"]));
                    }
                    ids.push(text(&answer, "detection_id")?);
                }
                if ids[0] == ids[1] { Ok(()) } else { Err("two detection_ids for one event".into()) }
            })
            .await;
    }

    async fn fault(&mut self, report: &mut Report) {
        report
            .check("lpr_data without ids and type → error", async {
                said(&mut self.device, "lpr_data", Some(json!({"ocr_results": []}))).await?;
                has(&heard(&mut self.device, "error", |_| true).await?, &["message"])
            })
            .await;
    }
}

/// The socket breaks after an event was handed to it and before its answer; REST delivers the same event.
pub(super) async fn failover(endpoint: &Endpoint, dial: &Dial, rest: &RestClient, report: &mut Report) {
    let Ok(camera) = TestCamera::new("test-client-failover") else { return };
    report
        .check("the socket fails, REST delivers the same event", async {
            let event = camera.detection("TEST5")?;
            // Where there is no socket at all, it has failed already.
            if let Ok(mut socket) = SocketClient::connect(endpoint, dial).await {
                said(&mut socket, "camera_register", Some(camera.registration())).await?;
                heard(&mut socket, "camera_register", |_| true).await?;
                said(&mut socket, "lpr_data", Some(event.clone())).await?;
                socket.close().await;
            }
            let answer = ok(rest.post("/api/detection", &event).await)?;
            text(&answer, "detection_id")?;
            let path = "/api/records?limit=0&camera_id=test-client-failover&checkpoint_id=test-client";
            let body = ok(rest.get(path).await)?;
            let same = |record: &&Value| record["event_id"] == event["event_id"];
            let stored = body["records"].as_array().map_or(0, |records| records.iter().filter(same).count());
            match stored {
                1 => Ok(()),
                0 => Err("it is not among the records".into()),
                many if answer.get("event_id").is_some() => Err(format!("it is stored {many} times")),
                // An old server does not know repeats: at least once is all it can give.
                _ => Ok(()),
            }
        })
        .await;
}

fn mine(broadcast: &Value) -> bool {
    broadcast["camera_id"] == "test-client-socket" && broadcast["checkpoint_id"] == "test-client"
}

fn agreed(answer: Value) -> Result<Value, String> {
    if answer["success"] == true {
        return Ok(answer);
    }
    Err(format!("no success:true: {}", answer["message"].as_str().unwrap_or("no message")))
}

async fn said(socket: &mut SocketClient, event: &str, argument: Option<Value>) -> Result<(), String> {
    let argument = argument.map(|argument| argument.to_string());
    socket.emit(event, argument.as_deref(), LIMIT).await
}

/// The next event of this name that is the wanted one; an `error` instead ends the wait.
async fn heard(socket: &mut SocketClient, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match timeout_at(deadline, socket.next()).await {
            Ok(SocketEvent::Event { name: heard, payload }) if heard == name && wanted(&payload) => return Ok(payload),
            Ok(SocketEvent::Event { name, payload }) if name == "error" => {
                return Err(format!(
                    "the server answers error: {}",
                    payload["message"].as_str().unwrap_or("no message")
                ));
            }
            Ok(SocketEvent::Closed(reason)) => return Err(format!("the connection is over: {reason}")),
            Ok(_) => {}
            Err(_) => return Err(format!("no {name} within {} s", LIMIT.as_secs())),
        }
    }
}
