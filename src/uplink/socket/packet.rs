//! Engine.IO 4 and Socket.IO 5 packets as text. Pure.
//!
//! A packet is a digit (Engine.IO), for messages a second digit (Socket.IO), and what belongs to it:
//! `42["name",argument]` is an event on the main namespace, `42/other,7["name"]` one elsewhere that wants ack 7.

use crate::config::Secret;
use serde_json::{Value, json};
use std::time::Duration;

/// What the server sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// The transport stands: how often the server pings, and how long it waits for our answer.
    Open {
        ping_interval: Duration,
        ping_timeout: Duration,
    },
    /// The server ends the transport.
    Close,
    Ping,
    /// The namespace is joined.
    Connect,
    /// We may not join it; with the reason's data.
    ConnectError(Value),
    /// The server ends the namespace.
    Disconnect,
    /// An event with its first argument. Attachments stay placeholders; an ack that it asks for is not given.
    Event {
        name: String,
        payload: Value,
    },
    /// Nothing that concerns us: pongs, upgrades, acks, other namespaces.
    Other,
}

/// Why a text is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a packet of Engine.IO 4 and Socket.IO 5")]
pub struct Malformed;

/// Understands one text message.
pub fn parse(text: &str) -> Result<Packet, Malformed> {
    let Some((kind, rest)) = split_digit(text) else { return Err(Malformed) };
    match kind {
        '0' => open(rest),
        '1' => Ok(Packet::Close),
        '2' => Ok(Packet::Ping),
        '4' => message(rest),
        '3' | '5' | '6' => Ok(Packet::Other),
        _ => Err(Malformed),
    }
}

fn open(rest: &str) -> Result<Packet, Malformed> {
    let said: Value = serde_json::from_str(rest).map_err(|_| Malformed)?;
    // A server that says nothing has the protocol's defaults; one that says 0 or years must not make us hasty or deaf.
    let ms = |key: &str, usual: f64| {
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        let given = said.get(key).and_then(number).filter(|ms: &f64| ms.is_finite()).unwrap_or(usual);
        Duration::from_secs_f64(given.clamp(100.0, 600_000.0) / 1000.0)
    };
    Ok(Packet::Open { ping_interval: ms("pingInterval", 25_000.0), ping_timeout: ms("pingTimeout", 20_000.0) })
}

fn message(rest: &str) -> Result<Packet, Malformed> {
    let (kind, rest) = split_digit(rest).ok_or(Malformed)?;
    let rest = match kind {
        '5' | '6' => rest.split_once('-').ok_or(Malformed)?.1,
        _ => rest,
    };
    let (namespace, rest) = match rest.strip_prefix('/') {
        Some(named) => named.split_once(',').unwrap_or((named, "")),
        None => ("", rest),
    };
    if !namespace.split('?').next().unwrap_or_default().is_empty() {
        return Ok(Packet::Other);
    }
    match kind {
        '0' => Ok(Packet::Connect),
        '1' => Ok(Packet::Disconnect),
        '2' | '5' => event(rest.trim_start_matches(|c: char| c.is_ascii_digit())),
        '3' | '6' => Ok(Packet::Other),
        '4' => Ok(Packet::ConnectError(serde_json::from_str(rest).unwrap_or(Value::Null))),
        _ => Err(Malformed),
    }
}

fn event(rest: &str) -> Result<Packet, Malformed> {
    let Ok(Value::Array(arguments)) = serde_json::from_str(rest) else { return Err(Malformed) };
    let mut arguments = arguments.into_iter();
    let Some(Value::String(name)) = arguments.next() else { return Err(Malformed) };
    Ok(Packet::Event { name, payload: arguments.next().unwrap_or(Value::Null) })
}

fn split_digit(text: &str) -> Option<(char, &str)> {
    let kind = text.chars().next().filter(char::is_ascii_digit)?;
    Some((kind, &text[1..]))
}

/// The answer to a ping.
pub const PONG: &str = "3";
/// Leaves the namespace.
pub const DISCONNECT: &str = "41";

/// Asks to join the main namespace; the only packet that carries the token.
pub fn connect(token: &Secret) -> String {
    if token.is_empty() { "40".into() } else { format!("40{}", json!({"token": token.reveal()})) }
}

/// An event whose argument is JSON already.
pub fn emit(name: &str, argument: Option<&str>) -> String {
    let name = Value::from(name);
    match argument {
        Some(json) => {
            let mut text = String::with_capacity(json.len() + 48);
            text.push_str(&format!("42[{name},"));
            text.push_str(json);
            text.push(']');
            text
        }
        None => format!("42[{name}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(name: &str, payload: Value) -> Result<Packet, Malformed> {
        Ok(Packet::Event { name: name.into(), payload })
    }

    #[test]
    fn every_packet_of_a_server_is_understood() {
        let ms = Duration::from_millis;
        let open = r#"0{"sid":"x","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":100000}"#;
        assert_eq!(parse(open), Ok(Packet::Open { ping_interval: ms(300), ping_timeout: ms(200) }));
        assert_eq!(parse("0{}"), Ok(Packet::Open { ping_interval: ms(25_000), ping_timeout: ms(20_000) }));
        let odd = r#"0{"pingInterval":300.0,"pingTimeout":"200"}"#;
        assert_eq!(parse(odd), Ok(Packet::Open { ping_interval: ms(300), ping_timeout: ms(200) }));
        assert_eq!(parse("1"), Ok(Packet::Close));
        assert_eq!(parse("2"), Ok(Packet::Ping));
        assert_eq!(parse("2probe"), Ok(Packet::Ping));
        assert_eq!(parse(r#"40{"sid":"y"}"#), Ok(Packet::Connect));
        assert_eq!(parse("40"), Ok(Packet::Connect));
        assert_eq!(parse("40/,"), Ok(Packet::Connect));
        assert_eq!(parse(r#"44{"message":"no"}"#), Ok(Packet::ConnectError(json!({"message": "no"}))));
        assert_eq!(parse("41"), Ok(Packet::Disconnect));
    }

    #[test]
    fn events_are_understood_in_every_dress() {
        assert_eq!(parse(r#"42["a",{"b":1},2]"#), heard("a", json!({"b": 1})));
        assert_eq!(parse(r#"42["a"]"#), heard("a", Value::Null));
        assert_eq!(parse(r#"4217["a",1]"#), heard("a", json!(1)), "an ack is asked for");
        assert_eq!(parse(r#"42/,["a",1]"#), heard("a", json!(1)));
        assert_eq!(
            parse(r#"451-["a",{"_placeholder":true,"num":0}]"#),
            heard("a", json!({"_placeholder": true, "num": 0}))
        );
    }

    #[test]
    fn an_event_named_connect_is_not_the_connection() {
        assert_eq!(parse(r#"42["connect",{"message":"hello"}]"#), heard("connect", json!({"message": "hello"})));
    }

    #[test]
    fn what_is_not_for_us_is_nothing_and_what_is_no_packet_is_refused() {
        for text in ["3", "6", r#"43["x"]"#, "430[]", r#"42/admin,["a"]"#, "40/admin,{}", r#"461-0["x"]"#] {
            assert_eq!(parse(text), Ok(Packet::Other), "{text}");
        }
        for text in ["", "x", "7", "4", "42", "42[]", "42[1]", "42{}", "45", "0", "49", "ก"] {
            assert_eq!(parse(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn the_token_is_in_connect_alone() {
        assert_eq!(connect(&Secret::default()), "40");
        assert_eq!(connect(&Secret::new("t")), r#"40{"token":"t"}"#);
    }

    proptest! {
        #[test]
        fn nothing_a_server_sends_panics(text in "\\PC{0,40}", digits in "[0-9]{0,3}") {
            let _ = parse(&format!("{digits}{text}"));
        }

        #[test]
        fn what_we_send_reads_back(name in "\\PC{1,20}", text in "\\PC{0,40}") {
            let argument = json!({"text": text});
            prop_assert_eq!(parse(&emit(&name, Some(&argument.to_string()))), heard(&name, argument));
            prop_assert_eq!(parse(&emit(&name, None)), heard(&name, Value::Null));
        }
    }
}
