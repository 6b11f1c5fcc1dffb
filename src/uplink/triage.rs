//! What the end of a delivery means for the row and for the link. Pure.

use super::status::Road;
use super::transport::Outcome;
use crate::wire::receipt::Receipt;
use std::time::Duration;

/// What becomes of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFate {
    /// Confirmed: it may go.
    Settle(Receipt),
    /// Refused for good.
    Quarantine(String),
    /// It stays; REST is to give a verdict on it.
    ByRest,
    /// It stays; others first, this one after a while.
    Later,
    /// The same, and it is under suspicion: quarantined if this goes on while others are accepted.
    Doubt(String),
    /// It stays, and so do all of its camera.
    HoldCamera(String),
    /// It stays and is tried again as soon as anything is.
    Keep,
    /// The same; but a row for which the server asks us to wait again and again lets others pass.
    KeepBusy,
    /// Too large for REST: quarantined, unless it has not been tried with smaller pictures yet.
    Smaller(String),
}

/// What the link learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkNews {
    Works,
    Broken(String),
    Wait(Option<Duration>, String),
    AuthRefused(String),
    /// The server has a fault; the road has none.
    Fault(String),
}

/// Judges one outcome. `other_road`: REST may be used where the socket fails.
pub fn triage(outcome: Outcome, road: Road, other_road: bool) -> (RowFate, LinkNews) {
    let by_socket = road == Road::Socketio;
    let verdict_by_rest = if by_socket && other_road { RowFate::ByRest } else { RowFate::Later };
    match outcome {
        Outcome::Receipt(receipt) => (RowFate::Settle(receipt), LinkNews::Works),
        Outcome::Refused { reason, .. } => (RowFate::Quarantine(reason), LinkNews::Works),
        // An old server's refusal by socket may mean the connection, not the event (PROTOCOL 3.1.7).
        Outcome::Declined { .. } if by_socket && other_road => (RowFate::ByRest, LinkNews::Works),
        Outcome::Declined { reason } => (RowFate::Doubt(reason), LinkNews::Works),
        Outcome::TooLarge { .. } if by_socket && other_road => (RowFate::ByRest, LinkNews::Works),
        Outcome::TooLarge { reason } if by_socket => (RowFate::Quarantine(reason), LinkNews::Works),
        Outcome::TooLarge { reason } => (RowFate::Smaller(reason), LinkNews::Works),
        Outcome::CameraNotAllowed { reason } => (RowFate::HoldCamera(reason), LinkNews::Works),
        Outcome::AuthRefused { reason } => (RowFate::Keep, LinkNews::AuthRefused(reason)),
        Outcome::Busy { wait, reason } => (RowFate::KeepBusy, LinkNews::Wait(wait, reason)),
        Outcome::ServerFault { reason } if by_socket => (verdict_by_rest, LinkNews::Fault(reason)),
        // Old servers answer 500 to what they cannot read (PROTOCOL 3.1.9), and to everything when their disk is full.
        Outcome::ServerFault { reason } => (RowFate::Doubt(reason.clone()), LinkNews::Broken(reason)),
        // Where no other road can tell, it counts against the row like a server's fault.
        Outcome::Complained { reason } if verdict_by_rest == RowFate::Later => {
            (RowFate::Doubt(reason.clone()), LinkNews::Broken(reason))
        }
        Outcome::Complained { reason } => (verdict_by_rest, LinkNews::Broken(reason)),
        Outcome::Unanswered { reason } => (verdict_by_rest, LinkNews::Broken(reason)),
        // This event may be what breaks the connection: REST tells.
        Outcome::Broken { reason } if by_socket => (verdict_by_rest, LinkNews::Broken(reason)),
        Outcome::Broken { reason } => (RowFate::Keep, LinkNews::Broken(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::answer::Code;
    use proptest::prelude::*;

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        let reason = || Just("why".to_owned());
        prop_oneof![
            any::<bool>().prop_map(|duplicate| Outcome::Receipt(Receipt { duplicate, ..Receipt::default() })),
            reason().prop_map(|reason| Outcome::Refused { code: Some(Code::Invalid), reason }),
            reason().prop_map(|reason| Outcome::Declined { reason }),
            reason().prop_map(|reason| Outcome::TooLarge { reason }),
            reason().prop_map(|reason| Outcome::CameraNotAllowed { reason }),
            reason().prop_map(|reason| Outcome::AuthRefused { reason }),
            reason().prop_map(|reason| Outcome::Busy { wait: None, reason }),
            reason().prop_map(|reason| Outcome::ServerFault { reason }),
            reason().prop_map(|reason| Outcome::Complained { reason }),
            reason().prop_map(|reason| Outcome::Unanswered { reason }),
            reason().prop_map(|reason| Outcome::Broken { reason }),
        ]
    }

    proptest! {
        #[test]
        fn only_a_receipt_settles_and_only_a_refusal_quarantines(
            outcome in any_outcome(), by_socket: bool, other_road: bool,
        ) {
            let road = if by_socket { Road::Socketio } else { Road::Rest };
            let (fate, news) = triage(outcome.clone(), road, other_road);
            match fate {
                RowFate::Settle(_) => assert!(matches!(outcome, Outcome::Receipt(_))),
                RowFate::Quarantine(_) | RowFate::Smaller(_) => {
                    assert!(matches!(outcome, Outcome::Refused { .. } | Outcome::TooLarge { .. }));
                }
                RowFate::ByRest => prop_assert!(by_socket && other_road),
                _ => {}
            }
            if matches!(outcome, Outcome::Unanswered { .. } | Outcome::Complained { .. }) {
                prop_assert!(matches!(news, LinkNews::Broken(_)), "the connection is closed before anything else is sent");
            }
        }
    }

    #[test]
    fn an_old_servers_refusal_by_socket_is_asked_again_by_rest_and_is_not_final_there() {
        let no = || Outcome::Declined { reason: "no".into() };
        assert_eq!(triage(no(), Road::Socketio, true).0, RowFate::ByRest);
        assert_eq!(triage(no(), Road::Rest, true).0, RowFate::Doubt("no".into()));
        let invalid = Outcome::Refused { code: Some(Code::Invalid), reason: "no".into() };
        assert_eq!(triage(invalid, Road::Socketio, true).0, RowFate::Quarantine("no".into()));
    }

    #[test]
    fn a_nameless_error_is_asked_again_by_rest_and_counts_against_the_row_where_there_is_no_rest() {
        let no = || Outcome::Complained { reason: "no".into() };
        assert_eq!(triage(no(), Road::Socketio, true).0, RowFate::ByRest);
        assert_eq!(triage(no(), Road::Socketio, false).0, RowFate::Doubt("no".into()));
    }
}
