//! The memory of this process, where the system tells it (Linux).

/// What lies in RAM, in MiB.
pub(crate) fn resident_mib() -> Option<f64> {
    mib("VmRSS:")
}

/// The most that has lain in RAM so far, in MiB.
pub(crate) fn peak_mib() -> Option<f64> {
    mib("VmHWM:")
}

fn mib(name: &str) -> Option<f64> {
    Some(kib(&std::fs::read_to_string("/proc/self/status").ok()?, name)? / 1024.0)
}

fn kib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::kib;

    #[test]
    fn memory_is_read() {
        assert_eq!(kib("VmSize:\t 10 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048.0));
        assert_eq!(kib("VmSize:\t 10 kB\n", "VmRSS:"), None);
    }
}
