//! Rounds in which the server goes and comes back, not always the same.

use crate::site::{Site, copy_folder};
use std::fs;
use std::time::Duration;

/// With the figure: data flows again soon after the server does.
pub fn restart(site: &mut Site) {
    site.start();
    site.stop_server();
    let down = site.rng.ms(300, 3000);
    site.last(down);
    site.start_server();
    site.healed();
}

/// Its database is gone: what the agent keeps of the delivered events is sent again.
pub fn empty(site: &mut Site) {
    site.start();
    site.stop_server();
    fs::remove_dir_all(site.server_data()).unwrap();
    site.start_server();
    site.healed();
}

/// It is as it was some time ago.
pub fn restore(site: &mut Site) {
    site.start();
    site.stop_server();
    let backup = site.dir.join("backup");
    copy_folder(&site.server_data(), &backup);
    site.start_server();
    let before = site.oracle().deliveries(0).len();
    site.wait("deliveries after the backup", |oracle| oracle.deliveries(0).len() >= before + 20);
    site.kill_server();
    fs::remove_dir_all(site.server_data()).unwrap();
    copy_folder(&backup, &site.server_data());
    site.last(Duration::from_millis(100));
    site.start_server();
    site.healed();
}
