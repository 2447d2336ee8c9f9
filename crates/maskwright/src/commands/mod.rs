//! One file per subcommand: its flags, and what it does with them.

pub(crate) mod bench;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod man;
pub(crate) mod masks;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod prep;
pub(crate) mod preview;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod studio;
pub(crate) mod train;
