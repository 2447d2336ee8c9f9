//! Flags of HQ-SAM's `train.py` that have no meaning of their own here.

use clap::Args;

use crate::exit::Usage;
use crate::tell;

/// Other flags of HQ-SAM's `train.py`, taken so that an old command line carries over.
#[derive(Args)]
pub(crate) struct LegacyFlags {
    /// Evaluate the model on the validation sets instead of training it
    #[arg(long, hide = true)]
    pub(crate) eval: bool,
    #[arg(long, hide = true)]
    visualize: bool,
    #[arg(long, hide = true)]
    batch_size_valid: Option<usize>,
    #[arg(long, hide = true)]
    world_size: Option<usize>,
    #[arg(long, hide = true)]
    rank: Option<usize>,
    #[arg(long, hide = true)]
    local_rank: Option<usize>,
    #[arg(long, hide = true)]
    dist_url: Option<String>,
    #[arg(long, hide = true)]
    find_unused_params: bool,
}

impl LegacyFlags {
    /// One process trains here, whatever a launcher says of several; flags without a meaning
    /// are named.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.world_size.is_some_and(|n| n > 1) || self.rank.or(self.local_rank) > Some(0) {
            return Err(Usage(
                "--world-size, --rank: expected one process, which uses all cores; found several"
                    .into(),
            )
            .into());
        }
        let without_meaning = [
            (self.dist_url.is_some(), "--dist-url"),
            (self.find_unused_params, "--find-unused-params"),
            (self.batch_size_valid.is_some(), "--batch-size-valid (images are validated singly)"),
            (self.visualize, "--visualize (reports hold pictures; see `maskwright eval --report`)"),
        ];
        for (_, name) in without_meaning.iter().filter(|(given, _)| *given) {
            tell::note(format_args!("{name} has no effect here"));
        }
        Ok(())
    }
}
