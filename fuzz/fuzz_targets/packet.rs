//! A Socket.IO packet as text, and what its events carry.

#![no_main]

// The packet parser is the server's own file; it names `crate::wire`.
use lpr::wire;

#[path = "../../src/server/socket/packet.rs"]
#[allow(dead_code, reason = "the server also writes packets")]
mod packet;

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use packet::Packet;
use wire::incoming::{Context, Detection, EventRef, Health, Registration};

fuzz_target!(|text: &str| {
    match packet::parse(text) {
        Ok(Packet::Event(event)) => {
            let context = Context { zone: &TimeZone::UTC, received_us: 0 };
            for argument in &event.arguments {
                let _ = EventRef::peek(argument);
                let _ = Registration::read(argument);
                let _ = Detection::read(argument, context);
                let _ = Health::read(argument, context);
            }
            // What was read can be written, and is read as the same again.
            if let [argument] = event.arguments.as_slice() {
                let written = packet::event(&event.name, argument);
                let Ok(Packet::Event(again)) = packet::parse(&written) else { panic!("{written}") };
                assert_eq!((again.name, again.arguments.len()), (event.name, 1));
            }
        }
        Ok(_) => {}
        Err(unreadable) => assert!(!unreadable.reason.is_empty()),
    }
});
