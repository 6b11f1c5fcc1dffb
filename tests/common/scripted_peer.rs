//! A server of the first generation, or worse, as a script wants it: answers without echoes, or not at all.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// What the socket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketScript {
    /// There is none.
    Absent,
    /// Answers as the first generation does.
    Answers,
    /// Registers cameras and takes events, and never says a word about them.
    Silent,
    /// As `Answers`, but never hears the first `camera_register` of a connection, as a server that is not ready for it.
    MissesFirstRegistration,
    /// Refuses to register cameras on the first connections, this many.
    RefusesFirst(usize),
    /// Speaks protocol 2: takes so many events before it answers any, then answers the newest first.
    EchoesBackwards(usize),
}

/// What REST does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestScript {
    Absent,
    Answers,
    /// 400 for an event that carries this plate.
    RefusesPlate(&'static str),
    /// 401 without this token.
    WantsToken(&'static str),
}

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Socket,
    Rest,
}

#[derive(Debug, Default)]
pub struct Seen {
    pub events: Mutex<Vec<(Via, Value)>>,
    pub connections: AtomicUsize,
    /// Events received on one connection and not answered, at the most.
    pub most_unanswered: AtomicUsize,
    pub largest_socket_event: AtomicUsize,
}

impl Seen {
    fn keep(&self, via: Via, event: Value) {
        self.events.lock().unwrap().push((via, event));
    }

    pub fn plates(&self, via: Via) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let texts = events.iter().filter(|(by, _)| *by == via).flat_map(|(_, e)| e["ocr_results"].as_array().cloned());
        texts.flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    }
}

/// The running peer; dropping it cuts every connection.
pub struct ScriptedPeer {
    pub url: String,
    pub seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

impl Drop for ScriptedPeer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub fn start(socket: SocketScript, rest: RestScript) -> ScriptedPeer {
    let seen = Arc::new(Seen::default());
    let runtime = Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(socket, rest, seen.clone());
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    ScriptedPeer { url, seen, runtime: Some(runtime) }
}

fn router(socket: SocketScript, rest: RestScript, seen: Arc<Seen>) -> Router {
    let mut router = Router::new();
    if rest != RestScript::Absent {
        router = router
            .route("/api/test", get(|| async { axum::Json(json!({"success": true, "message": "Server is running"})) }))
            .route("/api/detection", post(take))
            .route("/api/health", post(take));
    }
    let router = router.with_state((rest, seen.clone()));
    if socket == SocketScript::Absent {
        return router;
    }
    let (layer, io) = SocketIo::builder().ws_max_message_size(4 << 20).build_layer();
    // In a middleware, which runs before the namespace is confirmed: a connect handler runs beside the client's first events, and would miss them.
    let serve = async move |peer: SocketRef| {
        serve_socket(&peer, socket, &seen);
        Ok::<_, Infallible>(())
    };
    // The first generation greets with an ordinary event of this name.
    let greet = async |peer: SocketRef| peer.emit("connect", &json!({"message": "hello"})).unwrap();
    io.ns("/", greet.with(serve));
    router.layer(layer)
}

async fn take(
    State((rest, seen)): State<(RestScript, Arc<Seen>)>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, axum::Json<Value>) {
    let no = |status, message: &str| (status, axum::Json(json!({"success": false, "message": message})));
    let event: Value = serde_json::from_str(&body).unwrap();
    match rest {
        RestScript::WantsToken(token)
            if headers.get("authorization").is_none_or(|v| v != &format!("Bearer {token}")) =>
        {
            return no(StatusCode::UNAUTHORIZED, "token required");
        }
        RestScript::RefusesPlate(plate) if event["ocr_results"][0] == plate => {
            return no(StatusCode::BAD_REQUEST, "Invalid field: plate_detections");
        }
        _ => {}
    }
    seen.keep(Via::Rest, event);
    (StatusCode::OK, axum::Json(json!({"success": true, "message": "Detection data received", "detection_id": "d"})))
}

fn serve_socket(peer: &SocketRef, script: SocketScript, seen: &Arc<Seen>) {
    let number = seen.connections.fetch_add(1, Ordering::SeqCst) + 1;
    let refuses = matches!(script, SocketScript::RefusesFirst(count) if number <= count);
    let missed = Arc::new(AtomicBool::new(script != SocketScript::MissesFirstRegistration));
    peer.on("camera_register", async move |peer: SocketRef, Data(camera): Data<Value>| {
        if !missed.swap(true, Ordering::SeqCst) {
            return;
        }
        let (camera, checkpoint) = (&camera["camera_id"], &camera["checkpoint_id"]);
        let mut answer =
            json!({"success": !refuses, "message": "registration", "camera_id": camera, "checkpoint_id": checkpoint});
        if let SocketScript::EchoesBackwards(_) = script {
            answer["protocol"] = json!(2);
        }
        peer.emit("camera_register", &answer).unwrap();
    });
    let unanswered = Arc::new(AtomicUsize::new(0));
    let held = Arc::new(Mutex::new(Vec::new()));
    for (event, answer) in [("lpr_data", "lpr_response"), ("health_status", "health_response")] {
        let (seen, unanswered, held) = (seen.clone(), unanswered.clone(), held.clone());
        peer.on(event, async move |peer: SocketRef, Data(data): Data<Value>| {
            let waiting = unanswered.fetch_add(1, Ordering::SeqCst) + 1;
            seen.most_unanswered.fetch_max(waiting, Ordering::SeqCst);
            seen.largest_socket_event.fetch_max(data.to_string().len(), Ordering::SeqCst);
            let named = json!({"success": true, "message": "Data received", "detection_id": "d",
                "camera_id": data["camera_id"], "checkpoint_id": data["checkpoint_id"]});
            if let SocketScript::EchoesBackwards(many) = script {
                let mut named = named;
                (named["event_id"], named["revision"]) = (data["event_id"].clone(), data["revision"].clone());
                seen.keep(Via::Socket, data);
                let mut held = held.lock().unwrap();
                held.push(named);
                if held.len() == many {
                    unanswered.fetch_sub(many, Ordering::SeqCst);
                    held.drain(..).rev().for_each(|named| peer.emit(answer, &named).unwrap());
                }
                return;
            }
            seen.keep(Via::Socket, data);
            if script != SocketScript::Silent {
                unanswered.fetch_sub(1, Ordering::SeqCst);
                peer.emit(answer, &named).unwrap();
            }
        });
    }
}
