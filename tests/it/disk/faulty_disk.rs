use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A disk that a test can make slow, failing or full, for a service that was started with its variables.
pub(crate) struct FaultyDisk {
    folder: TempDir,
    variables: [(&'static str, String); 2],
}

impl FaultyDisk {
    /// Builds the library. `None`, and a visible line, if there is no C compiler.
    pub(crate) fn build(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (source, library) = (folder.path().join("faulty_disk.c"), folder.path().join("faulty_disk.so"));
        std::fs::write(&source, include_str!("faulty_disk.c")).expect("it can be written");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).status();
        if !built.is_ok_and(|status| status.success()) {
            crate::harness::skip_without("cc", test);
            return None;
        }
        let flag = folder.path().join("flag").display().to_string();
        let variables = [("LD_PRELOAD", library.display().to_string()), ("DOORBELL_TEST_DISK_FAULT", flag)];
        Some(Self { folder, variables })
    }

    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// Makes the disk `slow`, `eio` (failing) or `full`; `None` makes it work again.
    pub(crate) fn set(&self, fault: Option<&str>) {
        let done = match fault {
            Some(fault) => std::fs::write(self.flag(), fault),
            None => std::fs::remove_file(self.flag()),
        };
        done.expect("the flag can be changed");
    }

    fn flag(&self) -> PathBuf {
        self.folder.path().join("flag")
    }
}
