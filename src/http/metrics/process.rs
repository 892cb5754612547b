use std::fs;
use std::time::Duration;

/// What the kernel reports about this process. Nothing is known where there is no `/proc`.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// Memory in use, in bytes.
    pub(super) resident: Option<u64>,
    /// Processor time since the start.
    pub(super) processor: Option<Duration>,
    /// Open file descriptors.
    pub(super) descriptors: Option<usize>,
    /// The most file descriptors.
    pub(super) descriptors_limit: Option<u64>,
}

/// The unit of time in `/proc/self/stat`. It is the same on every Linux that Rust's standard library supports, and does
/// not depend on the kernel's own tick.
const TICK: Duration = Duration::from_millis(10);

impl Process {
    /// Reads the present values. The kernel generates the four short files, so no disk is read.
    pub(super) fn read() -> Self {
        let file = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        Self {
            resident: field(&file("status"), "VmRSS:").map(|kibibytes| kibibytes * 1024),
            processor: ticks(&file("stat")).and_then(|ticks| TICK.checked_mul(ticks)),
            // One of them belongs to this very listing.
            descriptors: fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1)),
            descriptors_limit: field(&file("limits"), "Max open files"),
        }
    }
}

/// The first number of the line that begins with `name`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// The sum of the 14th and 15th field: processor time in user mode and in the kernel. The second field, the name of the
/// program, may contain spaces and brackets; it ends with the last bracket.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    fields.next()?.ok()?.checked_add(fields.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_parsed() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 4 0 12345 0 0";
        assert_eq!(ticks(stat), Some(281));
        assert_eq!(field("VmHWM:\t  2048 kB\nVmRSS:\t   1024 kB\n", "VmRSS:"), Some(1024));
        assert_eq!(
            field("Max open files            1024                 4096                 files\n", "Max open files"),
            Some(1024)
        );
        assert_eq!(
            field("Max open files            unlimited            unlimited            files\n", "Max open files"),
            None
        );
        assert_eq!((ticks(""), field("", "VmRSS:")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_values_of_this_process_are_plausible() {
        let Process { resident, processor, descriptors, .. } = Process::read();
        assert!(resident > Some(1 << 20) && processor.is_some() && descriptors > Some(2));
    }
}
