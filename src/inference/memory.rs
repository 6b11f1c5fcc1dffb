//! What was freed and stays with the C library is given back to the system.
//!
//! Frames, tensors and the weights of models that others replaced leave free memory in pieces between what stays, and the heaps
//! fill them anew only in part: an agent grew by 30 MB within an hour, and by 50 MB after a few changes of models.

/// Gives it back now: some milliseconds, during which no thread can allocate.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "malloc_trim takes no pointer and may be called at any time by any thread")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The last part of a pipeline to be dropped: gives its memory back.
pub(super) struct GivesBack;

impl Drop for GivesBack {
    fn drop(&mut self) {
        give_memory_back();
    }
}
