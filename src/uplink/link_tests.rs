use super::*;
use proptest::prelude::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn machine(transport: Transport) -> LinkMachine {
    LinkMachine::new(transport, Timings::default(), s(0))
}

#[test]
fn the_socket_is_the_first_choice_and_is_used_at_once() {
    let mut link = machine(Transport::Auto);
    assert!(!link.may_send(s(0)));
    assert_eq!(link.poll(s(0)), Some(1));
    assert_eq!(link.poll(s(1)), None, "one attempt at a time");
    assert!(link.connected(1, s(2)));
    assert_eq!(link.mode(), Mode::Socket { generation: 1, since: s(2) });
    assert!(link.may_send(s(2)));
}

#[test]
fn a_broken_socket_moves_to_rest_at_once_and_is_probed_in_the_background() {
    let mut link = machine(Transport::Auto);
    link.poll(s(0));
    link.connected(1, s(0));
    link.socket_failed(1, s(100), 0.0);
    assert_eq!(link.mode(), Mode::Rest { since: s(100), proven: false });
    assert!(link.may_send(s(100)), "data does not wait");
    assert_eq!(link.poll(s(100)), None);
    assert_eq!(link.poll(s(101)), Some(2));
}

#[test]
fn the_socket_returns_when_it_is_stable_and_rest_has_had_its_time() {
    let mut link = machine(Transport::Auto);
    link.poll(s(0));
    link.socket_failed(1, s(0), 0.0);
    link.rest_proven(s(0));
    assert_eq!(link.poll(s(1)), Some(2));
    assert!(link.connected(2, s(2)));
    link.poll(s(12));
    assert!(matches!(link.mode(), Mode::Rest { .. }), "stable, but REST has only just begun");
    assert_eq!(link.wake_at(s(12)), Some(s(30)));
    link.poll(s(30));
    assert!(matches!(link.mode(), Mode::Socket { generation: 2, .. }));
}

#[test]
fn rest_failing_beside_a_fresh_socket_hands_over_without_waiting() {
    let mut link = machine(Transport::Auto);
    link.poll(s(0));
    link.socket_failed(1, s(0), 0.0);
    link.poll(s(1));
    link.connected(2, s(2));
    link.rest_failed(s(3), 0.5);
    assert!(matches!(link.mode(), Mode::Socket { generation: 2, .. }));
}

#[test]
fn a_returning_server_gets_its_socket_probed_soon() {
    let mut link = machine(Transport::Auto);
    let mut now = s(0);
    for _ in 0..12 {
        if let Some(generation) = link.poll(now) {
            link.socket_failed(generation, now, 1.0);
        }
        link.proof_failed(now, false, 1.0);
        now = link.wake_at(now).unwrap();
    }
    link.poll(now);
    while !matches!(link.mode(), Mode::Rest { .. }) {
        now = link.wake_at(now).unwrap();
        if let Some(generation) = link.poll(now) {
            link.socket_failed(generation, now, 1.0);
        }
    }
    link.rest_proven(now);
    assert!(link.wake_at(now).unwrap() <= now + s(1));
}

#[test]
fn a_server_that_restarts_is_found_within_seconds_and_one_that_is_gone_is_not_pestered() {
    let mut link = machine(Transport::Rest);
    let mut waits = Vec::new();
    for _ in 0..16 {
        link.proof_failed(s(0), false, 1.0);
        let Mode::Down { until } = link.mode() else { panic!("{:?}", link.mode()) };
        waits.push(until.as_secs());
        link.poll(until);
        link.mode = Mode::Rest { since: s(0), proven: false };
    }
    assert_eq!(waits, [2, 4, 4, 4, 4, 4, 4, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
}

#[test]
fn a_machine_that_refuses_the_connection_itself_is_asked_every_few_seconds_however_long_it_lasts() {
    let mut link = machine(Transport::Rest);
    for _ in 0..1000 {
        link.proof_failed(s(0), true, 1.0);
        let Mode::Down { until } = link.mode() else { panic!("{:?}", link.mode()) };
        assert!(until <= s(4), "{until:?}");
        link.poll(until);
        link.mode = Mode::Rest { since: s(0), proven: false };
    }
}

#[test]
fn a_server_that_is_there_and_takes_nothing_is_tried_less_and_less_often() {
    let mut link = machine(Transport::Auto);
    let (mut now, mut longest, mut attempts) = (s(0), s(0), 0);
    for _ in 0..30 {
        if let Some(generation) = link.poll(now) {
            attempts += 1;
            link.socket_failed(generation, now, 1.0);
        }
        // `/api/test` works every time, the event fails every time.
        link.rest_proven(now);
        link.rest_failed(now, 1.0);
        if let Mode::Down { until } = link.mode() {
            longest = until - now;
            now = until;
        }
    }
    assert_eq!(longest, s(60));
    assert!(attempts < 16, "nor is its socket: {attempts}");
    link.poll(now);
    link.rest_proven(now);
    link.rest_worked(now);
    link.rest_failed(now, 1.0);
    assert_eq!(link.mode(), Mode::Down { until: now + s(2) }, "one answer makes it a good server again");
}

#[test]
fn a_short_wait_does_not_shorten_a_long_one_and_unnamed_waits_grow_until_something_is_accepted() {
    let mut link = machine(Transport::Rest);
    link.hold(s(0), Some(s(100)));
    link.hold(s(1), Some(s(5)));
    link.hold(s(1), None);
    assert!(!link.may_send(s(99)) && link.may_send(s(100)));
    let mut waits = Vec::new();
    for round in 1..6 {
        let now = s(1000 * round);
        link.hold(now, None);
        waits.push((link.wake_at(now).unwrap() - now).as_secs());
    }
    assert_eq!(waits, [10, 20, 40, 60, 60]);
    link.accepted();
    link.hold(s(9000), None);
    assert_eq!(link.wake_at(s(9000)), Some(s(9005)));
}

#[test]
fn a_refused_registration_that_names_a_wait_is_obeyed() {
    let mut link = machine(Transport::Auto);
    let generation = link.poll(s(0)).unwrap();
    link.socket_failed(generation, s(0), 0.0);
    link.socket_waits(s(90), s(0));
    link.rest_proven(s(0));
    assert_eq!(link.poll(s(89)), None);
    assert!(link.poll(s(90)).is_some());
}

#[test]
fn refused_credentials_are_news_once_however_many_events_hear_of_it() {
    let mut link = machine(Transport::Rest);
    assert!(link.auth_refused(s(0)));
    assert!((0..16).all(|_| !link.auth_refused(s(0))));
    link.poll(s(60));
    assert!(link.auth_refused(s(61)));
}

#[test]
fn refused_credentials_pause_both_roads_and_are_tried_again() {
    let mut link = machine(Transport::Auto);
    link.poll(s(0));
    link.connected(1, s(0));
    let _ = link.auth_refused(s(5));
    assert_eq!(link.live(), None, "the socket is to be closed");
    assert!(!link.may_send(s(64)));
    assert_eq!(link.poll(s(64)), None);
    assert!(link.poll(s(65)).is_some());
    assert_eq!(link.mode(), Mode::Probing);
}

#[test]
fn a_server_that_asks_us_to_wait_is_obeyed_on_either_road() {
    let mut link = machine(Transport::Auto);
    link.poll(s(0));
    link.connected(1, s(0));
    link.hold(s(10), Some(s(7)));
    assert!(!link.may_send(s(16)) && link.may_send(s(17)));
    assert_eq!(link.wake_at(s(10)), Some(s(17)));
    assert!(matches!(link.mode(), Mode::Socket { .. }));
}

#[test]
fn one_road_alone_stays_on_it() {
    let mut rest = machine(Transport::Rest);
    assert_eq!(rest.poll(s(0)), None);
    assert!(rest.may_send(s(0)));
    rest.rest_failed(s(0), 1.0);
    assert_eq!(rest.mode(), Mode::Down { until: s(2) });
    assert_eq!(rest.poll(s(2)), None);
    assert!(rest.may_send(s(2)));

    let mut socket = machine(Transport::Socketio);
    socket.poll(s(0));
    socket.socket_failed(1, s(0), 0.0);
    assert_eq!(socket.mode(), Mode::Down { until: s(1) });
    assert_eq!(socket.poll(s(1)), Some(2));
    assert!(!socket.may_send(s(1)));
    socket.connected(2, s(1));
    assert!(socket.may_send(s(1)));
}

#[derive(Debug, Clone)]
enum Happening {
    Passes(u64),
    Connects { old: bool },
    SocketFails { old: bool },
    Proof { works: bool, refused: bool },
    RestWorks,
    RestFails,
    Hold(u64),
    AuthRefused,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0u64..400).prop_map(Happening::Passes),
        3 => any::<bool>().prop_map(|old| Happening::Connects { old }),
        3 => any::<bool>().prop_map(|old| Happening::SocketFails { old }),
        2 => any::<(bool, bool)>().prop_map(|(works, refused)| Happening::Proof { works, refused }),
        2 => Just(Happening::RestWorks),
        2 => Just(Happening::RestFails),
        1 => (0u64..100).prop_map(Happening::Hold),
        1 => Just(Happening::AuthRefused),
    ]
}

fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![3 => Just(Transport::Auto), 1 => Just(Transport::Socketio), 1 => Just(Transport::Rest)]
}

/// Applies one happening and checks what must hold in every step.
fn step(link: &mut LinkMachine, happening: &Happening, now: &mut Duration, connecting: &mut Option<u64>, jitter: f64) {
    let before = link.mode();
    let newest = connecting.or(link.live()).unwrap_or(0);
    match happening {
        Happening::Passes(seconds) => *now += s(*seconds),
        Happening::Connects { old } => {
            let generation = if *old { newest.saturating_sub(1) } else { newest };
            let taken = link.connected(generation, *now);
            assert_eq!(taken, *connecting == Some(generation), "only the newest attempt counts, once");
            if let Mode::Rest { .. } = before {
                assert!(matches!(link.mode(), Mode::Rest { .. }), "a fresh socket does not take over at once");
            }
            if taken {
                *connecting = None;
            }
        }
        Happening::SocketFails { old } => {
            let generation = if *old { newest.saturating_sub(1) } else { newest };
            link.socket_failed(generation, *now, jitter);
            if generation == newest {
                *connecting = None;
                assert!(!matches!(link.mode(), Mode::Socket { .. }), "a broken socket is not used");
                if let (Mode::Socket { .. }, Transport::Auto) = (before, link.transport) {
                    assert!(matches!(link.mode(), Mode::Rest { .. }), "REST takes over at once");
                }
            } else {
                assert_eq!(link.mode(), before, "an old generation changes nothing");
            }
        }
        Happening::Proof { works: true, .. } => link.rest_proven(*now),
        Happening::Proof { refused, .. } => link.proof_failed(*now, *refused, jitter),
        Happening::RestWorks => link.rest_worked(*now),
        Happening::RestFails => link.rest_failed(*now, jitter),
        Happening::Hold(seconds) => link.hold(*now, Some(s(*seconds))),
        Happening::AuthRefused => {
            let _ = link.auth_refused(*now);
            *connecting = None;
        }
    }
    let before = link.mode();
    let last = link.generation;
    if let Some(generation) = link.poll(*now) {
        assert!(generation > last, "generations rise");
        assert_eq!((*connecting, link.live()), (None, None), "one attempt or connection at a time");
        assert_ne!(link.transport, Transport::Rest);
        *connecting = Some(generation);
    }
    if let (Mode::Rest { since, .. }, Mode::Socket { .. }) = (before, link.mode()) {
        assert!(*now >= since + link.timings.dwell);
    }
    match link.mode() {
        Mode::Socket { generation, .. } => assert_eq!(link.live(), Some(generation)),
        Mode::Rest { .. } => assert_ne!(link.transport, Transport::Socketio),
        Mode::Down { until } => assert!(until <= *now + s(300)),
        Mode::AuthPaused { .. } => assert_eq!(link.live(), None),
        Mode::Probing => assert_ne!(link.transport, Transport::Rest),
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold_and_a_healthy_server_is_found_again(
        transport in transport(),
        happenings in prop::collection::vec((happening(), 0.0f64..=1.0), 0..60),
        socket_works: bool,
    ) {
        let mut link = machine(transport);
        let mut now = s(0);
        let mut connecting = None;
        for (happening, jitter) in &happenings {
            step(&mut link, happening, &mut now, &mut connecting, *jitter);
        }
        // From here on REST works, and the socket perhaps.
        if let Some(generation) = link.live().filter(|_| !socket_works) {
            link.socket_failed(generation, now, 1.0);
        }
        for _ in 0..40 {
            if let Some(generation) = connecting.take().or_else(|| link.poll(now)) {
                if socket_works { link.connected(generation, now); } else { link.socket_failed(generation, now, 1.0); }
            }
            link.rest_proven(now);
            if let Some(at) = link.wake_at(now) {
                now = now.max(at);
            }
        }
        match (transport, socket_works) {
            (Transport::Rest, _) | (Transport::Auto, false) => assert!(matches!(link.mode(), Mode::Rest { .. })),
            (_, true) => assert!(matches!(link.mode(), Mode::Socket { .. })),
            (Transport::Socketio, false) => assert!(matches!(link.mode(), Mode::Down { .. })),
        }
    }

    #[test]
    fn waits_stay_in_their_range(failures in any::<u32>(), jitter in any::<f64>()) {
        let wait = backoff((s(1), s(300)), failures, jitter);
        prop_assert!(wait >= s(1) && wait <= s(300));
    }
}
