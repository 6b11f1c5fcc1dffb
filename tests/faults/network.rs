//! Rounds in which the road fails, or who stands in it answers.

use crate::fault_proxy::{Front, Wire};
use crate::site::{Site, now_ms};
use crate::tls::{Authority, door};
use std::time::Duration;

pub fn cut(site: &mut Site) {
    site.start();
    for _ in 0..3 {
        let up = site.rng.ms(50, 500);
        site.last(up);
        site.proxy.set(Wire::Refuse);
        let down = site.rng.ms(100, 800);
        site.last(down);
        site.proxy.set(Wire::Pass);
    }
    site.healed();
}

/// The figure: noticed, and data flowing by REST. In the long run also: back on the socket.
pub fn half_open(site: &mut Site) {
    site.start();
    site.wait("the socket", |oracle| oracle.link() == "socketio");
    site.proxy.freeze();
    site.healed();
    let frozen = site.healed_ms;
    site.wait("a delivery by REST", |oracle| oracle.deliveries(frozen).iter().any(|delivery| delivery.road == "rest"));
    if site.plan.real_timings {
        let begun = now_ms();
        site.wait("the socket again", |oracle| oracle.link_since(begun, "socketio").is_some());
        let back = site.oracle().link_since(begun, "socketio").unwrap() - frozen;
        site.notes.push(format!("back on Socket.IO after {:.1} s", back as f64 / 1000.0));
        assert!(back <= 60_000, "back on Socket.IO after {back} ms; 60 s are wanted");
    }
}

fn while_wire(site: &mut Site, wire: Wire, time: (u64, u64)) {
    site.start();
    site.proxy.set(wire);
    let time = site.rng.ms(time.0, time.1);
    site.last(time);
    site.proxy.set(Wire::Pass);
    site.healed();
}

/// Longer than an answer may take.
pub fn stall(site: &mut Site) {
    while_wire(site, Wire::Stall, (2500, 4500));
}

pub fn black_hole(site: &mut Site) {
    while_wire(site, Wire::BlackHole, (2500, 4500));
}

pub fn throttle(site: &mut Site) {
    while_wire(site, Wire::Throttle(40_000), (2000, 4000));
}

pub fn truncate(site: &mut Site) {
    let bytes = site.rng.range(1, 40_000);
    while_wire(site, Wire::Truncate(bytes), (1500, 3000));
}

pub fn latency(site: &mut Site) {
    let ms = Duration::from_millis;
    while_wire(site, Wire::Latency { base: ms(100), jitter: ms(200) }, (2000, 4000));
}

pub fn status(site: &mut Site, status: u16) {
    while_wire(site, Wire::Front(Front::Status(status)), (2000, 3500));
    assert!(site.proxy.fronted() > 0, "nothing was asked while the server answered {status}");
}

pub fn garbage(site: &mut Site) {
    while_wire(site, Wire::Front(Front::Garbage), (2000, 3500));
    assert!(site.proxy.fronted() > 0, "nothing was asked while garbage was answered");
}

/// Its name cannot be resolved until the configuration is mended.
pub fn no_such_host(site: &mut Site) {
    site.start_server();
    site.server_url = Some("http://nonexistent.invalid:8765".into());
    site.plan.uplink = "allow_insecure = true\n".into();
    site.start_agent();
    site.wait("events that wait", |oracle| oracle.committed() >= 30);
    assert_eq!(site.oracle().deliveries(0).len(), 0);
    site.stop_agent();
    site.server_url = None;
    site.healed();
    site.start_agent();
}

/// Who stands in the server's place cannot prove that it is the server: nothing is told to it. Then the right one comes.
pub fn wrong_certificate(site: &mut Site) {
    site.start_server();
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let target = site.proxy.address.to_string();
    site.plan.uplink = format!("ca_file = \"{}\"\n", right.file(&site.dir, "ca.pem").display());
    let url =
        |authority: &Authority| format!("https://127.0.0.1:{}", door(&target, &authority.vouch_for("127.0.0.1"), None));
    site.server_url = Some(url(&wrong));
    site.start_agent();
    site.wait("events that wait", |oracle| oracle.committed() >= 30);
    site.wait("a link that is down", |oracle| oracle.link() == "down");
    assert_eq!((site.oracle().deliveries(0).len(), site.proxy.connections()), (0, 0), "nothing may pass");
    site.stop_agent();
    site.server_url = Some(url(&right));
    site.healed();
    site.start_agent();
}
