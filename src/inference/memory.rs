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

/// The last part of a pipeline to be dropped: gives its memory back.
pub(super) struct GivesBack;

impl Drop for GivesBack {
    fn drop(&mut self) {
        give_memory_back();
    }
}
