//! The road by REST. The only file that names `reqwest`.

use super::transport::{Outcome, Parcel, allowance};
use super::{Endpoint, UplinkError};
use crate::config::Secret;
use crate::domain::EventKind;
use crate::wire::answer::{Answer, Code, Peer, Registered, seconds};
use crate::wire::receipt::{Sent, Verdict, Via, judge};
use native_tls::TlsConnector;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, redirect};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an answer that are read at the most.
const MAX_ANSWER: usize = 4 << 20;

/// Sent bytes that the peer's machine does not confirm for so long end the connection.
const UNCONFIRMED: Duration = Duration::from_secs(8);
/// An idle connection is not trusted for longer: what has died meanwhile would cost a time-out.
const KEPT_IDLE: Duration = Duration::from_secs(15);

/// A server's REST calls.
#[derive(Debug, Clone)]
pub struct RestClient {
    http: Client,
    endpoint: Endpoint,
    token: Secret,
    answer_timeout: Duration,
}

/// An answer of any status.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// `Null` where the body is not JSON.
    pub body: Value,
    pub retry_after: Option<Duration>,
    /// Where a redirect points; we follow none.
    pub location: Option<String>,
}

impl RestClient {
    /// `connect_timeout` limits the connection, `answer_timeout` a call; a large body gets more time to cross.
    pub fn new(
        endpoint: Endpoint,
        token: Secret,
        connect_timeout: Duration,
        answer_timeout: Duration,
        tls: TlsConnector,
    ) -> Result<Self, UplinkError> {
        let http = Client::builder()
            .use_preconfigured_tls(tls)
            .redirect(redirect::Policy::none())
            // The socket knows no proxy either; one road must not go where the other does not.
            .no_proxy()
            .connect_timeout(connect_timeout)
            .tcp_keepalive(Duration::from_secs(30))
            .tcp_user_timeout(UNCONFIRMED)
            .tcp_nodelay(true)
            .pool_idle_timeout(KEPT_IDLE)
            .build()
            .map_err(|error| UplinkError::Tls(error.to_string()))?;
        reqwest::Url::parse(&endpoint.rest("/"))
            .map_err(|error| UplinkError::Url { url: endpoint.to_string(), reason: error.to_string() })?;
        Ok(Self { http, endpoint, token, answer_timeout })
    }

    /// Used from the next call on.
    pub fn set_token(&mut self, token: Secret) {
        self.token = token;
    }

    /// `path` begins with a slash and may have a query.
    pub async fn get(&self, path: &str) -> Result<Response, String> {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Response, String> {
        self.call(Method::POST, path, Some(body.to_string())).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<String>) -> Result<Response, String> {
        let limit = allowance(self.answer_timeout, body.as_ref().map_or(0, String::len));
        let mut request = self.http.request(method, self.endpoint.rest(path)).timeout(limit);
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.reveal());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(describe)?;
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).and_then(seconds);
        let location = header(LOCATION).map(str::to_owned);
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(describe)? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(format!("the answer is longer than {MAX_ANSWER} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Response { status, body, retry_after, location })
    }
}

/// The innermost cause says what happened; the outer ones only that something did.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Delivery by REST. Cheap to clone: every request in flight has one.
#[derive(Debug, Clone)]
pub struct RestRoad {
    pub client: RestClient,
    /// The server has shown protocol 2: nothing less than an echo is a receipt.
    pub echoes: bool,
}

impl RestRoad {
    /// Is a server there, and what does it say of itself? Any answer but a gateway's complaint says yes.
    pub async fn probe(&self) -> Result<Peer, Outcome> {
        let response = self.client.get("/api/test").await.map_err(|reason| Outcome::Broken { reason })?;
        match response.status {
            401 | 403 => Err(Outcome::AuthRefused { reason: refusal(&response) }),
            429 | 503 => Err(Outcome::Busy { wait: response.retry_after, reason: refusal(&response) }),
            300..=399 | 502 | 504 => Err(Outcome::Broken { reason: refusal(&response) }),
            _ => Ok(Peer::parse(&response.body)),
        }
    }

    /// Registers a camera, at a server that has shown protocol 2 and at no other (PROTOCOL 3.1.7). What it says of
    /// itself in the answer; `None` where it has other worries: events are accepted without a registration.
    pub async fn register(&self, registration: &Value) -> Option<Peer> {
        let response = self.client.post("/api/cameras/register", registration).await.ok()?;
        let said = Registered::parse(&response.body);
        (response.status == 200 && said.answer.success == Some(true)).then_some(said.peer)
    }

    /// Sends one event and waits for its answer.
    pub async fn deliver(&self, parcel: Parcel) -> Outcome {
        let path = match parcel.sent.kind {
            EventKind::Plate => "/api/detection",
            EventKind::Health => "/api/health",
        };
        let Parcel { sent, json } = parcel;
        match self.client.call(Method::POST, path, Some(json)).await {
            Ok(response) => outcome(&response, &sent, self.echoes),
            Err(reason) => Outcome::Broken { reason },
        }
    }
}

/// What a response means for the event that the request carried.
fn outcome(response: &Response, sent: &Sent, echoes: bool) -> Outcome {
    let answer = Answer::parse(&response.body);
    let wait = response.retry_after.or(answer.retry_after);
    let reason = refusal(response);
    match response.status {
        200..=299 => match judge(&answer, Via::Rest, std::slice::from_ref(sent), echoes) {
            Verdict::Receipt { receipt, .. } => Outcome::Receipt(receipt),
            Verdict::Refused { code, reason, .. } => Outcome::refused(code, reason, wait),
            Verdict::NoMatch => Outcome::Unanswered { reason: format!("{reason}, and no receipt for this event") },
        },
        400 | 422 => Outcome::Refused { code: answer.code, reason },
        413 => Outcome::TooLarge { reason },
        403 if answer.code == Some(Code::CameraNotAllowed) => Outcome::CameraNotAllowed { reason },
        401 | 403 => Outcome::AuthRefused { reason },
        429 | 503 => Outcome::Busy { wait, reason },
        500 => Outcome::ServerFault { reason },
        _ => Outcome::Broken { reason },
    }
}

fn refusal(response: &Response) -> String {
    let status = response.status;
    match &response.location {
        Some(location) if (300..400).contains(&status) => {
            format!("HTTP {status}: the server points to {location}; put that address into uplink.server_url")
        }
        _ if response.body.is_object() => format!("HTTP {status}: {}", Answer::parse(&response.body).reason()),
        _ => format!("HTTP {status} without a JSON answer; is uplink.server_url the right address?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CameraKey, CheckpointId};
    use serde_json::json;
    use uuid::Uuid;

    fn sent() -> Sent {
        let camera = CameraKey { camera: CameraId::new("a").unwrap(), checkpoint: CheckpointId::new("b").unwrap() };
        Sent { event_id: Uuid::now_v7(), revision: 0, kind: EventKind::Plate, camera }
    }

    fn answered(status: u16, body: Value) -> Outcome {
        let response = Response { status, body, retry_after: Some(Duration::from_secs(9)), location: None };
        outcome(&response, &sent(), false)
    }

    #[test]
    fn only_a_verdict_on_the_event_counts_against_it() {
        let no = || json!({"success": false, "message": "bad bbox"});
        assert!(matches!(answered(200, json!({"success": true})), Outcome::Receipt(_)));
        assert!(matches!(answered(400, no()), Outcome::Refused { .. }));
        assert!(matches!(answered(422, no()), Outcome::Refused { .. }));
        assert!(matches!(answered(200, no()), Outcome::Declined { .. }));
        assert!(matches!(answered(413, no()), Outcome::TooLarge { .. }));
        assert!(matches!(answered(401, no()), Outcome::AuthRefused { .. }));
        assert!(matches!(answered(403, no()), Outcome::AuthRefused { .. }));
        assert!(matches!(answered(403, json!({"code": "camera_not_allowed"})), Outcome::CameraNotAllowed { .. }));
        assert!(matches!(answered(429, no()), Outcome::Busy { wait: Some(wait), .. } if wait.as_secs() == 9));
        assert!(matches!(answered(500, no()), Outcome::ServerFault { .. }));
        for status in [301, 404, 405, 408, 415, 502, 504] {
            assert!(matches!(answered(status, no()), Outcome::Broken { .. }), "{status}");
        }
    }

    #[test]
    fn a_page_of_some_other_server_is_no_receipt() {
        assert!(matches!(answered(200, Value::Null), Outcome::Unanswered { .. }));
        assert!(matches!(answered(200, json!({"status": "ok"})), Outcome::Unanswered { .. }));
    }
}
