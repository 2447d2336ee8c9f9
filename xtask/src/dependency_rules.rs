//! Who may depend on whom.
//!
//! files <- {data, model} and what is above these; image <- data <- {doctor, demo, predict, train}; model <- {predict, train};
//! doctor, predict and train below report and prep, the command above them and the Python binding on top: ARCHITECTURE.md
//! explains why. A crate that is not listed here fails the check, so that a new one is placed on purpose.

use cargo_metadata::{DependencyKind, Metadata};

/// A workspace crate and what it may use.
struct Rule {
    package: &'static str,
    /// Workspace crates it may depend on.
    workspace: &'static [&'static str],
    /// Outside crates that are kept out of it.
    never: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        package: "maskwright-image",
        workspace: &[],
        never: &["burn", "clap", "serde_json", "toml", "indicatif"],
    },
    Rule {
        package: "maskwright-files",
        workspace: &[],
        never: &["burn", "clap", "serde", "indicatif"],
    },
    Rule {
        package: "maskwright-data",
        workspace: &["maskwright-image", "maskwright-files"],
        never: &["burn", "clap", "indicatif"],
    },
    Rule {
        package: "maskwright-doctor",
        workspace: &["maskwright-image", "maskwright-data"],
        never: &["burn", "clap", "indicatif"],
    },
    Rule {
        package: "maskwright-demo",
        workspace: &["maskwright-image", "maskwright-data"],
        never: &["burn", "clap", "indicatif"],
    },
    Rule {
        package: "maskwright-model",
        workspace: &["maskwright-files"],
        never: &["clap", "rand", "indicatif"],
    },
    Rule {
        package: "maskwright-train",
        workspace: &["maskwright-image", "maskwright-data", "maskwright-files", "maskwright-model"],
        never: &["clap", "indicatif", "rand"],
    },
    Rule {
        package: "maskwright-predict",
        workspace: &["maskwright-image", "maskwright-data", "maskwright-files", "maskwright-model"],
        never: &["clap", "indicatif", "rand"],
    },
    Rule {
        package: "maskwright-report",
        workspace: &[
            "maskwright-image",
            "maskwright-data",
            "maskwright-doctor",
            "maskwright-files",
            "maskwright-model",
            "maskwright-predict",
            "maskwright-train",
        ],
        never: &["burn", "clap", "indicatif", "rand"],
    },
    Rule {
        package: "maskwright-studio",
        workspace: &[
            "maskwright-image",
            "maskwright-data",
            "maskwright-doctor",
            "maskwright-files",
            "maskwright-model",
            "maskwright-predict",
            "maskwright-report",
            "maskwright-train",
        ],
        never: &["burn", "clap", "indicatif", "rand"],
    },
    Rule {
        package: "maskwright-prep",
        workspace: &[
            "maskwright-image",
            "maskwright-data",
            "maskwright-doctor",
            "maskwright-files",
            "maskwright-model",
            "maskwright-predict",
            "maskwright-train",
        ],
        never: &["burn", "clap", "indicatif", "rand"],
    },
    Rule {
        package: "maskwright",
        workspace: &[
            "maskwright-image",
            "maskwright-data",
            "maskwright-doctor",
            "maskwright-demo",
            "maskwright-files",
            "maskwright-model",
            "maskwright-predict",
            "maskwright-prep",
            "maskwright-report",
            "maskwright-studio",
            "maskwright-train",
        ],
        never: &["burn", "rand"],
    },
    Rule {
        package: "maskwright-python",
        workspace: &[
            "maskwright",
            "maskwright-image",
            "maskwright-data",
            "maskwright-doctor",
            "maskwright-model",
            "maskwright-predict",
            "maskwright-prep",
            "maskwright-report",
            "maskwright-train",
        ],
        never: &["burn", "clap", "rand"],
    },
    Rule { package: "xtask", workspace: &[], never: &["burn"] },
];

/// Every violation, one line each.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    let members: Vec<_> = metadata.workspace_packages();
    let mut found = Vec::new();
    for package in &members {
        let name = package.name.as_str();
        let Some(rule) = RULES.iter().find(|rule| rule.package == name) else {
            found.push(format!("{name} has no rule: add one to xtask/src/dependency_rules.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            // Tests may look further than the code.
            if dependency.kind == DependencyKind::Development {
                continue;
            }
            let used = dependency.name.as_str();
            let ours = members.iter().any(|member| member.name.as_str() == used);
            if ours && !rule.workspace.contains(&used) {
                found.push(format!("{name} must not depend on {used}"));
            }
            if rule.never.contains(&used) {
                found.push(format!("{name} must not use {used}"));
            }
        }
    }
    found
}
