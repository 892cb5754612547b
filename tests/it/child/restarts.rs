use std::time::{Duration, Instant};

use super::bot::{BotUnderTest, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_ends_is_started_again_and_the_log_says_how_it_ended() {
    let script = "echo $$ >> starts; case $(wc -l < starts) in 1) exit 3;; 2) kill -SEGV $$;; 3) exit 0;; esac; \
                  exec sleep 1000";
    let bot = BotUnderTest::start(script, &[]).await;
    let log = bot.logged("restarts=3", 1);
    for words in ["your bot ended with exit status 3", "was ended by signal 11 (SIGSEGV)", "ended with exit status 0"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert_eq!(bot.lines("starts", 4).len(), 4);
    bot.program.listens();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_before_a_restart_doubles() {
    let bot = BotUnderTest::start("date +%s.%N >> starts; exit 1", &[]).await;
    bot.logged("your bot ended with exit status 1", 4);
    let starts: Vec<f64> = bot.lines("starts", 4).iter().map(|line| line.parse().expect("a time")).collect();
    let waits: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([0.8, 1.6, 3.2]) {
        assert!(*wait >= least, "{waits:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_a_crashed_bot_left_behind_are_gone_before_it_is_started_again() {
    let script = "ls old 2>/dev/null && kill -0 $(cat old) && echo still there > overlap; \
                  sleep 1000 & echo $! > old; [ -f twice ] && exec sleep 1000; touch twice; kill -9 $$";
    let bot = BotUnderTest::start(script, &[]).await;
    let log = bot.logged("restarts=1", 1);
    assert!(log.contains("was ended by signal 9 (SIGKILL)"), "{log}");
    assert!(!bot.folder.path().join("overlap").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_is_killed_from_outside_is_started_again() {
    let bot = BotUnderTest::start("echo $$ > pid; exec sleep 1000", &[]).await;
    signal(bot.pid("pid"), "KILL");
    let log = bot.logged("restarts=1", 1);
    assert!(log.contains("if nobody killed it, the system did because memory was short"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_the_next_start() {
    let mut bot = BotUnderTest::start("exit 1", &[]).await;
    bot.logged("your bot ended with exit status 1", 3);
    bot.program.signal("TERM");
    assert_eq!(bot.program.ended(Duration::from_secs(10)).code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_the_bot_never_opens_is_reported_after_ten_seconds_and_so_is_its_opening() {
    let script = "until [ -f go ]; do sleep 0.1; done; \
                  exec python3 -c 'import os,socket,time; s=socket.create_server((\"127.0.0.1\", int(os.environ[\"PORT\"]))); \
                  time.sleep(1000)'";
    let begun = Instant::now();
    let bot = BotUnderTest::start(script, &[]).await;
    bot.logged("your bot takes no connections", 1);
    assert!(begun.elapsed() >= Duration::from_secs(10));
    std::fs::write(bot.folder.path().join("go"), "").expect("it can be written");
    let log = bot.logged("your bot takes connections", 1);
    assert_eq!(log.matches("your bot takes no connections").count(), 1, "{log}");
}
