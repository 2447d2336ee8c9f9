//! How much memory there is, and how much of it decoding may take where nobody says it.

use std::path::Path;

/// Where the system does not say how much memory there is.
const UNKNOWN: u64 = 4 << 30;

/// Bytes of memory that this process may use: the machine's, or what its control groups or its limit of address space
/// (`ulimit -v`) allow where that is less. `None` on systems that tell none of them.
pub fn usable_memory() -> Option<u64> {
    memory(Path::new("/"))
}

/// A quarter of the memory that this process may use ([`usable_memory`]). 4 GiB on systems that do not tell it.
pub fn default_decode_memory() -> u64 {
    usable_memory().map_or(UNKNOWN, |bytes| bytes / 4)
}

/// Bytes of memory by the files of a Linux system below `root`.
fn memory(root: &Path) -> Option<u64> {
    let read = |file: &str| std::fs::read_to_string(root.join(file)).ok();
    let meminfo = read("proc/meminfo")?;
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // "max", or a number beyond all memory, where there is no limit.
    let limit = |file: String| -> Option<u64> { read(&file)?.trim().parse().ok() };
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (kinds, group) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (folder, name) = match kinds {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if kinds.split(',').any(|kind| kind == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        // A group's limit holds for all groups in it.
        let groups = Path::new(group.trim_start_matches('/')).ancestors();
        groups.filter_map(|group| limit(format!("{folder}/{}/{name}", group.display()))).collect()
    });
    let own = read("proc/self/limits").and_then(|limits| address_space(&limits));
    limits.chain(own).chain([kilobytes.saturating_mul(1024)]).min()
}

/// The soft limit of address space in bytes, by the table of a process's limits. `None` where it is unlimited.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       16384000 kB\nMemFree:         1000000 kB\n");

    #[test]
    fn the_least_limit_holds() {
        let bytes = |files: &[(&str, &str)]| memory(system(files).path());
        assert_eq!(bytes(&[]), None);
        assert_eq!(bytes(&[MEMINFO]), Some(16_384_000 * 1024));
        let group = ("proc/self/cgroup", "0::/user/one\n");
        let outer = ("sys/fs/cgroup/user/memory.max", "2000000\n");
        let inner = ("sys/fs/cgroup/user/one/memory.max", "max\n");
        assert_eq!(bytes(&[MEMINFO, group, inner]), Some(16_384_000 * 1024));
        assert_eq!(bytes(&[MEMINFO, group, inner, outer]), Some(2_000_000));
        // Within a container its own group is the root.
        let container = [MEMINFO, ("proc/self/cgroup", "0::/\n")];
        let own = ("sys/fs/cgroup/memory.max", "3000000");
        assert_eq!(bytes(&[&container[..], &[own]].concat()), Some(3_000_000));
        // Version 1.
        let group = ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/b\n");
        let limit = ("sys/fs/cgroup/memory/b/memory.limit_in_bytes", "4000000\n");
        assert_eq!(bytes(&[MEMINFO, group, limit]), Some(4_000_000));
        let limits = |soft: &str| {
            let table = format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max address space         {soft}           unlimited            bytes\n"
            );
            bytes(&[MEMINFO, ("proc/self/limits", &table)])
        };
        assert_eq!(limits("1073741824"), Some(1 << 30));
        assert_eq!(limits("unlimited"), Some(16_384_000 * 1024));
        let none = ("sys/fs/cgroup/memory/b/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(bytes(&[MEMINFO, group, none]), Some(16_384_000 * 1024));
    }

    #[test]
    fn there_is_always_some() {
        assert!(default_decode_memory() > 0);
    }
}
