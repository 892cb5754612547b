//! Delivers updates as Telegram does, writes a journal of what was acknowledged, and compares it with the replies.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::{FakeBotApi, KeepAliveClient, Program, SentMessage, message, serve_echo_at};

/// How long replies may take after the last kill. Updates that a killed instance had claimed in a shared database are
/// free only after a minute.
const PATIENCE: Duration = Duration::from_mins(4);

/// The load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) chats: i64,
    /// Connections; each serves its own part of the chats, one update after another.
    pub(crate) lines: i64,
    /// The most updates of a chat.
    pub(crate) per_chat: usize,
}

/// Delivers until the test ends it, and writes the journal.
pub(crate) struct Oracle {
    pub(crate) telegram: FakeBotApi,
    chats: i64,
    journal: Arc<Journal>,
    /// The address of the service now, and how often it has changed.
    service: watch::Sender<(usize, Option<SocketAddr>)>,
    kills: Vec<Instant>,
    lines: Vec<JoinHandle<()>>,
}

struct Journal {
    /// For each chat, the times at which its updates were acknowledged; the first is number 1.
    acknowledged: Vec<Mutex<Vec<Instant>>>,
    update_ids: AtomicI64,
    finishing: AtomicBool,
    per_chat: usize,
}

/// The comparison of the journal with the replies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) updates: usize,
    pub(crate) lost: usize,
    pub(crate) out_of_order: usize,
    /// Repeated replies with a kill between the first and the second.
    pub(crate) twice: usize,
    /// Repeated replies without a kill in between.
    pub(crate) twice_without_a_kill: usize,
    /// Replies repeated after the outcome of the update had been acknowledged.
    pub twice_after_the_200: usize,
    /// The largest number of replies that one kill repeated.
    pub(crate) most_twice: usize,
    /// How long before the kill the first of them had been sent, at most.
    pub(crate) longest_open: Duration,
}

impl Oracle {
    #[expect(clippy::disallowed_methods, reason = "the lines are awaited when it finishes")]
    pub(crate) async fn start(load: Load) -> Self {
        let journal = Arc::new(Journal {
            acknowledged: (0..load.chats).map(|_| Mutex::default()).collect(),
            update_ids: AtomicI64::new(1),
            finishing: AtomicBool::new(false),
            per_chat: load.per_chat,
        });
        let service = watch::Sender::new((0, None));
        let line = |line: i64| {
            let chats = (1..=load.chats).filter(|chat| chat % load.lines == line).collect();
            tokio::task::spawn(deliver(Arc::clone(&journal), chats, service.subscribe()))
        };
        let lines = (0..load.lines).map(line).collect();
        let telegram = FakeBotApi::start().await;
        Self { telegram, chats: load.chats, journal, service, kills: Vec::new(), lines }
    }

    /// Starts the service on this inbox, and delivers to it.
    pub(crate) fn serve(&self, inbox: &str, folder: &Path, more: &[(&str, &str)]) -> Program {
        // The number of the run is part of the URL it calls, so a message sent before a kill is recognised as such,
        // whenever it arrives.
        let api = self.telegram.url_of(self.kills.len());
        let program = serve_echo_at(&api, inbox, folder, more);
        self.service.send_modify(|(moved, addr)| {
            *moved += 1;
            *addr = Some(program.addr);
        });
        program
    }

    /// Kills the service, as a power cut would, if it has not ended yet.
    pub(crate) fn kill(&mut self, program: Program) {
        self.service.send_modify(|(_, addr)| *addr = None);
        self.kills.push(Instant::now());
        drop(program);
    }

    /// Lets each connection finish its update, and waits until all acknowledged updates have been replied to.
    pub(crate) async fn finish(self) -> Findings {
        self.journal.finishing.store(true, Ordering::Relaxed);
        for line in self.lines {
            let ended = tokio::time::timeout(Duration::from_mins(1), line).await;
            ended.expect("all is acknowledged within a minute").expect("no panic");
        }
        let journal = &self.journal;
        let replied = |telegram: &FakeBotApi| {
            (1..=self.chats).all(|chat| {
                let acknowledged = journal.acknowledged(chat).len();
                acknowledged == 0 || telegram.last(chat) == Some(acknowledged.to_string())
            })
        };
        let last = "the last reply to each chat has been sent";
        self.telegram.until_within(PATIENCE, last, replied).await;
        let mut findings = Findings::default();
        let mut twice_by_kill = vec![0; self.kills.len()];
        for chat in 1..=self.chats {
            let acknowledged = journal.acknowledged(chat);
            let mut sent = self.telegram.sent(chat);
            sent.sort_by_key(|sent| sent.life);
            findings.compare(&acknowledged, &sent, &self.kills, &mut twice_by_kill);
        }
        findings.most_twice = twice_by_kill.into_iter().max().unwrap_or(0);
        findings
    }
}

impl Journal {
    fn acknowledged(&self, chat: i64) -> Vec<Instant> {
        self.of(chat).lock().expect("no panic").clone()
    }

    fn of(&self, chat: i64) -> &Mutex<Vec<Instant>> {
        &self.acknowledged[usize::try_from(chat - 1).expect("chats count from 1")]
    }
}

impl Findings {
    /// Compares the acknowledged updates of a chat with its replies: the numbers from 1 on, repeated only in succession.
    fn compare(
        &mut self,
        acknowledged: &[Instant],
        sent: &[SentMessage],
        kills: &[Instant],
        twice_by_kill: &mut [usize],
    ) {
        let (mut last, mut highest) = (None::<(usize, &SentMessage)>, 0);
        let mut seen = vec![false; acknowledged.len() + 1];
        for sent in sent {
            let number: usize = sent.text.parse().expect("the reply is the number");
            if number < highest {
                self.out_of_order += 1;
            }
            if let Some((_, before)) = last.filter(|(last, _)| *last == number) {
                if before.life < sent.life {
                    self.twice += 1;
                    twice_by_kill[before.life] += 1;
                    let open = kills[before.life].saturating_duration_since(before.at);
                    self.longest_open = self.longest_open.max(open);
                } else {
                    self.twice_without_a_kill += 1;
                }
                if acknowledged.get(number - 1).is_some_and(|acknowledged| *acknowledged < sent.at) {
                    self.twice_after_the_200 += 1;
                }
            }
            (last, highest) = (Some((number, sent)), highest.max(number));
            seen[number] = true;
        }
        self.updates += acknowledged.len();
        self.lost += seen.iter().skip(1).filter(|seen| !**seen).count();
    }
}

/// One connection: it offers an update until that is acknowledged, then one of the next chat.
async fn deliver(journal: Arc<Journal>, chats: Vec<i64>, mut service: watch::Receiver<(usize, Option<SocketAddr>)>) {
    let mut line: Option<(usize, KeepAliveClient)> = None;
    for round in 0..journal.per_chat {
        for chat in &chats {
            if journal.finishing.load(Ordering::Relaxed) && journal.per_chat == usize::MAX {
                return;
            }
            let update_id = journal.update_ids.fetch_add(1, Ordering::Relaxed);
            let update = message(update_id, *chat, &format!("/echo {}", round + 1));
            loop {
                let (moved, addr) = *service.borrow_and_update();
                if line.as_ref().is_none_or(|(at, _)| *at != moved) {
                    line = match addr {
                        Some(addr) => KeepAliveClient::connect(addr).await.ok().map(|line| (moved, line)),
                        None => None,
                    };
                }
                let answer = match &mut line {
                    Some((_, line)) => line.deliver(&update).await.ok(),
                    None => None,
                };
                match answer.map(|answer| answer.status) {
                    Some(200) => break,
                    Some(status) => assert_eq!(status, 503, "the service stores it or says that it cannot"),
                    None => {
                        line = None;
                        // The service has ended: wait for its next address.
                        let moving = service.wait_for(|(now, addr)| *now != moved && addr.is_some());
                        if moving.await.is_err() {
                            return;
                        }
                    }
                }
            }
            journal.of(*chat).lock().expect("no panic").push(Instant::now());
        }
    }
}
