//! Commands run as root on another user's data directory (`sudo lpr-agent outbox …`): what they make there must belong to
//! that user, or the service could not go on.

use super::{Exit, Failure};
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};
use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// From here on this process is the owner of the data directory, where it was root and the owner is another.
pub fn become_owner(data_dir: &Path) -> Result<(), Failure> {
    let Ok(dir) = std::fs::metadata(data_dir) else { return Ok(()) };
    if !geteuid().is_root() || dir.uid() == 0 {
        return Ok(());
    }
    let uid = Uid::from_raw(dir.uid());
    let user = User::from_uid(uid).ok().flatten();
    let name = user.as_ref().map_or_else(|| format!("#{uid}"), |user| user.name.clone());
    switch(uid, user.as_ref(), Gid::from_raw(dir.gid())).map_err(|error| {
        let dir = data_dir.display();
        let what = format!("{dir} belongs to {name}, and this process cannot become that user: {error}");
        Failure::new(Exit::Storage, format!("{what}; run it as sudo -u {name} lpr-agent …"))
    })
}

fn switch(uid: Uid, user: Option<&User>, dir_group: Gid) -> nix::Result<()> {
    let group = user.map_or(dir_group, |user| user.gid);
    match user.and_then(|user| CString::new(user.name.as_str()).ok()) {
        Some(name) => initgroups(&name, group)?,
        None => setgroups(&[group])?,
    }
    setgid(group)?;
    setuid(uid)
}
