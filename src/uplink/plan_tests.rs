use super::*;
use crate::domain::{BootId, CameraId, CaptureTime, CheckpointId};
use crate::wire::answer::Code;
use serde_json::Map;
use uuid::Uuid;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn camera(name: &str) -> CameraKey {
    CameraKey { camera: CameraId::new(name).unwrap(), checkpoint: CheckpointId::new("gate").unwrap() }
}

pub(crate) fn row(number: i64, camera: &CameraKey, kind: EventKind) -> Row {
    Row {
        id: RowId::for_tests(number),
        event_id: Uuid::now_v7(),
        revision: 0,
        kind,
        camera: camera.clone(),
        epoch: Uuid::nil(),
        seq: number.unsigned_abs(),
        boot: BootId("boot".into()),
        at: CaptureTime::default(),
        offset_us: None,
        body: Map::new(),
        evidence: Default::default(),
    }
}

fn two() -> Peer {
    Peer { protocol: 2, ..Peer::default() }
}

/// With the socket up towards this peer.
fn by_socket(peer: &Peer) -> Plan {
    let mut plan = Plan::new(Transport::Auto, 16, Timings::default(), s(0), || 0.5);
    let generation = plan.link.poll(s(0)).unwrap();
    assert!(plan.connected(generation, peer, s(0)));
    plan.note_usable(RowId::for_tests(0));
    plan
}

/// With REST proven towards this peer.
fn by_rest(peer: &Peer, transport: Transport) -> Plan {
    let mut plan = Plan::new(transport, 16, Timings::default(), s(0), || 0.5);
    if let Some(generation) = plan.link.poll(s(0)) {
        plan.attempt_failed(generation, "no", None, s(0));
    }
    plan.rest_proven(peer.clone(), s(0));
    plan.note_usable(RowId::for_tests(0));
    plan
}

fn give(plan: &mut Plan, rows: impl IntoIterator<Item = Row>) {
    for row in rows {
        plan.lanes.put_back(row.id, row);
    }
}

fn plates(numbers: impl IntoIterator<Item = i64>) -> Vec<Row> {
    numbers.into_iter().map(|number| row(number, &camera("a"), EventKind::Plate)).collect()
}

/// Sends what may be sent, each of this size; which rows that are.
fn send(plan: &mut Plan, bytes: usize, now: Duration) -> Vec<i64> {
    let mut sent = Vec::new();
    while let Some(next) = plan.next(now, |_| true, &mut Vec::new()) {
        let road = if next.by_socket { Road::Socketio } else { Road::Rest };
        sent.push(i64::try_from(next.row.seq).unwrap());
        plan.sent(Flight { row: next.row, road, bytes, alone: next.alone, asked_at: 0, sent: now, stale: false });
    }
    sent
}

fn receipt() -> Outcome {
    Outcome::Receipt(Receipt { echoed: true, ..Receipt::default() })
}

fn id(number: i64) -> RowId {
    RowId::for_tests(number)
}

#[test]
fn large_events_on_a_slow_link_are_not_all_in_flight_at_once() {
    for mut plan in [by_socket(&two()), by_rest(&two(), Transport::Rest)] {
        give(&mut plan, plates(1..=16));
        assert_eq!(send(&mut plan, 200_000, s(0)).len(), 2);
        let next = plan.next(s(0), |_| true, &mut Vec::new());
        assert!(next.is_none());
        plan.ended(id(1), receipt(), s(4));
        assert!(send(&mut plan, 200_000, s(4)).is_empty(), "what is under way comes first");
        plan.ended(id(2), receipt(), s(8));
        assert_eq!(send(&mut plan, 200_000, s(8)).len(), 1);
    }
}

#[test]
fn what_is_ahead_of_an_event_counts_for_its_time_on_either_road() {
    let mut plan = by_rest(&two(), Transport::Rest);
    give(&mut plan, plates(1..=2));
    let first = plan.next(s(0), |_| true, &mut Vec::new()).unwrap();
    plan.sent(Flight {
        row: first.row,
        road: Road::Rest,
        bytes: 100_000,
        alone: false,
        asked_at: 0,
        sent: s(0),
        stale: false,
    });
    assert_eq!(plan.next(s(0), |_| true, &mut Vec::new()).unwrap().ahead, 100_000);
}

#[test]
fn a_server_replaced_by_an_older_one_is_treated_as_what_it_is() {
    let mut plan = by_rest(&two(), Transport::Rest);
    assert_eq!(plan.window(), 16);
    give(&mut plan, plates(1..=3));
    send(&mut plan, 100, s(0));
    for number in 1..=3 {
        plan.ended(id(number), Outcome::Broken { reason: "cut".into() }, s(1));
    }
    plan.link.poll(s(100));
    plan.rest_proven(Peer::default(), s(100));
    assert_eq!((plan.window(), plan.by_rest.echoes()), (1, false));
    assert_eq!(send(&mut plan, 100, s(100)), [1]);
    assert!(matches!(plan.ended(id(1), receipt(), s(100))[..], [Order::Confirm(..)]));
    assert_eq!(plan.window(), 16, "an echo shows protocol 2, whatever the introduction left out");
}

#[test]
fn an_echo_by_rest_does_not_widen_the_window_of_a_socket_that_has_shown_nothing() {
    let mut plan = by_socket(&Peer::default());
    plan.desk.by_rest(id(1));
    give(&mut plan, plates(1..=3));
    assert_eq!(send(&mut plan, 100, s(0)), [1]);
    plan.ended(id(1), receipt(), s(0));
    assert_eq!(send(&mut plan, 100, s(0)), [2]);
}

#[test]
fn a_row_that_needs_the_link_for_itself_goes_as_soon_as_nothing_is_in_flight() {
    let mut plan = by_socket(&two());
    (0..2).for_each(|_| plan.desk.broke(id(1), false, false, s(0)));
    plan.lanes.begin(id(1));
    give(&mut plan, plates([1, 10, 11, 12, 13, 14, 15, 16]));
    let first = send(&mut plan, 100, s(0));
    assert_eq!(first, [10, 11, 12, 13], "then it was the backlog's turn");
    for number in first {
        give(&mut plan, plates([number + 100]));
        assert!(send(&mut plan, 100, s(0)).is_empty(), "nothing passes it");
        plan.ended(id(number), receipt(), s(0));
    }
    assert_eq!(send(&mut plan, 100, s(0)), [1]);
}

#[test]
fn rows_that_fail_together_by_rest_keep_their_order_and_plates_stay_before_health() {
    let mut plan = by_rest(&two(), Transport::Rest);
    let mut rows = plates([5, 6, 7]);
    rows.push(row(2, &camera("a"), EventKind::Health));
    give(&mut plan, rows);
    assert_eq!(send(&mut plan, 100, s(0)), [5, 6, 7, 2]);
    for number in [2, 5, 6, 7] {
        plan.ended(id(number), Outcome::Broken { reason: "cut".into() }, s(0));
    }
    plan.link.poll(s(60));
    plan.rest_proven(two(), s(60));
    assert_eq!(send(&mut plan, 100, s(60)), [5, 6, 7, 2]);
}

#[test]
fn when_the_clock_is_set_nothing_that_was_read_before_is_sent_as_it_is() {
    let mut plan = by_socket(&Peer::default());
    give(&mut plan, plates(1..=3));
    assert_eq!(send(&mut plan, 100, s(0)), [1]);
    let mut dropped = plan.clock_set();
    dropped.sort();
    assert_eq!(dropped, [id(2), id(3)]);
    let orders = plan.socket_over(&Outcome::Broken { reason: "cut".into() }, s(1));
    assert!(orders.iter().any(|order| matches!(order, Order::Unpin(row) if *row == id(1))), "{orders:?}");
    assert_eq!(plan.unsent().count(), 0, "all are read anew");
}

#[test]
fn a_camera_that_is_not_allowed_is_asked_for_no_more_and_its_fetched_rows_go_back() {
    let mut plan = by_socket(&two());
    let others = || (4..=5).map(|number| row(number, &camera("b"), EventKind::Plate));
    give(&mut plan, plates(1..=3).into_iter().chain(others()));
    let next = plan.next(s(0), |_| true, &mut Vec::new()).unwrap();
    let flight =
        |row| Flight { row, road: Road::Socketio, bytes: 9, alone: false, asked_at: 0, sent: s(0), stale: false };
    plan.sent(flight(next.row));
    let orders = plan.ended(id(1), Outcome::CameraNotAllowed { reason: "no".into() }, s(0));
    assert!(orders.iter().any(|order| matches!(order, Order::SayCameraHeld(..))), "{orders:?}");
    let mut unpinned = Vec::new();
    assert_eq!(plan.next(s(0), |_| true, &mut unpinned).unwrap().row.id, id(4), "the other camera's go on");
    assert_eq!(unpinned, [id(2), id(3)]);
    let (_, want) = plan.want(s(0)).unwrap();
    assert_eq!((want.held, want.skip.contains(&id(2))), (vec![camera("a")], false));
    assert!(plan.wake_at(s(0)).unwrap() <= s(300));
    plan.lanes.look_again();
    assert!(plan.want(s(301)).unwrap().1.held.is_empty());
}

#[test]
fn an_event_too_large_for_rest_is_tried_smaller_before_it_is_quarantined() {
    let mut plan = by_rest(&two(), Transport::Rest);
    give(&mut plan, plates([1]));
    let too_large = || Outcome::TooLarge { reason: "413".into() };
    send(&mut plan, 900_000, s(0));
    assert!(plan.ended(id(1), too_large(), s(0)).is_empty());
    let next = plan.next(s(0), |_| true, &mut Vec::new()).unwrap();
    assert!(next.small);
    plan.sent(Flight {
        row: next.row,
        road: Road::Rest,
        bytes: 9,
        alone: false,
        asked_at: 0,
        sent: s(0),
        stale: false,
    });
    assert!(matches!(plan.ended(id(1), too_large(), s(0))[..], [Order::Quarantine(..)]));
}

#[test]
fn rests_refusal_of_our_credentials_does_not_stop_a_socket_that_works() {
    let mut plan = by_socket(&two());
    plan.desk.by_rest(id(1));
    give(&mut plan, plates(1..=2));
    assert_eq!(send(&mut plan, 100, s(0)), [1, 2]);
    let orders = plan.ended(id(1), Outcome::AuthRefused { reason: "401".into() }, s(0));
    assert!(matches!(orders[..], [Order::Unpin(_)]), "{orders:?}");
    assert!(plan.link.may_send(s(0)) && plan.trouble.is_some());
    give(&mut plan, plates([3]));
    assert_eq!(send(&mut plan, 100, s(0)), [3], "and it is not first for ever");
}

#[test]
fn credentials_refused_to_a_whole_window_are_said_once() {
    let mut plan = by_rest(&two(), Transport::Rest);
    give(&mut plan, plates(1..=16));
    send(&mut plan, 100, s(0));
    let said: usize = (1..=16)
        .flat_map(|number| plan.ended(id(number), Outcome::AuthRefused { reason: "401".into() }, s(0)))
        .filter(|order| matches!(order, Order::SayAuthRefused(_)))
        .count();
    assert_eq!(said, 1);
}

#[test]
fn a_row_whose_receipt_cannot_be_written_down_is_not_sent_again() {
    let mut plan = by_socket(&Peer::default());
    give(&mut plan, plates([1]));
    send(&mut plan, 100, s(0));
    let Some(Order::Confirm(row, ..)) = plan.ended(id(1), receipt(), s(0)).pop() else { panic!("no receipt") };
    let settled = crate::outbox::Settled { id: row.id, duplicate: false, checkpoint: None };
    for hour in 0..24 {
        plan.ledger.ended(vec![settled], false, s(3600 * hour));
        plan.lanes.look_again();
        assert!(plan.want(s(3600 * hour)).unwrap().1.skip.contains(&id(1)));
        assert_eq!(plan.ledger.due(s(3600 * hour + 60)), [settled]);
    }
}

#[test]
fn a_nameless_error_condemns_a_row_only_where_there_is_no_rest_and_others_are_accepted() {
    let mut plan = Plan::new(Transport::Socketio, 1, Timings::default(), s(0), || 0.0);
    let mut quarantined = false;
    let mut now = s(0);
    for number in 2..40 {
        now += s(700);
        if let Some(generation) = plan.link.poll(now) {
            plan.connected(generation, &Peer::default(), now);
        }
        give(&mut plan, plates([1]));
        while let Some(next) = plan.next(now, |_| true, &mut Vec::new()) {
            let (id, outcome) = (next.row.id, Outcome::Complained { reason: "'sid'".into() });
            let bad = id == self::id(1);
            plan.sent(Flight {
                row: next.row,
                road: Road::Socketio,
                bytes: 9,
                alone: next.alone,
                asked_at: 0,
                sent: now,
                stale: false,
            });
            let orders = plan.ended(id, if bad { outcome } else { receipt() }, now);
            quarantined |=
                orders.iter().any(|order| matches!(order, Order::Quarantine(row, _) if row.id == self::id(1)));
        }
        if quarantined {
            assert!(number > 5);
            return;
        }
        now += s(700);
        if let Some(generation) = plan.link.poll(now) {
            plan.connected(generation, &Peer::default(), now);
        }
        give(&mut plan, plates([number]));
        let sent = send(&mut plan, 9, now);
        sent.iter().for_each(|number| drop(plan.ended(id(*number), receipt(), now)));
    }
    panic!("it is tried for ever");
}

#[test]
fn a_final_refusal_is_quarantined_at_once_and_nothing_else_is_touched() {
    let mut plan = by_socket(&two());
    give(&mut plan, plates(1..=2));
    send(&mut plan, 100, s(0));
    let refused = Outcome::Refused { code: Some(Code::Invalid), reason: "bad".into() };
    assert!(matches!(plan.ended(id(1), refused, s(0))[..], [Order::Quarantine(..)]));
    assert_eq!(plan.flights.len(), 1);
}

#[test]
fn a_provisional_event_waits_for_a_server_that_knows_revisions_and_holds_nothing_up() {
    let mut provisional = row(1, &camera("a"), EventKind::Plate);
    provisional.body.insert(PROVISIONAL.into(), true.into());
    let mut plan = by_socket(&two());
    give(&mut plan, plates([2]).into_iter().chain([provisional.clone()]));
    assert_eq!(send(&mut plan, 9, s(0)), [2]);
    assert!(plan.want(s(1)).unwrap().1.skip.contains(&id(1)));
    let mut plan = by_socket(&Peer { revisions: true, ..two() });
    give(&mut plan, [provisional]);
    assert_eq!(send(&mut plan, 9, s(0)), [1]);
}
