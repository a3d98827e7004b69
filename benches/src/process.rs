//! Resource usage of a process, read from `/proc`.

use anyhow::{Context as _, Result};

/// Clock ticks per second in `/proc`: 100 on every Linux, as part of its ABI.
const TICKS: f64 = 100.0;

/// CPU seconds of all threads, user and system.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may contain spaces.
    let (_, fields) = stat.rsplit_once(") ").context("an odd `stat` file")?;
    let ticks = |at: usize| -> Result<f64> {
        let field = fields.split(' ').nth(at).context("a short `stat` file")?;
        Ok(field.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    let kib: f64 = status(pid, "VmRSS:")?.parse()?;
    Ok(kib / 1024.0)
}

/// The parent process id.
pub(crate) fn parent(pid: u32) -> Result<u32> {
    Ok(status(pid, "PPid:")?.parse()?)
}

/// The first word of a field in `status`.
fn status(pid: u32, field: &str) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let word = value.and_then(|value| value.split_whitespace().next());
    Ok(word.with_context(|| format!("no `{field}`"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_not_less_time_than_before() {
        let pid = std::process::id();
        assert!(resident_mib(pid).unwrap() > 0.1);
        let before = cpu_seconds(pid).unwrap();
        assert!(cpu_seconds(pid).unwrap() >= before);
        assert_eq!(parent(pid).unwrap(), std::os::unix::process::parent_id());
    }
}
