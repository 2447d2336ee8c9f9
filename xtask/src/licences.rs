//! Every package in the build must be under a licence that fits MIT OR Apache-2.0 use.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

/// Permissive licences, by SPDX identifier.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "IJG",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    // Weak copyleft per file: using an unchanged crate asks nothing of ours.
    "MPL-2.0",
];

/// Packages that state their licence in a file only, read by a person: name, version, licence.
const READ: &[(&str, &str, &str)] = &[("cfg_block", "0.1.1", "Apache-2.0")];

/// Packages of the resolved build whose licence is missing or not allowed, one line each.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    let used: BTreeSet<_> = match &metadata.resolve {
        Some(resolve) => resolve.nodes.iter().map(|node| node.id.clone()).collect(),
        None => return vec!["cargo metadata resolved nothing".to_owned()],
    };
    metadata
        .packages
        .iter()
        .filter(|package| used.contains(&package.id))
        .filter_map(|package| {
            let name = format!("{} {}", package.name, package.version);
            match &package.license {
                None if package.license_file.is_some() => {
                    let version = package.version.to_string();
                    let read = READ.iter().any(|(known, at, licence)| {
                        *known == package.name.as_str()
                            && *at == version
                            && ALLOWED.contains(licence)
                    });
                    (!read).then(|| format!("{name}: a licence file, no SPDX expression"))
                }
                None => Some(format!("{name}: no licence stated")),
                Some(text) => refusal(text).map(|reason| format!("{name}: {reason}")),
            }
        })
        .collect()
}

/// Why an expression does not satisfy the list, if it does not.
fn refusal(text: &str) -> Option<String> {
    let expression = match spdx::Expression::parse_mode(text, spdx::ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("{text:?} is no licence expression: {}", error.reason)),
    };
    let fine = expression.evaluate(|requirement| {
        requirement.license.id().is_some_and(|id| ALLOWED.contains(&id.name))
    });
    (!fine).then(|| format!("{text:?} is not among the allowed licences"))
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn expressions_are_judged_as_wholes() {
        for fine in ["MIT OR Apache-2.0", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND IJG"] {
            assert_eq!(refusal(fine), None, "{fine}");
        }
        for refused in ["GPL-3.0-only", "MIT AND AGPL-3.0", "as you like"] {
            assert!(refusal(refused).is_some(), "{refused}");
        }
    }
}
