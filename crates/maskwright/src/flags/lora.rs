//! The low-rank adapter that `--train lora` learns.

use clap::Args;
use maskwright_model::adapter::{Blocks, LoraConfig, LoraTarget};

use super::named::named;

/// The flags of a low-rank adapter; they need `--train lora`.
#[derive(Args)]
#[command(next_help_heading = "Low-rank adapter, with --train lora")]
pub(crate) struct LoraFlags {
    /// Rank of the matrices A and B that are added to a weight as B A
    #[arg(long, value_name = "N", default_value_t = 4)]
    lora_rank: usize,

    /// B A is scaled by this number over the rank; the rank if not given, which scales by 1
    #[arg(long, value_name = "ALPHA")]
    lora_alpha: Option<f64>,

    /// Blocks of the image encoder with an adapter: all, or last:K. What lies before them needs no memory for gradients
    #[arg(long, value_name = "BLOCKS", default_value = "all")]
    lora_blocks: Blocks,

    /// Layers of each block with an adapter
    #[arg(
        long,
        value_name = "LAYER,...",
        value_delimiter = ',',
        value_parser = named::<LoraTarget>(),
        default_value = "qkv"
    )]
    lora_targets: Vec<LoraTarget>,
}

impl LoraFlags {
    /// Sets what the flag of this id says; false if it is none of these.
    pub(crate) fn set(&self, flag: &str, lora: &mut LoraConfig) -> bool {
        match flag {
            "lora_rank" => lora.rank = self.lora_rank,
            "lora_alpha" => lora.alpha = self.lora_alpha,
            "lora_blocks" => lora.blocks = self.lora_blocks,
            "lora_targets" => lora.targets.clone_from(&self.lora_targets),
            _ => return false,
        }
        true
    }
}
