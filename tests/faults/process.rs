//! Rounds in which a process dies without a word.

use crate::common;
use crate::site::{Site, without_our_variables};
use std::process::{Command, ExitStatus};

pub fn kill_agent(site: &mut Site) {
    site.start();
    for _ in 0..2 {
        let lives = site.rng.ms(10, 900);
        site.last(lives);
        site.kill_agent();
        site.healed();
        site.start_agent();
    }
}

pub fn kill_agent_at(site: &mut Site, place: &str) {
    site.start_server();
    let number = site.rng.range(1, 12);
    site.start_agent_to_die(&format!("{place}:{number}"));
    let status = site.wait_for_agents_end(&format!("the agent's death at {place}"));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "not by the kill point: {status}");
    site.healed();
    site.start_agent();
}

pub fn kill_server(site: &mut Site) {
    site.start();
    for _ in 0..2 {
        let lives = site.rng.ms(10, 900);
        site.last(lives);
        site.kill_server();
        let dead = site.rng.ms(1, 600);
        site.last(dead);
        site.start_server();
        site.healed();
    }
}

pub fn kill_server_at(site: &mut Site, place: &str) {
    let number = site.rng.range(2, 25);
    site.start_server_to_die(&format!("{place}:{number}"));
    site.start_agent();
    site.wait_for_servers_death();
    let dead = site.rng.ms(1, 600);
    site.last(dead);
    site.start_server();
    site.healed();
}

/// After a server that refused everything: what is aside goes back into the queue, by the technician's command.
pub fn requeue_quarantined(site: &mut Site) -> ExitStatus {
    let aside = site.quarantined();
    site.notes.push(format!("{} quarantined and requeued", aside.len()));
    assert!(aside.len() <= 25, "the breaker must trip after 20; {} are quarantined", aside.len());
    let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-agent"));
    command.args(["outbox", "requeue", "--config"]).arg(site.config_path()).args(&aside);
    let output = common::run_in(without_our_variables(&mut command));
    assert!(output.status.success(), "outbox requeue: {}", common::text(&output.stderr));
    site.start_agent();
    site.drain()
}
