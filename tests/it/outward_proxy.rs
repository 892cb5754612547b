//! Calls to the Bot API go through the proxy of the settings. No other request does, and the password is never shown.

use std::path::Path;

use doorbell::clock::SystemClock;
use doorbell::sandbox::{Sandbox, TOKEN};

use crate::harness::{MARK, Program, Proxy, SECRET, fetch, run, start_sandbox, waiting};

/// Starts the program with these variables and those that every bot needs.
fn program(folder: &Path, variables: &[(&str, &str)]) -> Program {
    let inbox = format!("sqlite:{}", folder.join("inbox.db").display());
    let common = [("TELEGRAM_BOT_TOKEN", TOKEN), ("WEBHOOK_SECRET", SECRET), ("DATABASE_URL", &inbox[..])];
    Program::serve(&[&common, variables].concat(), &folder.join("log"))
}

async fn registered(sandbox: &Sandbox, program: &Program) {
    let ready = async || (fetch(program.addr, "/readyz").await.status == 200).then_some(());
    waiting::until("the service is ready", ready).await;
    assert!(sandbox.webhook().is_some());
}

/// The lines of the log about a proxy.
fn proxy_lines(folder: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(folder.join("log")).expect("there is a log");
    log.lines().filter(|line| line.contains("proxy") && line.contains("doorbell")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_api_on_another_host_is_called_through_the_proxy() {
    let sandbox = start_sandbox(&SystemClock).await;
    let proxy = Proxy::before(sandbox.addr()).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("http://operator:{MARK}%2F@{}", proxy.addr);
    // Only the proxy can resolve this host name.
    let program = program(folder.path(), &[("TELEGRAM_API_URL", "http://bot-api.test"), ("TELEGRAM_PROXY", &url)]);
    registered(&sandbox, &program).await;
    let heads = proxy.heads();
    assert!(heads[0].starts_with("POST http://bot-api.test/bot"), "{heads:?}");
    assert!(heads.iter().all(|head| head.to_lowercase().contains("\r\nproxy-authorization: basic ")), "{heads:?}");
    let lines = proxy_lines(folder.path());
    let words =
        format!("calls to the Bot API go through the proxy at {} (environment variable TELEGRAM_PROXY)", proxy.addr);
    assert!(lines.iter().any(|line| line.contains(&words)), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socks_proxy_gets_the_host_name_and_the_password() {
    let sandbox = start_sandbox(&SystemClock).await;
    let proxy = Proxy::before(sandbox.addr()).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("socks5h://operator:{MARK}%2F@{}", proxy.addr);
    let program = program(folder.path(), &[("TELEGRAM_API_URL", "http://bot-api.test"), ("TELEGRAM_PROXY", &url)]);
    registered(&sandbox, &program).await;
    assert_eq!(proxy.heads()[0], format!("SOCKS bot-api.test for operator, {} characters", MARK.len() + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn telegrams_bot_api_is_called_through_a_tunnel_of_the_environments_proxy() {
    let proxy = Proxy::before(([127, 0, 0, 1], 9).into()).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("http://operator:{MARK}@{}", proxy.addr);
    let variables = [("HTTPS_PROXY", &url[..]), ("PUBLIC_URL", "https://bot.example.org")];
    let program = program(folder.path(), &variables);
    waiting::until("a call", async || (!proxy.heads().is_empty()).then_some(())).await;
    let head = proxy.heads()[0].clone();
    assert!(head.starts_with("CONNECT api.telegram.org:443 ") && !head.contains("/bot"), "{head}");
    assert!(head.to_lowercase().contains("\r\nproxy-authorization: basic "), "{head}");
    let words = format!("through the proxy at {}", proxy.addr);
    let says = async || {
        let health = fetch(program.addr, "/healthz").await.json();
        health["webhook"]["says"].as_str().is_some_and(|says| says.contains(&words)).then_some(())
    };
    waiting::until("what went wrong is said with the proxy", says).await;
    let lines = proxy_lines(folder.path());
    assert!(lines.iter().any(|line| line.contains("(environment variable HTTPS_PROXY)")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_api_on_this_machine_is_never_called_through_a_proxy() {
    let sandbox = start_sandbox(&SystemClock).await;
    let proxy = Proxy::before(sandbox.addr()).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (url, api) = (format!("http://{}", proxy.addr), sandbox.api_url());
    let everything = ["TELEGRAM_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let mut variables: Vec<_> = everything.iter().map(|name| (*name, &url[..])).collect();
    variables.push(("TELEGRAM_API_URL", &api));
    let program = program(folder.path(), &variables);
    registered(&sandbox, &program).await;
    // The commands call the service without the proxy too.
    let sent = {
        let (url, folder) = (format!("http://{}", program.addr), folder.path().to_owned());
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        tokio::task::spawn_blocking(move || {
            let mut variables: Vec<_> = variables.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            variables.extend([("TELEGRAM_BOT_TOKEN", TOKEN), ("WEBHOOK_SECRET", SECRET)]);
            run(&["ring", "--url", &url], &variables, &folder)
        })
    };
    assert_eq!(sent.await.expect("no panic").code, 0);
    assert!(proxy.heads().is_empty(), "{:?}", proxy.heads());
    let lines = proxy_lines(folder.path());
    assert!(lines.iter().any(|line| line.contains("is not used") && line.contains("on this machine")), "{lines:?}");
}

#[test]
fn an_ambiguous_proxy_url_is_refused_and_not_shown() {
    let url = format!("http://operator:2024/{MARK}@proxy.example.org:3128");
    for variable in ["TELEGRAM_PROXY", "HTTPS_PROXY"] {
        let ended = run(&["settings"], &[(variable, &url[..])], Path::new("/"));
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(variable) && ended.stderr.contains("%2F"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("operator"), "{}", ended.stderr);
    }
}
