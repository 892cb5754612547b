use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::bot::{BotUnderTest, SOON, children, ended, gone, is_running, serve, signal, state, wrote};
use crate::harness::{FakeBotApi, Program, skip_without, until};

/// A bot with a worker in its process group, and one that has left the group and its parent.
const FAMILY: &str = "sleep 1000 & echo $! > worker; \
                      (setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); \
                      trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done";

/// The processes of the bot.
fn family(bot: &BotUnderTest) -> [i32; 3] {
    ["pid", "worker", "daemon"].map(|file| bot.pid(file))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_of_the_bot_outlives_a_stop() {
    let mut bot = BotUnderTest::start(FAMILY, &[]).await;
    let (processes, guardian) = (family(&bot), bot.guardian());
    bot.program.signal("TERM");
    bot.logged("stopping after running work has finished", 1);
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(SOON).code(), Some(0));
    // They are gone when the service ends, not some time later.
    assert!(processes.iter().chain([&guardian]).all(|pid| !is_running(*pid)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_of_the_bot_outlives_a_kill_9_of_the_service() {
    let mut bot = BotUnderTest::start(FAMILY, &[]).await;
    let (processes, guardian) = (family(&bot), bot.guardian());
    bot.program.signal("KILL");
    assert_eq!(bot.program.ended(SOON).code(), None);
    ended(guardian);
    processes.into_iter().for_each(gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_of_the_bot_outlives_an_abort_of_the_service() {
    let mut bot = BotUnderTest::start(FAMILY, &[("DOORBELL_FAIL_POINT", "received:1")]).await;
    let processes = family(&bot);
    bot.program.listens();
    let update = serde_json::json!({ "update_id": 1 });
    if let Ok(mut line) = crate::harness::KeepAliveClient::connect(bot.program.addr).await {
        let _ = line.deliver(&update).await;
    }
    assert_eq!(bot.program.ended(SOON).code(), None, "it was aborted");
    processes.into_iter().for_each(gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_of_the_bot_outlives_the_panic_of_a_task_of_the_service() {
    let script = "sleep 1000 & echo $! > worker; echo $$ > pid; wait";
    let panics = [("DOORBELL_FAIL_POINT", "panic task the inbox sweep:1")];
    let mut bot = BotUnderTest::start(script, &panics).await;
    assert_eq!(bot.program.ended(SOON).code(), Some(1));
    // The bot may not have been started when the service stopped.
    for file in ["pid", "worker"] {
        let pid = std::fs::read_to_string(bot.folder.path().join(file)).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            gone(pid);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_whose_guardian_is_killed_is_killed_and_started_again() {
    let bot = BotUnderTest::start("sleep 1000 & echo $! > worker; echo $$ > pid; wait", &[]).await;
    let (pid, worker) = (bot.pid("pid"), bot.pid("worker"));
    signal(bot.guardian(), "KILL");
    ended(pid);
    ended(worker);
    let log = bot.logged("restarts=1", 1);
    assert!(log.contains("was killed together with the process that guards it"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_the_service_and_the_guardian_are_killed_at_once_the_bot_is_too() {
    let mut bot = BotUnderTest::start("echo $$ > pid; exec sleep 1000", &[]).await;
    let (pid, guardian) = (bot.pid("pid"), bot.guardian());
    let both = [guardian.to_string(), bot.program.child.id().to_string()];
    let sent = Command::new("kill").arg("-KILL").args(both).status().expect("kill is there");
    assert!(sent.success());
    bot.program.ended(SOON);
    ended(pid);
    ended(guardian);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guardian_survives_stop_signals_that_a_platform_sends_to_every_process() {
    let mut bot = BotUnderTest::start("trap '' TERM INT HUP; echo $$ > pid; while :; do sleep 0.05; done", &[]).await;
    let (pid, guardian) = (bot.pid("pid"), bot.guardian());
    for name in ["TERM", "INT", "HUP"] {
        signal(guardian, name);
    }
    // The guardian answers an order after these signals.
    bot.program.signal("TERM");
    bot.logged("stopping after running work has finished", 1);
    assert!(is_running(pid) && is_running(guardian));
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(SOON).code(), Some(0));
    gone(pid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_lose_their_parent_are_reaped() {
    // Fifty times a process ends whose parent has ended before.
    let script = "i=0; while [ $i -lt 50 ]; do (sh -c 'sleep 0.05; echo x >> ends' &); i=$((i+1)); done; echo $$ > pid; \
                  while :; do sleep 0.05; done";
    let bot = BotUnderTest::start(script, &[]).await;
    let pid = bot.pid("pid");
    assert_eq!(bot.lines("ends", 50).len(), 50);
    let guardian = bot.guardian().to_string();
    until("only the bot is left, and no zombie", SOON, || {
        (children(&guardian) == [pid] && zombies(&guardian).is_empty()).then_some(())
    });
}

/// The processes of this parent that have ended and were not reaped.
fn zombies(parent: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("there is /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| state(*pid).is_some_and(|(state, of)| state == 'Z' && of == parent)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_process_1_the_service_reaps_orphans_and_leaves_nothing_behind() {
    let may = Command::new("unshare").args(["--pid", "--fork", "--mount-proc", "true"]).output();
    if !may.is_ok_and(|ended| ended.status.success()) {
        skip_without("unshare (as root)", "the service as process 1 of a container");
        return;
    }
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    // The killed guardian leaves the worker and the daemon to process 1.
    let script = "[ -f again ] || { touch again; sleep 1000 & (setsid sleep 0.2 &); kill -9 $PPID; sleep 1000; }; \
                  ps -eo stat= | grep -c Z > zombies; ps -eo pid=,comm= > processes; echo ready > ready; exec sleep 1000";
    let (inner, port) = serve(&telegram.url(), &["/bin/sh", "-c", script], folder.path(), &[]);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(folder.path()).stdin(Stdio::null());
    let log = folder.path().join("log");
    let file = File::create(&log).expect("it can be written");
    let child = command.stdout(file.try_clone().expect("a second handle")).stderr(file).spawn().expect("it starts");
    let mut program = Program::adopt(child, port, &log);
    wrote(folder.path(), "ready");
    assert_eq!(wrote(folder.path(), "zombies"), "0\n", "{}", wrote(folder.path(), "processes"));
    let processes = wrote(folder.path(), "processes");
    assert!(processes.lines().next().is_some_and(|first| first.trim_start().starts_with("1 ")), "{processes}");
    assert_eq!(processes.matches("sleep").count(), 0, "nothing of the first start is left: {processes}");
    // `unshare` waits for process 1.
    let inside = children(&program.child.id().to_string());
    signal(inside[0], "TERM");
    assert_eq!(program.ended(Duration::from_secs(20)).code(), Some(0));
}
