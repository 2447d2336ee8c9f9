//! Where the command's words go, and which.

use std::path::PathBuf;

use clap::Args;
use strum::{EnumString, VariantNames};

use super::named::named;

/// The flags of every command about its words.
#[derive(Args)]
pub(crate) struct LogFlags {
    /// Also append the words of standard error to a file, each with its time
    #[arg(long, value_name = "FILE", global = true, help_heading = "Log")]
    pub(crate) log_file: Option<PathBuf>,

    /// How words are written, on standard error and to --log-file: text, or json, an object a line (time, level, message)
    #[arg(
        long,
        value_name = "FORMAT",
        value_parser = named::<LogFormat>(),
        default_value = "text",
        global = true,
        help_heading = "Log",
        hide_default_value = true
    )]
    pub(crate) log_format: LogFormat,

    /// The least that is said: error, warn (notes), or info (everything, if not given)
    #[arg(
        long,
        value_name = "LEVEL",
        value_parser = named::<Level>(),
        env = "MASKWRIGHT_LOG",
        default_value = "info",
        global = true,
        help_heading = "Log",
        hide_default_value = true
    )]
    pub(crate) log_level: Level,
}

/// How words are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// How much a line matters, the most first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    EnumString,
    VariantNames,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
}
