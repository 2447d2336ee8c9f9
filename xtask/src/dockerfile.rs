//! The Dockerfile, held to what docs/docker.md promises where there is nothing that builds it: stages, pinned images, a user without
//! rights, nothing left of the package manager.

use cargo_metadata::Metadata;

/// Words that an image or a tag must not be: what they mean changes from day to day.
const MOVING: [&str; 3] = ["latest", "stable", "nightly"];

/// One instruction, its continued lines joined.
#[derive(Debug, PartialEq, Eq)]
struct Instruction {
    word: String,
    rest: String,
    line: usize,
}

/// What is wrong with the repository's Dockerfile and with what is left out of its context, one line each.
pub(crate) fn violations(metadata: &Metadata) -> Result<Vec<String>, String> {
    let root = metadata.workspace_root.as_std_path();
    let read = |name: &str| {
        std::fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"))
    };
    let rust = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == "maskwright")
        .and_then(|package| package.rust_version.clone())
        .map(|version| format!("{}.{}", version.major, version.minor))
        .ok_or("maskwright states no version of Rust")?;
    let mut found = judge(&read("Dockerfile")?, &rust);
    let ignored = read(".dockerignore")?;
    for folder in ["**/target", ".git"] {
        if !ignored.lines().any(|line| line.trim() == folder) {
            found.push(format!(".dockerignore: expected the line {folder}, found none"));
        }
    }
    Ok(found)
}

/// The instructions, without comments.
fn instructions(text: &str) -> Vec<Instruction> {
    let mut found: Vec<Instruction> = Vec::new();
    let mut continued = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (line, false),
        };
        match found.last_mut().filter(|_| continued) {
            Some(last) => last.rest.push_str(&format!(" {part}")),
            None => {
                let (word, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
                let (word, rest) = (word.to_uppercase(), rest.trim().to_owned());
                found.push(Instruction { word, rest, line: number + 1 });
            }
        }
        continued = goes_on;
    }
    found
}

/// What is wrong with a Dockerfile of a program that is built by this version of Rust.
fn judge(text: &str, rust: &str) -> Vec<String> {
    let all = instructions(text);
    let mut found = Vec::new();
    let mut stages: Vec<&str> = Vec::new();
    for one in &all {
        let mut wrong =
            |reason: String| found.push(format!("Dockerfile, line {}: {reason}", one.line));
        let words: Vec<&str> = one.rest.split_whitespace().collect();
        match one.word.as_str() {
            "FROM" => {
                let image = words.first().copied().unwrap_or_default();
                match image.split_once(':') {
                    Some((_, tag)) if !tag.split('-').any(|part| MOVING.contains(&part)) => {}
                    _ => wrong(format!(
                        "expected an image with the tag of a version, found {image:?}"
                    )),
                }
                if image.starts_with("rust:") && !image.starts_with(&format!("rust:{rust}-")) {
                    wrong(format!("expected rust:{rust}, as in Cargo.toml, found {image}"));
                }
                stages.push(match words[..] {
                    [_, by, name] if by.eq_ignore_ascii_case("as") => name,
                    _ => "",
                });
            }
            "COPY" | "ADD" => {
                let from = words.iter().find_map(|word| word.strip_prefix("--from="));
                let earlier = &stages[..stages.len().saturating_sub(1)];
                if let Some(from) = from.filter(|from| !earlier.contains(from)) {
                    wrong(format!("expected an earlier stage, found {from:?}"));
                }
                if one.word == "ADD" {
                    wrong("expected COPY, found ADD, which also downloads and unpacks".into());
                }
            }
            "RUN" if one.rest.contains("apt-get install") => {
                for asked in ["apt-get update", "--no-install-recommends", "/var/lib/apt/lists"] {
                    if !one.rest.contains(asked) {
                        wrong(format!("expected {asked} beside apt-get install, found none"));
                    }
                }
            }
            "RUN" if one.rest.contains("cargo build") && !one.rest.contains("--locked") => {
                wrong("expected cargo build --locked, found a build of whatever is newest".into());
            }
            "ENTRYPOINT" | "CMD" if !one.rest.starts_with('[') => {
                wrong(format!("expected a list, so that signals reach it, found {:?}", one.rest));
            }
            "RUN" | "ENTRYPOINT" | "CMD" | "ENV" | "WORKDIR" | "USER" | "ARG" | "LABEL" => {}
            word => wrong(format!("{word}: an instruction that this check does not know")),
        }
    }
    if stages.len() < 2 {
        found.push(format!("Dockerfile: expected two stages, found {}", stages.len()));
    }
    found.extend(of_last_stage(&all));
    found
}

/// What is wrong with the stage that is shipped.
fn of_last_stage(all: &[Instruction]) -> Vec<String> {
    let start = all.iter().rposition(|one| one.word == "FROM").unwrap_or(0);
    let last = &all[start..];
    let mut found = Vec::new();
    let user = last.iter().rev().find(|one| one.word == "USER");
    let name = user.map_or("", |user| user.rest.split(':').next().unwrap_or_default());
    // A number: orchestrators cannot tell whether a name is root's.
    if !name.parse().is_ok_and(|id: u32| id > 0) {
        found.push(format!(
            "Dockerfile: expected USER with a number above 0 at the end, found {name:?}"
        ));
    }
    if !last.iter().any(|one| one.word == "ENTRYPOINT") {
        found.push("Dockerfile: expected an ENTRYPOINT, found none".into());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "# It\nFROM rust:1.90-slim AS build\nRUN apt-get update \\\n    # why\n    && apt-get install \
        --no-install-recommends nasm \\\n && rm -rf /var/lib/apt/lists/*\nRUN cargo build --locked\n\
        from debian:bookworm-slim\nCOPY --from=build /a /b\nUSER 10001:10001\nENTRYPOINT [\"/b\"]\n";

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        let found = instructions("# a\nRUN a \\\n  # b\n  && c\n\nuser 1\n");
        let one = |word: &str, rest: &str, line| Instruction {
            word: word.into(),
            rest: rest.into(),
            line,
        };
        assert_eq!(found, [one("RUN", "a && c", 2), one("USER", "1", 6)]);
    }

    #[test]
    fn each_slip_is_found() {
        assert_eq!(judge(FINE, "1.90"), [""; 0]);
        for (from, to, expected) in [
            ("rust:1.90-slim", "rust:1.80-slim", "line 2: expected rust:1.90"),
            ("debian:bookworm-slim", "debian", "line 8: expected an image with the tag"),
            ("bookworm-slim", "stable-slim", "line 8: expected an image with the tag"),
            ("--from=build", "--from=biuld", "line 9: expected an earlier stage"),
            ("COPY", "ADD", "line 9: expected COPY"),
            (" && rm -rf /var/lib/apt/lists/*", " && true", "line 3: expected /var/lib/apt/lists"),
            (" --no-install-recommends", "", "line 3: expected --no-install-recommends"),
            ("build --locked", "build", "line 7: expected cargo build --locked"),
            ("USER 10001:10001", "USER 0", "expected USER with a number above 0"),
            ("USER 10001:10001\n", "", "expected USER with a number above 0"),
            ("ENTRYPOINT [\"/b\"]", "ENTRYPOINT /b", "line 11: expected a list"),
            ("ENTRYPOINT [\"/b\"]\n", "", "expected an ENTRYPOINT"),
            ("USER", "USR", "line 10: USR: an instruction"),
        ] {
            let changed = FINE.replace(from, to);
            let found = judge(&changed, "1.90").join("\n");
            assert!(found.contains(expected), "{from} -> {to}: {found:?}");
        }
    }
}
