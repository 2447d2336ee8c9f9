//! What Cargo resolved: the packages of a build.

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

/// What Cargo knows of the workspace and of what it needs with these features.
pub(crate) fn metadata(features: &[&str]) -> Result<Metadata, String> {
    MetadataCommand::new()
        .features(CargoOpt::SomeFeatures(features.iter().map(|&name| name.to_owned()).collect()))
        .other_options(vec![
            "--locked".to_owned(),
            "--filter-platform".to_owned(),
            "x86_64-unknown-linux-gnu".to_owned(),
        ])
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))
}
