//! Each connection is a file to the system, which lets a process have so many.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// For the database, the pictures and what the runtime needs.
const OTHERS: u64 = 256;

/// Takes as many files as the system allows this process; says so where that is too few for `connections`.
pub fn make_room(connections: usize) {
    let files = match take_all() {
        Ok(files) => files,
        Err(error) => return tracing::debug!(%error, "the limit of open files is not known"),
    };
    let needed = OTHERS.saturating_add(connections as u64);
    if files < needed {
        tracing::warn!(
            files,
            needed,
            "limits.connections is more than this process may have files: raise its limit (LimitNOFILE= in a unit, ulimit -Hn)"
        );
    }
}

/// What a shell gives is often 1024, with leave to take more.
fn take_all() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    }
    // None: there is no limit.
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_the_system_allows_is_taken() {
        let hard = Some(take_all().unwrap());
        assert_eq!(getrlimit(Resource::Nofile), Rlimit { current: hard, maximum: hard });
    }
}
