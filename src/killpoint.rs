//! Named places at which a test may kill the process: SIGKILL between two steps whose order is a promise.
//!
//! Without the feature `kill-points` every call is empty. With it, `LPR_KILL_AT=name` or `LPR_KILL_AT=name:n` in the
//! environment ends the process at the first or n-th call with that name. Nothing is flushed, no destructor runs.

/// Says that the process has come to the place `name`.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn hit(_name: &str) {}

/// Says that the process has come to the place `name`; ends it there where that was asked for.
#[cfg(feature = "kill-points")]
pub fn hit(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static HITS: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| parse(&std::env::var("LPR_KILL_AT").ok()?));
    if let Some((place, number)) = wanted
        && place == name
        && HITS.fetch_add(1, Ordering::SeqCst) + 1 == *number
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal is on its way: what comes after this place must not happen.
        loop {
            std::thread::park();
        }
    }
}

/// `name` or `name:n`, n from 1.
#[cfg(feature = "kill-points")]
fn parse(text: &str) -> Option<(String, u32)> {
    match text.rsplit_once(':') {
        Some((name, number)) => Some((name.to_owned(), number.parse().ok().filter(|number| *number > 0)?)),
        None => (!text.is_empty()).then(|| (text.to_owned(), 1)),
    }
}

#[cfg(all(test, feature = "kill-points"))]
mod tests {
    use super::parse;

    #[test]
    fn a_place_may_have_a_number() {
        assert_eq!(parse("outbox.commit.after"), Some(("outbox.commit.after".into(), 1)));
        assert_eq!(parse("uplink.sent:7"), Some(("uplink.sent".into(), 7)));
        assert_eq!(parse("uplink.sent:0"), None);
        assert_eq!(parse(""), None);
    }
}
