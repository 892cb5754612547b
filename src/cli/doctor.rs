//! `doorbell doctor`: checks everything that can be wrong, and prints the findings.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::print::{printable, say};
use crate::clock::SystemClock;
use crate::doctor::{Finding, Ring, Verdict, examine};
use crate::registrar::explain;
use crate::settings::{Need, Settings, Sources};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell doctor                      check everything; changes nothing\n  doorbell doctor --ring               and send one harmless update through the public URL\n  doorbell doctor --ring 123456789     and /start in your name: the reply comes in Telegram\n  doorbell doctor --explain 'Connection refused'\n  doorbell doctor --sandbox            the same for the bot of a running `doorbell sandbox`\n\nExit status: 0 no check failed, 1 a check failed, 2 the settings are wrong."
)]
pub(super) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Send one signed update through the public URL: a harmless one or, with your Telegram id, /start.
    #[arg(long, value_name = "YOUR_ID", num_args = 0..=1, default_missing_value = "0")]
    ring: Option<i64>,
    /// Explain an error of Telegram, as a log, a library or its JSON shows it. Needs no settings.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["ring"])]
    explain: Option<String>,
}

/// Makes the checks and prints the findings. The exit status is 1 if a check failed.
pub(super) async fn run(arguments: Arguments, sources: &Sources) -> anyhow::Result<ExitCode> {
    if let Some(text) = &arguments.explain {
        return Ok(print_explanation(text, arguments.json));
    }
    let settings = Settings::load(sources, Need::Token)?;
    let ring = match arguments.ring {
        None => Ring::No,
        Some(0) => Ring::Harmless,
        Some(user) => Ring::Start { user },
    };
    let findings = examine(&settings, Arc::new(SystemClock), ring).await;
    let ok = findings.iter().all(|finding| finding.verdict != Verdict::Failed);
    if arguments.json {
        say(format_args!("{:#}", json!({ "ok": ok, "findings": findings })));
    } else {
        say(report(&findings, settings.log.colour && io::stdout().is_terminal()).trim_end());
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_explanation(text: &str, as_json: bool) -> ExitCode {
    let known = explain(text);
    match (known, as_json) {
        (_, true) => say(json!({ "text": text, "meaning": known })),
        (Some(known), false) => say(format_args!("means:  {}\nremedy: {}", known.means, known.remedy)),
        (None, false) => say(
            "Not known: Doorbell does not recognise this as an error of Telegram, and does not guess. Paste the whole \
             message, with its code.",
        ),
    }
    if known.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line for each finding, and one more if there is something to do.
fn report(findings: &[Finding], coloured: bool) -> String {
    let mut report = String::new();
    for Finding { check, verdict, seen, advice } in findings {
        let (word, colour) = match verdict {
            Verdict::Ok => ("ok", "32"),
            Verdict::Failed => ("FAILED", "31"),
            Verdict::Unknown => ("unknown", "33"),
        };
        let word = format!("{word:<8}");
        let word = if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word };
        let _ = writeln!(report, "{word} {check:<19} {}", printable(seen));
        if let Some(advice) = advice {
            let _ = writeln!(report, "{:8} {:19} to do: {}", "", "", printable(advice));
        }
    }
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count();
    let _ = match failed {
        0 => writeln!(report, "\nNo check failed."),
        1 => writeln!(report, "\nOne check failed."),
        more => writeln!(report, "\n{more} checks failed; begin with the first."),
    };
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_readable_without_colour() {
        let findings = [
            Finding { check: "token", verdict: Verdict::Ok, seen: "accepted".to_owned(), advice: None },
            Finding {
                check: "webhook",
                verdict: Verdict::Failed,
                seen: "none\u{1b}[2J".to_owned(),
                advice: Some("Start.".to_owned()),
            },
        ];
        let plain = report(&findings, false);
        assert!(plain.contains("FAILED   webhook") && plain.contains("to do: Start.") && !plain.contains('\u{1b}'));
        assert!(plain.ends_with("One check failed.\n"));
        assert!(report(&findings, true).contains("\u{1b}[31mFAILED"));
    }
}
