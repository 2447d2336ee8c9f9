//! Ctrl-C: the first asks the run to stop at the next step and save, the second ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tell;

/// A flag that Ctrl-C (or a termination signal) raises.
pub(crate) fn on_ctrl_c() -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&asked);
    let handler = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        tell::say("\nstopping after this step; once more to stop at once");
    });
    if let Err(error) = handler {
        tell::note(format_args!("Ctrl-C will end the run without saving ({error})"));
    }
    asked
}
