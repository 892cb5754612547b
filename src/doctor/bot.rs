//! Checks your own bot behind the service: its target, whether it can be reached, the gateway and the token that it uses.

use std::time::Duration;

use serde_json::Value;

use super::finding::Finding;
use super::reach::Service;
use crate::clock::SharedClock;
use crate::handler::forward::{Target, address_of};
use crate::http::probe;
use crate::inbox;
use crate::settings::Settings;
use crate::telegram::BotId;

/// The longest wait for a connection. Both ends are usually on one machine.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The target that the service has stored, if there is one and this command can read it.
pub(super) async fn stored_target(settings: &Settings, bot: BotId, clock: SharedClock) -> Option<Target> {
    let stored = inbox::stored_target(&settings.inbox, bot, clock).await?;
    serde_json::from_str(&stored).ok()
}

/// The findings about the bot; none if there is no sign of a bot behind the service.
pub(super) async fn findings(settings: &Settings, target: Option<&Target>, service: Option<&Service>) -> Vec<Finding> {
    let reported = service.map(Service::bot).filter(|bot| bot.is_object());
    let is_configured = settings.forward.url.is_some() || settings.gateway.listen.is_some();
    if reported.is_none() && target.is_none() && !is_configured {
        return Vec::new();
    }
    let mut findings = vec![known(settings, target, reported)];
    if reported.is_none() && service.is_some() {
        findings.push(Finding::failed(
            "your bot",
            "the running service has no bot behind it, and the settings of this command or the inbox name one",
            "Start the service again with the settings of this command.",
        ));
    }
    findings.extend(reachable(settings, target, reported).await);
    findings.push(gateway(settings, reported).await);
    findings.extend(reported.and_then(token));
    findings
}

/// Whether it is known where the bot wants its updates.
fn known(settings: &Settings, target: Option<&Target>, reported: Option<&Value>) -> Finding {
    const CHECK: &str = "bot target";
    let status = reported.and_then(|bot| bot["status"].as_str());
    let is_paused = status.map_or_else(|| target.is_some_and(|target| target.is_paused), |status| status == "paused");
    if is_paused {
        return Finding::failed(
            CHECK,
            "the bot has called deleteWebhook: its updates wait in the inbox",
            "Start the bot again in webhook mode, so that it calls setWebhook at the gateway. A bot that polls calls \
             deleteWebhook at its start.",
        );
    }
    if status == Some("no_target") {
        let says = reported.and_then(|bot| bot["says"].as_str()).unwrap_or_default();
        return Finding::failed(CHECK, format!("the service says: {says}"), "Do as it says.");
    }
    if target.is_some() {
        Finding::ok(CHECK, "the bot has called setWebhook at the gateway, and its URL is stored")
    } else if settings.forward.url.is_some() {
        Finding::ok(CHECK, "forward.url (FORWARD_URL) names it")
    } else if status.is_some() {
        Finding::ok(CHECK, "the service knows it")
    } else {
        Finding::unknown(
            CHECK,
            "neither the settings nor the inbox name it, and the service does not report it",
            "Start the service and the bot. The bot must call setWebhook at the gateway, or set forward.url (FORWARD_URL) \
             to the address at which it listens.",
        )
    }
}

/// Whether the bot takes connections: what the service reports, and what a connection from here shows. Nothing is sent to
/// the bot.
async fn reachable(settings: &Settings, target: Option<&Target>, reported: Option<&Value>) -> Option<Finding> {
    const CHECK: &str = "bot reachable";
    let status = reported.and_then(|bot| bot["status"].as_str());
    if status == Some("available") {
        return Some(Finding::ok(CHECK, "the service reports that it takes connections"));
    }
    if status == Some("misconfigured") {
        let says = reported.and_then(|bot| bot["says"].as_str()).unwrap_or_default();
        return Some(Finding::failed(
            CHECK,
            format!("the service says: {says}"),
            "Change the bot or its address as it says. The updates wait in the inbox meanwhile.",
        ));
    }
    let public_url = settings.webhook.public_url.as_deref();
    // Without an address, the finding about the target says what is missing.
    let (host, port) = address_of(&settings.forward, public_url, target).ok()?;
    Some(match (probe::connect(&host, port, TIMEOUT).await, status) {
        (Ok(()), Some("away")) => Finding::unknown(
            CHECK,
            format!("the service reports that it is away, but {host}:{port} takes a connection from here"),
            "Run this again in a few seconds. If the service runs on another machine or in another container, the bot must \
             listen there, or at an address that it reaches.",
        ),
        (Ok(()), _) => Finding::ok(CHECK, format!("{host}:{port} takes a connection")),
        (Err(reason), _) => Finding::failed(
            CHECK,
            format!("{host}:{port} takes no connection: {reason}"),
            "Start the bot, or correct the address at which it listens (forward.url, or the port in its setWebhook). Updates \
             wait in the inbox and lose no attempt. If the bot runs on another machine than this command, run this there.",
        ),
    })
}

/// Whether the Bot API for the bot listens.
async fn gateway(settings: &Settings, reported: Option<&Value>) -> Finding {
    const CHECK: &str = "gateway";
    if reported.is_some_and(|bot| bot["gateway"].is_object()) {
        return Finding::ok(CHECK, "the service reports that the Bot API for the bot listens");
    }
    // With port 0 only the service knows the port.
    let Some(address) = settings.gateway.address(true).filter(|address| address.port() != 0) else {
        return Finding::unknown(
            CHECK,
            "gateway.listen has port 0, so that only the service knows the port",
            "The log of the service names it.",
        );
    };
    match probe::connect(&address.ip().to_string(), address.port(), TIMEOUT).await {
        Ok(()) => Finding::ok(CHECK, format!("{address} takes a connection")),
        Err(reason) => Finding::failed(
            CHECK,
            format!("{address} takes no connection: {reason}"),
            "Start the service; it listens there for the calls of the bot (gateway.listen). If it runs on another machine or \
             in another container than this command, run this there.",
        ),
    }
}

/// Which token the bot uses, if the service has a gateway.
fn token(bot: &Value) -> Option<Finding> {
    const CHECK: &str = "token of the bot";
    Some(if bot["gateway"]["real_token_used"].as_bool()? {
        Finding::failed(
            CHECK,
            "the bot has used the real bot token at the gateway since the start of the service",
            "Give the bot the stand-in token that `doorbell gateway token` prints, and start the bot and then the service \
             again. Then the process of the bot cannot lose the real token.",
        )
    } else {
        Finding::ok(CHECK, "the bot has not used the real bot token since the start of the service")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::doctor::Verdict;
    use crate::settings::{Need, Sources};

    fn settings(more: &[(&str, &str)]) -> Settings {
        let sources = more.iter().fold(Sources::default(), |sources, (key, value)| sources.with(key, *value));
        Settings::load(&sources, Need::Nothing).unwrap()
    }

    fn target(url: &str, is_paused: bool) -> Target {
        serde_json::from_value(json!({ "url": url, "is_paused": is_paused })).unwrap()
    }

    /// A service that reports this about the bot.
    fn reporting(status: &str, says: &str, gateway: &Value) -> Service {
        Service::for_test(json!({ "bot": { "status": status, "says": says, "gateway": gateway } }))
    }

    fn finding<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
        findings.iter().find(|finding| finding.check == check).unwrap()
    }

    async fn listening() -> (TcpListener, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    #[tokio::test]
    async fn without_a_sign_of_a_bot_there_is_no_finding() {
        assert!(findings(&settings(&[]), None, None).await.is_empty());
        let without = Service::for_test(json!({ "bot": null }));
        assert!(findings(&settings(&[]), None, Some(&without)).await.is_empty());
    }

    #[tokio::test]
    async fn a_bot_that_is_as_it_should_be_is_ok() {
        let ((_bot, bot), (_gateway, gateway)) = (listening().await, listening().await);
        let settings = settings(&[("gateway.listen", &gateway)]);
        let target = target(&format!("https://{bot}/a-secret-path"), false);
        // The service is stopped or cannot be reached, or it reports.
        let report = reporting("available", "", &json!({ "real_token_used": false }));
        for service in [None, Some(&report)] {
            let findings = findings(&settings, Some(&target), service).await;
            assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
            assert_eq!(findings.len(), if service.is_some() { 4 } else { 3 });
            assert!(!format!("{findings:?}").contains("a-secret-path"), "{findings:#?}");
        }
    }

    #[tokio::test]
    async fn a_paused_bot_is_found_in_the_inbox_and_in_the_report_of_the_service() {
        let paused = reporting("paused", "", &Value::Null);
        for (is_paused, service) in [(true, None), (false, Some(&paused))] {
            let findings = findings(&settings(&[]), Some(&target("http://127.0.0.1:1/", is_paused)), service).await;
            let found = finding(&findings, "bot target");
            assert_eq!(found.verdict, Verdict::Failed);
            assert!(found.seen.contains("deleteWebhook"), "{found:#?}");
        }
    }

    #[tokio::test]
    async fn a_bot_that_is_set_up_wrong_or_uses_the_real_token_is_found_with_what_to_do() {
        let says = "your bot answers 404: its path is another one";
        let wrong = reporting("misconfigured", says, &json!({ "real_token_used": true }));
        let findings = findings(&settings(&[]), Some(&target("http://127.0.0.1:1/", false)), Some(&wrong)).await;
        assert!(finding(&findings, "bot reachable").seen.contains(says));
        assert_eq!(finding(&findings, "gateway").verdict, Verdict::Ok);
        let token = finding(&findings, "token of the bot");
        assert_eq!(token.verdict, Verdict::Failed);
        assert!(token.advice.as_deref().is_some_and(|advice| advice.contains("doorbell gateway token")), "{token:#?}");
    }

    #[tokio::test]
    async fn a_bot_without_an_address_and_a_gateway_that_does_not_listen_are_found() {
        let (listener, address) = listening().await;
        drop(listener);
        let settings = settings(&[("gateway.listen", &address)]);
        let nowhere = reporting("no_target", "your bot has set no webhook", &Value::Null);
        let findings = findings(&settings, None, Some(&nowhere)).await;
        assert!(finding(&findings, "bot target").seen.contains("has set no webhook"));
        assert!(findings.iter().all(|finding| finding.check != "bot reachable"), "{findings:#?}");
        let gateway = finding(&findings, "gateway");
        assert_eq!(gateway.verdict, Verdict::Failed);
        assert!(gateway.seen.contains("connection refused"), "{gateway:#?}");
    }
}
