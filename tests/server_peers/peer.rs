//! A peer of the real server, by one road or the other, and what the server keeps of what it said.

use crate::event_client::{Rest, Socket};
pub use crate::logged_server::Server;
use serde_json::Value;

/// The start of a JPEG, in base64.
pub const JPEG: &str = "/9j/4AAQSkZJRg==";

enum Line {
    Rest(Rest),
    Socket(Socket),
}

/// A peer with a server of its own.
pub struct Peer {
    pub server: Server,
    line: Line,
}

impl Peer {
    /// Says `event` with the payload as it stands, and gives the answer: the body, or the ack.
    pub fn tell(&mut self, event: &str, payload: &str) -> Value {
        match &mut self.line {
            Line::Socket(socket) => socket.call(event, payload).unwrap(),
            Line::Rest(rest) => {
                let path = match event {
                    "camera_register" => "/api/cameras/register",
                    "lpr_data" => "/api/detection",
                    _ => "/api/health",
                };
                let (status, body) = rest.post(path, payload).unwrap();
                assert_eq!(status == 200, body["success"] == true, "{status} {body}");
                body
            }
        }
    }

    /// A detection that must be stored; gives its record.
    pub fn stores(&mut self, payload: &str) -> Value {
        let answer = self.tell("lpr_data", payload);
        assert_eq!(answer["success"], true, "{payload}\n{answer}");
        assert_eq!(answer.get("duplicate"), None, "{payload}\n{answer}");
        let path = format!("/api/records/{}", answer["detection_id"].as_str().unwrap());
        self.server.get(&path)["record"].clone()
    }

    /// An event that must be refused, naming `field`.
    pub fn is_refused(&mut self, event: &str, payload: &str, field: &str) {
        let answer = self.tell(event, payload);
        assert_eq!((&answer["success"], &answer["code"]), (&Value::Bool(false), &Value::from("invalid")), "{answer}");
        assert_eq!(answer["field"], field, "{payload}\n{answer}");
        assert!(answer["message"].as_str().unwrap().contains(field), "{answer}");
    }
}

/// The same conversation by REST and by Socket.IO, each with a fresh server.
pub fn on_both_roads(config: &str, converse: impl Fn(&mut Peer)) {
    for by_rest in [true, false] {
        let server = Server::start(config);
        let line = if by_rest { Line::Rest(server.rest()) } else { Line::Socket(server.socket()) };
        let mut peer = Peer { server, line };
        converse(&mut peer);
        // Whatever it was told, it lives and nothing in it fell.
        assert_eq!(peer.server.get("/healthz")["success"], true);
        assert!(!peer.server.log().contains("panicked"), "{}", peer.server.log());
    }
}
