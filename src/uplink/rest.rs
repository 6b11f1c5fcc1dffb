//! The road by REST. The only file that names `reqwest`.

use super::transport::{Outcome, Parcel};
use super::{Endpoint, UplinkError};
use crate::config::{Secret, shown_url};
use crate::domain::EventKind;
use crate::wire::answer::{Answer, Code, Peer, Registered, seconds};
use crate::wire::receipt::{Sent, Verdict, Via, judge};
use native_tls::TlsConnector;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, redirect};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an answer that are read at the most.
const MAX_ANSWER: usize = 4 << 20;

/// Sent bytes that the peer's machine does not take for so long end the connection; a busy server may need a while.
const UNCONFIRMED: Duration = Duration::from_secs(20);
/// An idle connection is not trusted for longer: what has died meanwhile would cost a time-out.
const KEPT_IDLE: Duration = Duration::from_secs(15);
/// A proof is first waited for this long, then for longer, up to the time-out of any answer: on a good link a server
/// that has not answered by then will not.
const FIRST_PROOF: Duration = Duration::from_secs(4);

/// A server's REST calls.
#[derive(Debug, Clone)]
pub struct RestClient {
    http: Client,
    endpoint: Endpoint,
    token: Secret,
    connect_timeout: Duration,
    answer_timeout: Duration,
    tls: TlsConnector,
}

/// Why a call has no answer.
#[derive(Debug)]
struct NoAnswer {
    reason: String,
    /// The server's machine refused the connection.
    refused: bool,
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self { reason: "no answer in time".into(), refused: false };
        }
        // The innermost cause says what happened; the outer ones only that something did.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        let mut refused = false;
        loop {
            let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            refused |= kind == Some(std::io::ErrorKind::ConnectionRefused);
            match cause.source() {
                Some(inner) => cause = inner,
                None => return Self { reason: cause.to_string(), refused },
            }
        }
    }
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
        let http = client(connect_timeout, &tls)?;
        reqwest::Url::parse(&endpoint.rest("/"))
            .map_err(|error| UplinkError::Url { url: endpoint.to_string(), reason: format!("is no URL: {error}") })?;
        Ok(Self { http, endpoint, token, connect_timeout, answer_timeout, tls })
    }

    /// Begins anew, with this token and without a connection; calls under way keep theirs.
    ///
    /// # Errors
    /// [`UplinkError::Tls`], as at the start.
    pub fn renew(&mut self, token: Secret) -> Result<(), UplinkError> {
        self.http = client(self.connect_timeout, &self.tls)?;
        self.token = token;
        Ok(())
    }

    /// `path` begins with a slash and may have a query.
    pub async fn get(&self, path: &str) -> Result<Response, String> {
        self.call(Method::GET, path, None, self.answer_timeout).await.map_err(|none| none.reason)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Response, String> {
        self.call(Method::POST, path, Some(body.to_string()), self.answer_timeout).await.map_err(|none| none.reason)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        limit: Duration,
    ) -> Result<Response, NoAnswer> {
        let mut request = self.http.request(method, self.endpoint.rest(path)).timeout(limit);
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.reveal());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await?;
        let retry_after = retry_after(response.headers());
        let location = text(response.headers(), LOCATION).map(shown_url);
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                let reason = format!("the answer is longer than {MAX_ANSWER} bytes");
                return Err(NoAnswer { reason, refused: false });
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Response { status, body, retry_after, location })
    }
}

fn client(connect_timeout: Duration, tls: &TlsConnector) -> Result<Client, UplinkError> {
    Client::builder()
        .use_preconfigured_tls(tls.clone())
        .redirect(redirect::Policy::none())
        // The socket knows no proxy either; one road must not go where the other does not.
        .no_proxy()
        .connect_timeout(connect_timeout)
        .tcp_keepalive(Duration::from_secs(30))
        .tcp_user_timeout(UNCONFIRMED)
        .tcp_nodelay(true)
        .pool_idle_timeout(KEPT_IDLE)
        .build()
        .map_err(|error| UplinkError::Tls(error.to_string()))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Seconds, or a date, which is read against the server's own: our clock may be years off.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let said = text(headers, RETRY_AFTER)?;
    let number = said.parse().ok().or_else(|| {
        let moment = |text| jiff::fmt::rfc2822::parse(text).map(|moment| moment.timestamp().as_second()).ok();
        Some((moment(said)? - moment(text(headers, DATE)?)?).max(0) as f64)
    });
    number.and_then(seconds)
}

/// Delivery by REST. Cheap to clone: every request in flight has one.
#[derive(Debug, Clone)]
pub struct RestRoad {
    pub client: RestClient,
}

/// No server was found, or none that takes events now.
#[derive(Debug)]
pub struct Unproven {
    pub outcome: Outcome,
    /// Its machine refused the connection: asking again costs next to nothing.
    pub refused: bool,
}

impl RestRoad {
    /// Is a server there, and what does it say of itself? Any answer but a gateway's complaint says yes. The more
    /// `tries` were in vain, the longer it is waited for.
    pub async fn probe(&self, tries: u32) -> Result<Peer, Unproven> {
        let limit = FIRST_PROOF.saturating_mul(1 << tries.min(8)).min(self.client.answer_timeout);
        let response = match self.client.call(Method::GET, "/api/test", None, limit).await {
            Ok(response) => response,
            Err(NoAnswer { reason, refused }) => return Err(Unproven { outcome: Outcome::Broken { reason }, refused }),
        };
        proof(&response).map_err(|outcome| Unproven { outcome, refused: false })
    }

    /// Registers a camera, at a server that has shown protocol 2 and at no other (PROTOCOL 3.1.7). What it says of
    /// itself in the answer; `None` where it has other worries: events are accepted without a registration.
    pub async fn register(&self, registration: &Value) -> Option<Peer> {
        let response = self.client.post("/api/cameras/register", registration).await.ok()?;
        let said = Registered::parse(&response.body);
        (response.status == 200 && said.answer.success == Some(true)).then_some(said.peer)
    }

    /// Sends one event and waits for its answer.
    /// `echoes`: the server has shown protocol 2, and nothing less than an echo is a receipt.
    pub async fn deliver(&self, parcel: Parcel, echoes: bool) -> Outcome {
        let path = match parcel.sent.kind {
            EventKind::Plate => "/api/detection",
            EventKind::Health => "/api/health",
        };
        let limit = parcel.allowance(self.client.answer_timeout);
        let Parcel { sent, json, .. } = parcel;
        match self.client.call(Method::POST, path, Some(json), limit).await {
            Ok(response) => outcome(&response, &sent, echoes),
            Err(NoAnswer { reason, .. }) => Outcome::Broken { reason },
        }
    }
}

fn proof(response: &Response) -> Result<Peer, Outcome> {
    match response.status {
        401 | 403 => Err(Outcome::AuthRefused { reason: refusal(response) }),
        429 | 503 => Err(Outcome::Busy { wait: response.retry_after, reason: refusal(response) }),
        300..=399 | 502 | 504 => Err(Outcome::Broken { reason: refusal(response) }),
        // The sign-in page of some hotel.
        200..=299 if !response.body.is_object() => Err(Outcome::Broken { reason: refusal(response) }),
        _ => Ok(Peer::parse(&response.body)),
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
    fn retry_after_may_be_a_date_and_is_read_by_the_servers_own_clock() {
        let headers = |retry: &str, date: &str| -> HeaderMap {
            let pairs = [(RETRY_AFTER, retry), (DATE, date)];
            pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (retry, wait) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 2099 00:00:00 GMT", Some(86_400)),
            ("soon", None),
        ] {
            assert_eq!(retry_after(&headers(retry, date)), wait.map(Duration::from_secs), "{retry}");
        }
        assert_eq!(retry_after(&headers("Sun, 06 Nov 1994 08:51:37 GMT", "today")), None);
    }

    #[test]
    fn a_captive_portal_is_no_server() {
        let response = |status, body| Response { status, body, retry_after: None, location: None };
        assert!(matches!(proof(&response(200, Value::Null)), Err(Outcome::Broken { .. })));
        assert!(proof(&response(200, json!({"success": true}))).is_ok());
        assert!(proof(&response(404, Value::Null)).is_ok(), "an old server without the call");
        assert!(matches!(proof(&response(503, Value::Null)), Err(Outcome::Busy { .. })));
    }

    #[test]
    fn a_page_of_some_other_server_is_no_receipt() {
        assert!(matches!(answered(200, Value::Null), Outcome::Unanswered { .. }));
        assert!(matches!(answered(200, json!({"status": "ok"})), Outcome::Unanswered { .. }));
    }
}
