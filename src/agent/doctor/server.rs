//! Asking the server, step by step: its name, a connection, TLS and the token, its protocol, the socket, one record and
//! its receipt. The first step that fails is the last.

use super::judge_server as judge;
use super::line::{Line, one_line};
use crate::clock::Clock;
use crate::config::{Secret, SocketClientKind, UplinkConfig, is_plain_to_another_machine};
use crate::domain::{BootId, CameraKey, EventKind, HealthReport, HealthStatus};
use crate::uplink::rest::{Response, RestClient};
use crate::uplink::socket::{Dial, SocketClient};
use crate::uplink::{Endpoint, TlsFiles};
use crate::wire::answer::{Answer, Peer};
use crate::wire::outgoing::{Envelope, Pictures, health_body, serialise};
use crate::wire::receipt::{self, Sent, Verdict, Via};
use crate::wire::timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use uuid::Uuid;

/// For each step.
const LIMIT: Duration = Duration::from_secs(8);

/// What is asked for.
pub struct Target {
    pub uplink: UplinkConfig,
    /// Read before this process gave up root's rights.
    pub token: Result<Secret, String>,
    /// The test record is sent as the first of them.
    pub cameras: Vec<CameraKey>,
    pub clock: Arc<dyn Clock>,
}

/// All steps, on a runtime of their own.
pub fn ask(target: &Target) -> Vec<Line> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return vec![judge::no_runtime()] };
    let mut lines = Vec::new();
    runtime.block_on(steps(target, &mut lines));
    // A name that is still being resolved must not keep us.
    runtime.shutdown_background();
    lines
}

async fn steps(target: &Target, lines: &mut Vec<Line>) -> Option<()> {
    let endpoint = match Endpoint::parse(&target.uplink.server_url) {
        Ok(endpoint) => endpoint,
        Err(error) => return stop(lines, judge::unusable(&error.to_string())),
    };
    if !target.uplink.allow_insecure && is_plain_to_another_machine(&target.uplink.server_url) {
        return stop(lines, judge::insecure(&endpoint.to_string()));
    }
    reach(&endpoint, lines).await?;
    let token = match &target.token {
        Ok(token) => token.clone(),
        Err(reason) => return stop(lines, judge::no_token(reason)),
    };
    let tls = match TlsFiles::from(&target.uplink).connector() {
        Ok(tls) => tls,
        Err(error) => return stop(lines, judge::unusable(&error.to_string())),
    };
    let rest = match RestClient::new(endpoint.clone(), token.clone(), LIMIT, LIMIT, tls.clone()) {
        Ok(rest) => rest,
        Err(error) => return stop(lines, judge::unusable(&error.to_string())),
    };
    let peer = introduce(&endpoint, &rest, &token, target.clock.as_ref(), lines).await?;
    lines.push(socket(&endpoint, &Dial { client: SocketClientKind::Own, token, tls, limit: LIMIT }).await);
    lines.push(record(&rest, &peer, target).await);
    Some(())
}

fn stop<T>(lines: &mut Vec<Line>, line: Line) -> Option<T> {
    lines.push(line);
    None
}

async fn reach(endpoint: &Endpoint, lines: &mut Vec<Line>) -> Option<()> {
    let (host, port) = endpoint.address();
    let found = match timeout(LIMIT, tokio::net::lookup_host((host.as_str(), port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect::<Vec<_>>()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    };
    lines.push(judge::name(&host, &found));
    let addresses = found.ok().filter(|addresses| !addresses.is_empty())?;
    let begun = Instant::now();
    let connected = match timeout(LIMIT, tokio::net::TcpStream::connect(addresses.as_slice())).await {
        Ok(result) => result.map(|_| begun.elapsed()),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    };
    lines.push(judge::connection(&host, port, &connected));
    connected.ok().map(|_| ())
}

/// `GET /api/test`: is it one of ours, does it know us, what does it speak, what time is it there?
async fn introduce(
    endpoint: &Endpoint,
    rest: &RestClient,
    token: &Secret,
    clock: &dyn Clock,
    lines: &mut Vec<Line>,
) -> Option<Peer> {
    let response = match rest.get("/api/test").await {
        Ok(response) => response,
        Err(reason) => return stop(lines, judge::no_answer(endpoint.is_tls(), &one_line(&reason))),
    };
    if matches!(response.status, 401 | 403) {
        return stop(lines, judge::token_refused(token.is_empty(), &said(&response)));
    }
    if !(200..300).contains(&response.status) || !response.body.is_object() {
        return stop(lines, judge::foreign(response.status, response.location.as_deref()));
    }
    lines.push(judge::token_taken(token.is_empty()));
    let peer = Peer::parse(&response.body);
    // Only what says its zone can be compared.
    let text = response.body.get("server_time").or(response.body.get("timestamp"));
    let zoned = text.filter(|text| text.as_str().is_some_and(|text| text.ends_with('Z') || text.contains('+')));
    let there = zoned.and_then(|text| timestamp::parse(text, &TimeZone::UTC));
    let skew_s = there.map(|there| (clock.wall_us() - there) as f64 / 1e6);
    lines.extend(judge::server(&peer, endpoint.is_tls(), skew_s));
    Some(peer)
}

fn said(response: &Response) -> String {
    one_line(&Answer::parse(&response.body).reason())
}

/// Joins and leaves. No camera is registered: an old server would call it offline when we leave.
async fn socket(endpoint: &Endpoint, dial: &Dial) -> Line {
    match SocketClient::connect(endpoint, dial).await {
        Ok(socket) => {
            socket.close().await;
            judge::socket(None)
        }
        Err(error) => judge::socket(Some(&one_line(&error.to_string()))),
    }
}

/// One health report of the component `doctor`, by REST, and its receipt: it counts as no plate, and every server takes it.
async fn record(rest: &RestClient, peer: &Peer, target: &Target) -> Line {
    let Some(camera) = target.cameras.first() else { return judge::record_skipped() };
    let (sent, payload) = test_record(camera, target.clock.as_ref());
    let begun = Instant::now();
    let response = match rest.post("/api/health", &payload).await {
        Ok(response) => response,
        Err(reason) => return judge::record(camera, Err(one_line(&reason))),
    };
    let verdict = receipt::judge(&Answer::parse(&response.body), Via::Rest, &[sent], peer.echoes());
    let outcome = match verdict {
        Verdict::Receipt { .. } if (200..300).contains(&response.status) => Ok(begun.elapsed()),
        _ => Err(format!("HTTP {}: {}", response.status, said(&response))),
    };
    judge::record(camera, outcome)
}

fn test_record(camera: &CameraKey, clock: &dyn Clock) -> (Sent, Value) {
    let at = clock.stamp();
    let report = HealthReport {
        event_id: Uuid::now_v7(),
        camera: camera.clone(),
        at,
        component: "doctor".into(),
        status: HealthStatus::Healthy,
        message: "test record of lpr-agent doctor".into(),
        details: Map::new(),
    };
    let envelope = Envelope {
        event_id: report.event_id,
        revision: 0,
        kind: EventKind::Health,
        camera,
        epoch: Uuid::new_v4(),
        seq: 1,
        boot: &BootId("doctor".into()),
        at,
    };
    let payload = serialise(&envelope, &health_body(&report), &Pictures::default(), None);
    (Sent { event_id: report.event_id, revision: 0, kind: EventKind::Health, camera: camera.clone() }, payload)
}
