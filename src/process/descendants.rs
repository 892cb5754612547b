use std::collections::BTreeSet;
use std::fs;

use rustix::process::Pid;

/// A process, its parent and its process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    parent: i32,
    pub(super) group: i32,
}

/// All processes below this one, in no order; none where there is no `/proc`, or where it lists the processes of another
/// container.
pub(super) fn of_this_process() -> Vec<Process> {
    let own = rustix::process::getpid().as_raw_pid();
    let is_own_proc = fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.to_string().as_str());
    if is_own_proc { below(own, &all()) } else { Vec::new() }
}

/// Every process of the machine, or of the container.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |name: std::ffi::OsString| name.to_str().and_then(|name| name.parse::<i32>().ok());
    let pids = entries.filter_map(|entry| pid(entry.ok()?.file_name()));
    // A process that has ended meanwhile has no file any more.
    pids.filter_map(|pid| parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect()
}

/// Reads the parent and the group from the fourth and the fifth field. The second field, the name of the program, may
/// contain spaces and brackets; it ends with the last bracket.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(1).map(str::parse);
    Some(Process { pid, parent: fields.next()?.ok()?, group: fields.next()?.ok()? })
}

fn below(root: i32, all: &[Process]) -> Vec<Process> {
    let (mut parents, mut found) = (BTreeSet::from([root]), Vec::new());
    loop {
        let is_new = |process: &&Process| parents.contains(&process.parent) && !parents.contains(&process.pid);
        let new: Vec<Process> = all.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return found;
        }
        parents.extend(new.iter().map(|process| process.pid));
        found.extend(new);
    }
}

impl Process {
    pub(super) fn id(self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processes_below_a_process_are_found_at_any_depth() {
        let process = |pid, parent| Process { pid, parent, group: 1 };
        let all = [process(9, 7), process(7, 5), process(5, 1), process(6, 5), process(8, 1), process(1, 0)];
        let mut pids: Vec<_> = below(5, &all).into_iter().map(|process| process.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [6, 7, 9]);
        assert!(below(4, &all).is_empty());
    }

    #[test]
    fn a_name_with_spaces_and_brackets_is_skipped() {
        assert_eq!(parse(42, "42 (a) b) S 7 41 40 0 -1"), Some(Process { pid: 42, parent: 7, group: 41 }));
        assert_eq!(parse(42, "42 (a"), None);
    }
}
