//! The dashboard and the alert rules under `examples/grafana` use metrics that exist, and load into any Grafana and
//! Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Page, shown};
use crate::harness::run;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/grafana").join(name);
    fs::read_to_string(path).expect("the file is there")
}

fn dashboard() -> Value {
    serde_json::from_str(&read("doorbell.json")).expect("it is JSON")
}

/// Each panel that is not a row, with its queries.
fn panels(dashboard: &Value) -> Vec<(&Value, Vec<&str>)> {
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let length = |text: &Value| text.as_str().map(str::len);
    let panels: Vec<_> = panels
        .map(|panel| {
            assert!(length(&panel["title"]) > Some(3) && length(&panel["description"]) > Some(8), "{panel}");
            let targets = panel["targets"].as_array().unwrap();
            (panel, targets.iter().map(|target| target["expr"].as_str().unwrap()).collect())
        })
        .collect();
    assert!(panels.len() > 20);
    panels
}

/// One alert rule.
struct Rule {
    name: String,
    text: String,
}

impl Rule {
    fn all() -> Vec<Self> {
        let text = read("alerts.yaml");
        let rules: Vec<_> = text
            .split("      - alert: ")
            .skip(1)
            .map(|rule| {
                let (name, text) = rule.split_once('\n').unwrap();
                Self { name: name.to_owned(), text: text.to_owned() }
            })
            .collect();
        assert!(rules.len() > 10 && rules.len() == text.matches("alert:").count());
        rules
    }

    /// The value of a key at any depth. Folded lines are joined.
    fn value(&self, key: &str) -> String {
        let mut lines = self.text.lines().skip_while(|line| !line.trim_start().starts_with(&format!("{key}: ")));
        let first = lines.next().unwrap_or_else(|| panic!("{} has no {key}", self.name));
        let depth = first.len() - first.trim_start().len();
        let value = first.trim_start().split_once(": ").unwrap().1;
        if value != ">-" {
            return value.trim_matches('"').to_owned();
        }
        let folded = lines.take_while(|line| line.len() - line.trim_start().len() > depth && !line.trim().is_empty());
        folded.map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The served metrics that a query reads, each with its kind.
fn metrics<'a>(query: &str, served: &'a Page) -> Vec<(&'a str, &'a str)> {
    let names = query.split(|c| !is_name_character(c)).filter(|word| word.starts_with("doorbell_"));
    let listed = |name: &str| {
        let mut kinds = served.kinds.iter().map(|(name, kind)| (name.as_str(), kind.as_str()));
        kinds.find(|(metric, kind)| match *kind {
            "histogram" => name.strip_prefix(metric).is_some_and(|rest| ["_bucket", "_sum", "_count"].contains(&rest)),
            _ => *metric == name,
        })
    };
    names.map(|name| listed(name).unwrap_or_else(|| panic!("{name} is not served: {query}"))).collect()
}

/// The labels that a query selects, each with its values.
fn labels(query: &str) -> Vec<(&str, Vec<&str>)> {
    let selectors = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let matchers = selectors.flat_map(|selector| selector.split(", "));
    matchers
        .map(|matcher| {
            let (label, value) = matcher.split_once('=').unwrap();
            (label.trim_end_matches('!'), value.trim_start_matches('~').trim_matches('"').split('|').collect())
        })
        .collect()
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_use_only_metrics_that_are_served() {
    let (dashboard, rules, page) = (dashboard(), Rule::all(), Page::of(&shown().start().await).await);
    let mut queries: Vec<String> = rules.iter().map(|rule| rule.value("expr")).collect();
    queries.extend(panels(&dashboard).into_iter().flat_map(|(_, queries)| queries).map(str::to_owned));
    let (mut used, mut selected) = (BTreeSet::new(), 0);
    for query in &queries {
        let metrics = metrics(query, &page);
        assert!(!metrics.is_empty() || query.starts_with("up{"), "{query}");
        used.extend(metrics.iter().map(|(name, _)| *name));
        for (label, values) in labels(query) {
            if ["instance", "job"].contains(&label) {
                continue;
            }
            selected += 1;
            for value in values {
                assert!(page.text.contains(&format!("{label}=\"{value}\"")), "no series has {label} {value}: {query}");
            }
        }
        let counters = metrics.iter().filter(|(_, kind)| *kind != "gauge").count();
        let changes = query.matches("rate(").count() + query.matches("increase(").count();
        assert_eq!(counters, changes, "a counter is read only as a rate or an increase: {query}");
    }
    assert!(selected >= 10, "{selected} selectors were read");
    let unseen: Vec<_> = page.kinds.iter().map(|(name, _)| name.as_str()).filter(|name| !used.contains(name)).collect();
    assert_eq!(unseen, ["doorbell_connections_opened_total"], "every other metric is used");
}

#[tokio::test]
async fn every_panel_has_the_unit_of_its_metric() {
    let (dashboard, page) = (dashboard(), Page::of(&shown().start().await).await);
    for (panel, queries) in panels(&dashboard) {
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
        for query in queries {
            let expected = match *metrics(query, &page).first().unwrap() {
                (name, _) if name.ends_with("_seconds") => &["s"][..],
                (name, _) if name.ends_with("_bytes") => &["bytes"],
                _ => &["short", "none", "ops", "reqps"],
            };
            assert!(expected.contains(&unit), "{unit}: {query}");
        }
    }
}

#[tokio::test]
async fn the_dashboard_can_be_loaded_with_any_prometheus() {
    let page = Page::of(&shown().start().await).await;
    let text = read("doorbell.json");
    let dashboard = dashboard();
    assert_eq!((&dashboard["id"], &dashboard["uid"]), (&Value::Null, &Value::from("doorbell")));
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39) && dashboard["title"] == "Doorbell");
    let variables: Vec<_> = dashboard["templating"]["list"].as_array().unwrap().iter().collect();
    let named: Vec<_> = variables.iter().map(|variable| (&variable["name"], &variable["type"])).collect();
    assert_eq!(named, [(&"datasource".into(), &"datasource".into()), (&"instance".into(), &"query".into())]);
    assert_eq!(metrics(variables[1]["definition"].as_str().unwrap(), &page).len(), 1);
    let uids: Vec<_> = text.lines().filter(|line| line.contains("\"uid\":")).map(str::trim).collect();
    assert!(uids.iter().filter(|line| **line != "\"uid\": \"${datasource}\"").count() == 1, "only the dashboard's own");
    let all = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    let mut taken = BTreeSet::new();
    for panel in all {
        let position = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y, w, h) = (position("x"), position("y"), position("w"), position("h"));
        assert!(x + w <= 24 && w > 0 && h > 0, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} overlaps another panel", panel["title"]);
        }
        let references: Vec<_> = panel["targets"].as_array().into_iter().flatten().map(|t| &t["refId"]).collect();
        assert!(references.iter().enumerate().all(|(at, id)| !references[..at].contains(id)), "{}", panel["title"]);
    }
}

#[test]
fn every_alert_waits_before_it_fires_and_says_what_to_do() {
    for rule in Rule::all() {
        let waits = rule.value("for");
        assert!(waits.strip_suffix('m').is_some_and(|minutes| minutes.parse::<u8>().is_ok()), "{}", rule.name);
        assert!(["page", "ticket"].contains(&rule.value("severity").as_str()), "{}", rule.name);
        let (summary, description) = (rule.value("summary"), rule.value("description"));
        assert!((20..90).contains(&summary.len()) && !summary.ends_with('.'), "{}: {summary}", rule.name);
        assert!(description.len() > 80 && description.ends_with('.'), "{}: {description}", rule.name);
        for command in description.split('`').skip(1).step_by(2) {
            let mut words: Vec<&str> = command.strip_prefix("doorbell ").expect("ours").split(' ').collect();
            words.retain(|word| !word.starts_with("--"));
            words.push("--help");
            let help = run(&words, &[], Path::new("/"));
            assert_eq!(help.code, 0, "{}: {command}", rule.name);
        }
    }
}
