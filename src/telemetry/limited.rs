//! The limit on warnings as a layer: events of one place in the code about the same camera, server or part are one kind.

use super::journal::Journal;
use super::limit::{Limiter, Verdict};
use super::line::Line;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

pub(super) struct Limited {
    limiter: Mutex<Limiter<(Identifier, String)>>,
    started: Instant,
    journal: Option<Arc<Journal>>,
}

impl Limited {
    pub(super) fn new(journal: Option<Arc<Journal>>) -> Self {
        Self { limiter: Mutex::default(), started: Instant::now(), journal }
    }

    fn say(&self, left_out: u64, target: &str) {
        let line =
            Line { message: "lines like the next were left out".into(), fields: vec![("count", left_out.to_string())] };
        match &self.journal {
            Some(journal) => journal.write(Level::INFO, target, &line),
            // Nobody may be reading any more; the program goes on.
            None => drop(writeln!(std::io::stderr(), " INFO {target}: {line}")),
        }
    }
}

impl<S: Subscriber> Layer<S> for Limited {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return true;
        }
        let kind = (metadata.callsite(), Line::of(event).whom());
        let verdict = self.limiter.lock().unwrap_or_else(PoisonError::into_inner).ask(kind, self.started.elapsed());
        if let Verdict::Write { left_out: left_out @ 1.. } = verdict {
            self.say(left_out, metadata.target());
        }
        verdict != Verdict::LeaveOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tracing_subscriber::prelude::*;

    /// Counts what comes through.
    struct Count(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_flapping_camera_does_not_silence_another_and_what_is_no_warning_is_never_left_out() {
        let count = Arc::new(AtomicUsize::new(0));
        let subscriber = tracing_subscriber::registry().with(Limited::new(None)).with(Count(count.clone()));
        tracing::subscriber::with_default(subscriber, || {
            for turn in 0..100 {
                for camera in ["north", "south"] {
                    tracing::warn!(camera, turn, "no frames");
                }
                tracing::info!(turn, "as usual");
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 100 + 2 * 3);
    }
}
