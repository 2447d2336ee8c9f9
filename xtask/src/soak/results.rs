//! What the disturbed runs came to.

use std::time::Duration;

/// Counts over all runs.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) runs: u32,
    /// Processes that were started, the resumed ones included.
    pub(super) processes: u32,
    /// Signals that were sent.
    pub(super) signals: u32,
    /// Runs that were killed before a file operation.
    pub(super) operations: u32,
    /// Runs that began anew because nothing had been saved yet.
    pub(super) begun_anew: u32,
    pub(super) failures: u32,
    /// The longest time from a request to stop to the end of the process.
    pub(super) slowest_stop: Duration,
}

impl Results {
    /// A line for people.
    pub(super) fn line(&self, elapsed: Duration) -> String {
        format!(
            "{} runs in {:.0} s: {} processes, {} signals, {} killed before a file operation, {} begun anew, slowest \
             stop {:.2} s; lost something: {}",
            self.runs,
            elapsed.as_secs_f64(),
            self.processes,
            self.signals,
            self.operations,
            self.begun_anew,
            self.slowest_stop.as_secs_f64(),
            self.failures,
        )
    }
}
