//! `doorbell doctor`: what can be wrong, what is, and what to do.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{load, say};
use crate::clock::SystemClock;
use crate::doctor::{Finding, Ring, Verdict, examine};
use crate::registrar::meaning;
use crate::settings::{Need, Sources};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell doctor                      look at everything; changes nothing\n  doorbell doctor --ring               and send one harmless update through the public URL\n  doorbell doctor --ring 123456789     and /start in your name: the reply comes in Telegram\n  doorbell doctor --explain 'Connection refused'\n  doorbell doctor --sandbox            the same for the bot of a running `doorbell sandbox`\n\nExit status: 0 all is well, 1 something is not, 2 the settings are wrong."
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

/// Examines and prints; exit status 1 when something is unwell.
pub(super) async fn run(arguments: Arguments, sources: &Sources) -> anyhow::Result<ExitCode> {
    if let Some(text) = &arguments.explain {
        return Ok(explain(text, arguments.json));
    }
    let settings = load(sources, Need::Token)?;
    let ring = match arguments.ring {
        None => Ring::No,
        Some(0) => Ring::Harmless,
        Some(user) => Ring::Start { user },
    };
    let findings = examine(&settings, Arc::new(SystemClock), ring).await;
    let well = findings.iter().all(|finding| finding.verdict != Verdict::Unwell);
    if arguments.json {
        say(format_args!("{:#}", json!({ "well": well, "findings": findings })));
    } else {
        say(report(&findings, settings.log.colour && io::stdout().is_terminal()).trim_end());
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn explain(text: &str, as_json: bool) -> ExitCode {
    let known = meaning(text);
    match (known, as_json) {
        (_, true) => say(json!({ "text": text, "meaning": known })),
        (Some(known), false) => say(format_args!("means:  {}\nremedy: {}", known.means, known.remedy)),
        (None, false) => say(
            "Not known: this is not an error of Telegram that Doorbell recognises, and it does not guess. Paste the whole \
             message, with its code.",
        ),
    }
    if known.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line for each finding and, where there is something to do, one more.
fn report(findings: &[Finding], coloured: bool) -> String {
    let mut report = String::new();
    for Finding { check, verdict, seen, advice } in findings {
        let (word, colour) = match verdict {
            Verdict::Well => ("well", "32"),
            Verdict::Unwell => ("UNWELL", "31"),
            Verdict::Unknown => ("unknown", "33"),
        };
        let word = format!("{word:<8}");
        let word = if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word };
        let _ = writeln!(report, "{word} {check:<19} {}", shown(seen));
        if let Some(advice) = advice {
            let _ = writeln!(report, "{:8} {:19} to do: {}", "", "", shown(advice));
        }
    }
    let unwell = findings.iter().filter(|finding| finding.verdict == Verdict::Unwell).count();
    let _ = match unwell {
        0 => writeln!(report, "\nAll is well."),
        1 => writeln!(report, "\nOne thing is unwell."),
        more => writeln!(report, "\n{more} things are unwell; begin with the first."),
    };
    report
}

/// What comes from elsewhere must not steer the terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_makes_sense_without_colour() {
        let findings = [
            Finding { check: "token", verdict: Verdict::Well, seen: "accepted".to_owned(), advice: None },
            Finding {
                check: "webhook",
                verdict: Verdict::Unwell,
                seen: "none\u{1b}[2J".to_owned(),
                advice: Some("Start.".to_owned()),
            },
        ];
        let plain = report(&findings, false);
        assert!(plain.contains("UNWELL   webhook") && plain.contains("to do: Start.") && !plain.contains('\u{1b}'));
        assert!(plain.ends_with("One thing is unwell.\n"));
        assert!(report(&findings, true).contains("\u{1b}[31mUNWELL"));
    }
}
