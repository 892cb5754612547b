//! A 200 depends on the disk: it waits for a slow disk, and is not sent on a failing or full disk. When the disk works
//! again, so does the service, without a restart.

mod faulty_disk;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Answer, FakeBotApi, KeepAliveClient, Program, message, print_line, serve_echo, until};
use faulty_disk::FaultyDisk;

/// A service that echoes, and the updates that were offered to it.
struct Service {
    telegram: FakeBotApi,
    folder: TempDir,
    program: Program,
    inbox: PathBuf,
    line: KeepAliveClient,
    updates: i64,
    acknowledged: Vec<i64>,
}

impl Service {
    async fn start(inbox: Option<&Path>, variables: &[(&str, &str)]) -> Self {
        let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
        let inbox = inbox.unwrap_or(folder.path()).join("inbox.db");
        let program = serve_echo(&telegram, &format!("sqlite:{}", inbox.display()), folder.path(), variables);
        let line = KeepAliveClient::connect(program.addr).await.expect("it listens");
        Self { telegram, folder, program, inbox, line, updates: 0, acknowledged: Vec::new() }
    }

    /// Offers one more update, each of a chat of its own.
    async fn offer(&mut self, padding: usize) -> Answer {
        self.updates += 1;
        let id = self.updates;
        let mut update = message(id, id, &format!("/echo {id}"));
        update["message"]["padding"] = Value::from("x".repeat(padding));
        let answer = self.line.deliver(&update).await.expect("an answer");
        match answer.status {
            200 => self.acknowledged.push(id),
            503 => {
                let seconds: u32 =
                    answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("it says when");
                assert!((1..=5).contains(&seconds));
            }
            other => assert_eq!(other, 200, "stored, or said that it is not"),
        }
        answer
    }

    /// Offers updates until one is acknowledged. Returns how long that took.
    async fn recovers(&mut self) -> Duration {
        let began = Instant::now();
        while self.offer(0).await.status != 200 {
            assert!(began.elapsed() < Duration::from_secs(5), "it recovers within 5 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }

    /// Restarts the service on a working disk. Checks that each acknowledged update is replied to and the file is intact.
    async fn nothing_is_lost(self) {
        let Self { telegram, folder, program, inbox, acknowledged, .. } = self;
        drop(program);
        let program = serve_echo(&telegram, &format!("sqlite:{}", inbox.display()), folder.path(), &[]);
        let replied = |telegram: &FakeBotApi| acknowledged.iter().all(|id| telegram.last(*id) == Some(id.to_string()));
        telegram.until("all that was acknowledged has its reply", replied).await;
        drop(program);
        let file = rusqlite::Connection::open(&inbox).expect("a database");
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be checked");
        assert_eq!(check, "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_waits_until_a_slow_disk_has_the_update() {
    let Some(faulty_disk) = FaultyDisk::build("a slow disk") else { return };
    let mut service = Service::start(None, &faulty_disk.variables()).await;
    faulty_disk.set(Some("slow"));
    let began = Instant::now();
    assert_eq!(service.offer(0).await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(200), "acknowledged after {:?}", began.elapsed());
    faulty_disk.set(None);
    service.nothing_is_lost().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_gives_503_and_no_false_200_and_the_service_recovers() {
    let Some(faulty_disk) = FaultyDisk::build("a failing disk") else { return };
    let mut service = Service::start(None, &faulty_disk.variables()).await;
    for _ in 0..20 {
        assert_eq!(service.offer(0).await.status, 200);
    }
    for round in 0..2 {
        faulty_disk.set(Some("eio"));
        for _ in 0..100 {
            assert_eq!(service.offer(0).await.status, 503, "round {round}");
        }
        faulty_disk.set(None);
        let took = service.recovers().await;
        print_line(&format!("a failing disk: 100 offers, no 200; working again after {took:?}"));
    }
    let log = service.folder.path().join("log");
    let count = |line: &str| std::fs::read_to_string(&log).expect("it has a log").matches(line).count();
    let began = Instant::now();
    while count("the inbox can be written again") == 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "it logs the recovery");
        assert_eq!(service.offer(0).await.status, 200);
    }
    let lines = ["the inbox could not be written", "the inbox can be written again"].map(count);
    assert_eq!(lines, [1, 1], "200 failures, a line a minute");
    service.nothing_is_lost().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_gives_503_corrupts_nothing_and_the_service_recovers() {
    let small = SmallDisk::mount();
    // Without the right to mount a disk, the test makes the writes fail.
    let faulty_disk = if small.is_none() { FaultyDisk::build("a full disk") } else { None };
    let mut service = match (&small, &faulty_disk) {
        (Some(disk), _) => Service::start(Some(disk.0.path()), &[]).await,
        (None, Some(faulty_disk)) => Service::start(None, &faulty_disk.variables()).await,
        (None, None) => return,
    };
    let fill = |full: bool| match (&small, &faulty_disk) {
        (Some(disk), _) => disk.fill(full),
        (None, Some(faulty_disk)) => faulty_disk.set(full.then_some("full")),
        (None, None) => {}
    };
    for round in 0..2 {
        for _ in 0..5 {
            assert_eq!(service.offer(1000).await.status, 200);
        }
        fill(true);
        let mut offers = 0;
        while service.offer(100_000).await.status == 200 {
            offers += 1;
            assert!(offers < 100, "the disk is full");
        }
        for _ in 0..20 {
            assert_eq!(service.offer(100_000).await.status, 503, "round {round}");
        }
        fill(false);
        let took = service.recovers().await;
        print_line(&format!(
            "a full disk ({}): working again after {took:?}",
            if small.is_some() { "tmpfs" } else { "shim" }
        ));
    }
    service.nothing_is_lost().await;
}

/// A file system of 4 MiB.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` without the right to mount it.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=4m", "doorbell"]).arg(folder.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(folder))
    }

    /// Fills the rest of the disk, or frees it again.
    fn fill(&self, full: bool) {
        let filler = self.0.path().join("filler");
        if full {
            let full = std::fs::write(filler, vec![0; 5 << 20]).expect_err("there is less free space");
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        } else {
            std::fs::remove_file(filler).expect("it is there");
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = || {
            let ended = Command::new("umount").arg(self.0.path()).output();
            ended.is_ok_and(|ended| ended.status.success()).then_some(())
        };
        until("it is unmounted", Duration::from_secs(10), unmounted);
    }
}
