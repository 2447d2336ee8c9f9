//! `--shard I/N`.

use std::str::FromStr;

/// One shard of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardOf {
    /// Its number, from 0.
    pub(super) shard: usize,
    /// How many there are.
    pub(super) shards: usize,
}

impl FromStr for ShardOf {
    type Err = String;

    fn from_str(text: &str) -> Result<ShardOf, String> {
        let numbers = text.split_once('/').and_then(|(shard, shards)| {
            Some((shard.parse::<usize>().ok()?, shards.parse::<usize>().ok()?))
        });
        match numbers {
            Some((shard, shards)) if shard < shards => Ok(ShardOf { shard, shards }),
            Some((_, shards)) if shards > 0 => {
                let last = shards - 1;
                Err(format!(
                    "expected a shard from 0/{shards} to {last}/{shards}, since they count from 0"
                ))
            }
            _ => {
                Err("expected the number of a shard, from 0, and how many there are, as in 2/8"
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_0() {
        let read = |text: &str| text.parse::<ShardOf>().map(|of| (of.shard, of.shards));
        assert_eq!(read("0/1"), Ok((0, 1)));
        assert_eq!(read("7/8"), Ok((7, 8)));
        let beyond = "expected a shard from 0/8 to 7/8, since they count from 0";
        assert_eq!(read("8/8"), Err(beyond.into()));
        let form = "expected the number of a shard, from 0, and how many there are, as in 2/8";
        for text in ["", "3", "3/", "/3", "0/0", "-1/3", "1/3/5", "a/b", "1 / 3"] {
            assert_eq!(read(text), Err(form.into()), "{text}");
        }
    }
}
