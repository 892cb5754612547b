use std::time::{Duration, Instant};

use super::bot::{BotUnderTest, gone, is_running};

/// Render kills 30 s after SIGTERM. The bot has most of this time.
const RENDER_KILLS: Duration = Duration::from_secs(30);
const MOST_OF_IT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_stop_the_bot_and_all_of_its_process_group_get_sigterm_and_may_finish() {
    let script = "sh -c 'trap \"echo worker > worker_done; exit 0\" TERM; echo $$ > worker; while :; do sleep 0.05; done' & \
                  trap 'sleep 0.3; echo leader > leader_done; exit 0' TERM; echo $$ > leader; while :; do sleep 0.05; done";
    let mut bot = BotUnderTest::start(script, &[]).await;
    let (leader, worker) = (bot.pid("leader"), bot.pid("worker"));
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(Duration::from_secs(10)).code(), Some(0));
    assert_eq!((&*bot.wrote("leader_done"), &*bot.wrote("worker_done")), ("leader\n", "worker\n"));
    assert!(!is_running(leader) && !is_running(worker));
    assert!(bot.log().contains("your bot ended with exit status 0, because the service stops"), "{}", bot.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_may_finish_after_the_process_that_started_it_has_ended() {
    let script = "sh -c 'trap \"sleep 1; echo worker > worker_done; exit 0\" TERM; echo $$ > worker; \
                  while :; do sleep 0.05; done' & echo $$ > leader; wait";
    let mut bot = BotUnderTest::start(script, &[]).await;
    let (leader, worker) = (bot.pid("leader"), bot.pid("worker"));
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(Duration::from_secs(10)).code(), Some(0));
    assert_eq!(bot.wrote("worker_done"), "worker\n");
    gone(leader);
    gone(worker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_ignores_sigterm_is_killed_at_the_end_of_the_grace_period() {
    let mut bot = BotUnderTest::start("trap '' TERM; sleep 1000 & echo $! > worker; echo $$ > pid; wait", &[]).await;
    let (pid, worker) = (bot.pid("pid"), bot.pid("worker"));
    bot.program.listens();
    let begun = Instant::now();
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(RENDER_KILLS).code(), Some(0));
    assert!(begun.elapsed() >= MOST_OF_IT, "it had the rest of the grace period: {:?}", begun.elapsed());
    gone(pid);
    gone(worker);
    assert!(bot.log().contains("did not end in time and is killed"), "{}", bot.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_kills_the_bot_at_once() {
    let mut bot = BotUnderTest::start("trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done", &[]).await;
    let pid = bot.pid("pid");
    bot.program.signal("TERM");
    bot.logged("stopping after running work has finished", 1);
    assert!(is_running(pid));
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(Duration::from_secs(5)).code(), Some(0));
    gone(pid);
}
