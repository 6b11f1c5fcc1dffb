//! Socket.IO 5 packets as text. Pure. Format: socket.io-protocol, revision 5, "Packet encoding":
//! `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`.

use crate::wire::incoming::json;
use serde_json::Value;

/// A packet from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// Wants to join a namespace.
    Connect {
        namespace: String,
        /// What the client shows of itself; null where it shows nothing.
        auth: Value,
    },
    /// Leaves the namespace.
    Disconnect,
    Event(Event),
    /// An answer to an event of ours; we never ask for one.
    Ack,
}

/// An event with all of its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub arguments: Vec<Value>,
    /// Set where the sender wants an ack.
    pub ack: Option<u64>,
}

/// A packet that cannot be read, and the ack that its sender may be waiting for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    pub reason: String,
    pub ack: Option<u64>,
}

/// The only namespace we have.
pub const ROOT: &str = "/";

/// Reads one packet. Binary attachments are not awaited: their placeholders stay in the arguments as they are.
pub fn parse(text: &str) -> Result<Packet, Unreadable> {
    let unreadable = |reason: &str, ack| Unreadable { reason: reason.to_owned(), ack };
    let mut rest = text;
    let kind = take_char(&mut rest).ok_or_else(|| unreadable("the packet is empty", None))?;
    if matches!(kind, '5' | '6') {
        let digits = take_digits(&mut rest);
        if digits.is_empty() || take_char(&mut rest) != Some('-') {
            return Err(unreadable("the packet does not say how many attachments it has", None));
        }
    }
    let namespace = take_namespace(&mut rest);
    match kind {
        '0' => {
            let auth = json::parse(rest).unwrap_or_default();
            return Ok(Packet::Connect { namespace: namespace.to_owned(), auth });
        }
        '1' => return Ok(Packet::Disconnect),
        '2' | '5' => {}
        '3' | '6' => return Ok(Packet::Ack),
        _ => return Err(unreadable("the packet's type is unknown", None)),
    }
    let ack = take_digits(&mut rest).parse().ok();
    match json::parse(rest) {
        Ok(Value::Array(items)) => {
            let mut items = items.into_iter();
            match items.next() {
                Some(Value::String(name)) => Ok(Packet::Event(Event { name, arguments: items.collect(), ack })),
                _ => Err(unreadable("the event has no name", ack)),
            }
        }
        Ok(_) => Err(unreadable("an event must be a JSON list", ack)),
        Err(error) => Err(unreadable(&format!("the event is not JSON: {error}"), ack)),
    }
}

fn take_char(rest: &mut &str) -> Option<char> {
    let mut chars = rest.chars();
    let first = chars.next()?;
    *rest = chars.as_str();
    Some(first)
}

fn take_digits<'t>(rest: &mut &'t str) -> &'t str {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    digits
}

fn take_namespace<'t>(rest: &mut &'t str) -> &'t str {
    if !rest.starts_with('/') {
        return ROOT;
    }
    let (namespace, after) = rest.split_once(',').unwrap_or((rest, ""));
    *rest = after;
    // A query may follow the name.
    namespace.split('?').next().unwrap_or(namespace)
}

/// Confirms that the client joined the root namespace as `sid`.
pub fn connected(sid: &str) -> String {
    format!("0{}", serde_json::json!({ "sid": sid }))
}

/// Refuses a namespace.
pub fn refused(namespace: &str, message: &str) -> String {
    format!("4{namespace},{}", serde_json::json!({ "message": message }))
}

/// Refuses the root namespace: a CONNECT_ERROR with what a fault says as its data.
pub fn connect_error(fault: &Value) -> String {
    format!("4{}", serde_json::json!({ "message": fault["message"], "data": fault }))
}

/// Ends the root namespace.
pub const DISCONNECT: &str = "1";

/// An event with one argument.
pub fn event(name: &str, payload: &Value) -> String {
    format!("2[{},{payload}]", Value::from(name))
}

/// An ack with one argument.
pub fn ack(id: u64, payload: &Value) -> String {
    format!("3{id}[{payload}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event_of(name: &str, arguments: Vec<Value>, ack: Option<u64>) -> Result<Packet, Unreadable> {
        Ok(Packet::Event(Event { name: name.into(), arguments, ack }))
    }

    #[test]
    fn packets_of_real_clients_are_read() {
        let connect = |namespace: &str, auth| Ok(Packet::Connect { namespace: namespace.into(), auth });
        assert_eq!(parse("0"), connect("/", json!(null)));
        assert_eq!(parse("0{\"token\":\"x\"}"), connect("/", json!({"token": "x"})));
        assert_eq!(parse("0/,{\"token\":\"x\"}"), connect("/", json!({"token": "x"})));
        assert_eq!(parse("0/admin,{}"), connect("/admin", json!({})));
        assert_eq!(parse("0/?token=1,"), connect("/", json!(null)));
        assert_eq!(parse("1"), Ok(Packet::Disconnect));
        assert_eq!(parse("2[\"ping\"]"), event_of("ping", vec![], None));
        assert_eq!(parse("217[\"lpr_data\",{\"a\":1}]"), event_of("lpr_data", vec![json!({"a": 1})], Some(17)));
        assert_eq!(parse("2/,3[\"x\",1,2]"), event_of("x", vec![json!(1), json!(2)], Some(3)));
        assert_eq!(parse("2[\"x\",NaN]"), event_of("x", vec![json!(null)], None));
        assert_eq!(parse("2[\"a\\u0062\"]"), event_of("ab", vec![], None));
        let placeholder = json!({"_placeholder": true, "num": 0});
        assert_eq!(parse("51-4[\"x\",{\"_placeholder\":true,\"num\":0}]"), event_of("x", vec![placeholder], Some(4)));
        assert_eq!(parse("31[]"), Ok(Packet::Ack));
    }

    #[test]
    fn what_cannot_be_read_says_why_and_keeps_the_ack() {
        for (text, ack) in [
            ("", None),
            ("9", None),
            ("5[\"x\"]", None),
            ("2", None),
            ("27{}", Some(7)),
            ("212[\"x\",{]", Some(12)),
            ("2[]", None),
            ("2[7]", None),
            ("é", None),
            ("2é", None),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.ack, ack, "{text}");
            assert!(!error.reason.is_empty());
        }
    }

    #[test]
    fn what_we_send_is_as_the_protocol_has_it() {
        assert_eq!(event("status", &json!({"a": "ก"})), "2[\"status\",{\"a\":\"ก\"}]");
        assert_eq!(ack(9, &json!({})), "39[{}]");
        assert_eq!(connected("abc"), "0{\"sid\":\"abc\"}");
        assert_eq!(refused("/x", "Invalid namespace"), "4/x,{\"message\":\"Invalid namespace\"}");
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "[0-7]?[0-9-]{0,3}(/\\PC{0,4},)?\\PC{0,30}") {
            let _ = parse(&text);
        }
    }
}
