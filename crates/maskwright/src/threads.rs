//! The threads that everything in parallel shares.

use anyhow::Context;
use rayon::ThreadPoolBuilder;

/// The variable that says how many.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// More than any machine has cores; the system would be asked for them all the same.
const MOST: usize = 1024;

/// Starts them, one for each core or as many as the environment says, before there is work for them: started
/// by the first work, threads that the system does not allow would be a panic in it.
pub(crate) fn start() -> anyhow::Result<()> {
    let asked = match std::env::var_os(VARIABLE) {
        Some(text) if !text.is_empty() => Some(number(&text.to_string_lossy())?),
        _ => None,
    };
    // 0 is one for each core.
    let threads = asked.unwrap_or(0);
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    ThreadPoolBuilder::new().num_threads(threads).build_global().with_context(|| {
        let threads = if threads == 0 { found } else { threads };
        format!(
            "expected the system to allow {threads} threads more (its limit may be raised, or fewer \
             asked for by {VARIABLE}=1), found that it does not"
        )
    })
}

fn number(text: &str) -> anyhow::Result<usize> {
    match text.parse() {
        Ok(number) if number <= MOST => Ok(number),
        _ => anyhow::bail!("{VARIABLE}: expected a number of threads up to {MOST}, found {text:?}"),
    }
}
