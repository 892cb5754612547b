//! Explains why this process may not write a file: on most platforms a new volume belongs to root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The ids of a user and of its group.
type Owner = (u32, u32);

/// What to do if a file or its folder cannot be written.
pub(super) fn advice(file: &Path) -> String {
    let elsewhere = "or name another file with DATABASE_URL=sqlite:PATH";
    let ancestors = file.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    // The first that exists: the file, its folder, or the folder in which its folder would be created.
    let existing = ancestors.into_iter().find_map(|path| Some((path, owner(path)?)));
    match (process(), existing) {
        (Some((user, group)), Some((path, (owner, of_group)))) if user != owner => {
            let path = if path == file { folder_of(path) } else { path };
            format!(
                "Doorbell runs as user {user}:{group} here, and {} belongs to {owner}:{of_group}. As an administrator of \
                 the machine, run `chown -R {user}:{group} {}` (a new volume belongs to root), {elsewhere}.",
                path.display(),
                path.display()
            )
        }
        _ => format!(
            "Give the user that runs Doorbell the right to write the file and its folder, {elsewhere}. In a container, the \
             folder must be on a volume that is not mounted read-only."
        ),
    }
}

/// The folder of a file: the working folder if the path names none.
pub(super) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().unwrap_or(path);
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn owner(path: &Path) -> Option<Owner> {
    fs::metadata(path).ok().map(|file| (file.uid(), file.gid()))
}

/// The effective user and group of this process on Linux; `None` elsewhere.
fn process() -> Option<Owner> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let effective = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((effective("Uid:")?, effective("Gid:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_belongs_to_the_user_of_this_process() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(process(), owner(folder.path()));
    }
}
