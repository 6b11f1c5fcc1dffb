//! What was freed and stays with the C library is given back to the system.
//!
//! Frames, tensors and the weights of models that others replaced leave free memory in pieces between what stays: 50 MB more after a
//! few changes of models, and some 10 MB in half an hour.

/// Gives it back now: some milliseconds, during which no thread can allocate.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "malloc_trim takes no pointer and may be called at any time by any thread")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// While models load, each larger piece of their weights is mapped by itself, and goes back to the system with them. In the heap,
/// old and new weights, which are in use at the same time at each change, would leave holes between what others keep.
pub(super) struct MapsWeights;

/// From how many bytes on the C library maps a piece by itself while models load.
const WHILE_LOADING: libc::c_int = 32 << 10;
/// And otherwise, as systemd/lpr-agent.service has it from the start: mapping is too slow for what comes and goes with each frame.
const OTHERWISE: libc::c_int = 1 << 20;

impl MapsWeights {
    /// Until this is dropped, for all threads.
    pub(super) fn begin() -> Self {
        map_from(WHILE_LOADING);
        Self
    }
}

impl Drop for MapsWeights {
    fn drop(&mut self) {
        map_from(OTHERWISE);
    }
}

#[cfg(target_env = "gnu")]
fn map_from(bytes: libc::c_int) {
    #[allow(unsafe_code, reason = "mallopt takes no pointer and locks what it changes")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
    }
}

#[cfg(not(target_env = "gnu"))]
fn map_from(_: libc::c_int) {}

/// The last part of a pipeline to be dropped: gives its memory back.
pub(super) struct GivesBack;

impl Drop for GivesBack {
    fn drop(&mut self) {
        give_memory_back();
    }
}
