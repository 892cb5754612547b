//! What the service counts is shown to the operator, and to nobody else; the numbers are those of
//! `/healthz`, and nothing in them is anybody's.

mod dashboards;
mod door;
mod numbers;

use std::collections::BTreeMap;

use crate::harness::{Answer, TestApp, TestAppBuilder, raw};

const TOKEN: &str = "operator-test-token";

async fn ask(app: &TestApp, credentials: &str) -> Answer {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{credentials}Connection: close\r\n\r\n");
    raw(app.addr, request.as_bytes()).await
}

/// A service with a token for its operator.
fn shown() -> TestAppBuilder {
    TestAppBuilder::default().with("console.token", TOKEN)
}

/// The metrics as they were served: the value of each series, and the kind of each metric.
struct Page {
    text: String,
    values: BTreeMap<String, f64>,
    kinds: Vec<(String, String)>,
}

impl Page {
    async fn of(app: &TestApp) -> Self {
        let answer = ask(app, &format!("Authorization: Bearer {TOKEN}\r\n")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let text = answer.body;
        let (mut values, mut kinds, mut helped) = (BTreeMap::new(), Vec::new(), None);
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, sentence) = help.split_once(' ').unwrap();
                assert!(sentence.ends_with('.'), "{line}");
                helped = Some(name.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(helped.as_deref(), Some(name), "each has its help just before it");
                kinds.push((name.to_owned(), kind.to_owned()));
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, _) = kinds.last().unwrap();
                assert!(series.starts_with(name.as_str()), "{line} stands below {name}");
                assert!(values.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line} comes twice");
            }
        }
        Self { text, values, kinds }
    }

    fn value(&self, series: &str) -> f64 {
        *self.values.get(series).unwrap_or_else(|| panic!("no {series} in {}", self.text))
    }

    /// Each of these series with its value.
    #[track_caller]
    fn shows(&self, expected: &[(&str, f64)]) {
        for (series, value) in expected {
            assert!((self.value(series) - value).abs() < 1e-9, "{series}: {} and not {value}", self.value(series));
        }
    }
}
