//! Small charts, drawn on the server as SVG without a script and without inline style.

use std::fmt::Write;

use serde::Serialize;

use super::samples::{History, Quantiles};
use crate::http::pages::{Language, milliseconds};

/// The size of the drawing. The page scales it.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 60.0;

/// A chart of the last minutes with one or two lines.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub(super) title: String,
    /// What the lines show now, in words: the chart says nothing that is not in words too.
    pub(super) latest: String,
    /// The value at the top of the drawing, in words.
    pub(super) top: String,
    #[serde(skip)]
    pub(super) lines: Vec<Line>,
}

/// A line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) class: &'static str,
    /// The attribute `points` of each stretch without a gap.
    pub(super) stretches: Vec<String>,
}

/// The charts of the overview.
pub(super) fn charts(history: &History, language: Language) -> Vec<Chart> {
    let acknowledged = language.pick("acknowledged", "принято");
    let handled = language.pick("handled", "обработано");
    let per_second = language.pick("/s", "/с");
    let now = |values: &[f64]| values.last().copied().unwrap_or_default();
    let rates = [&history.acknowledged, &history.handled].map(|values| values.iter().copied().map(Some).collect());
    let top = top_of(&rates).max(1.0);
    let mut charts = vec![Chart {
        title: language.pick("Updates per second", "Обновлений в секунду").to_owned(),
        latest: format!(
            "{acknowledged} {:.1}{per_second}, {handled} {:.1}{per_second}",
            now(&history.acknowledged),
            now(&history.handled)
        ),
        top: format!("{top:.0}{per_second}"),
        lines: lines(&rates, top),
    }];
    for (title, of) in [
        (language.pick("Time to the 200", "Время до ответа 200"), &history.answer),
        (language.pick("Time of the handler", "Время обработчика"), &history.handler),
        (language.pick("Time of a call that sends a message", "Время вызова, отправляющего сообщение"), &history.calls),
    ] {
        charts.push(latency(title, of, language));
    }
    charts
}

fn latency(title: &str, of: &Quantiles, language: Language) -> Chart {
    let values = [of.median.clone(), of.p99.clone()];
    let top = top_of(&values);
    let last = |values: &[Option<f64>]| values.iter().rev().find_map(|value| *value);
    let latest = match (last(&of.median), last(&of.p99)) {
        (Some(median), Some(p99)) => {
            let [median, p99] = [median, p99].map(|ms| milliseconds(ms, language));
            match language {
                Language::English => format!("half within {median}, 99 of 100 within {p99}"),
                Language::Russian => format!("половина до {median}, 99 из 100 до {p99}"),
            }
        }
        _ => language.pick("none in the last minutes", "за последние минуты не было").to_owned(),
    };
    Chart { title: title.to_owned(), latest, top: milliseconds(top, language), lines: lines(&values, top.max(0.001)) }
}

fn top_of(values: &[Vec<Option<f64>>; 2]) -> f64 {
    values.iter().flatten().flatten().copied().fold(0.0, f64::max)
}

/// The lines, from the oldest value at the left to the latest at the right. The first one is the thicker one.
fn lines(values: &[Vec<Option<f64>>; 2], top: f64) -> Vec<Line> {
    let line = |(values, class): (&Vec<Option<f64>>, &'static str)| Line { class, stretches: stretches(values, top) };
    values.iter().zip(["line", "line second"]).map(line).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a chart has a few dozen values")]
fn stretches(values: &[Option<f64>], top: f64) -> Vec<String> {
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut stretches = vec![String::new()];
    for (index, value) in values.iter().enumerate() {
        match (value, stretches.last_mut()) {
            (Some(value), Some(stretch)) => {
                let (x, y) = (step * index as f64, HEIGHT - 2.0 - (HEIGHT - 4.0) * value / top);
                // Writing to a string does not fail.
                let _ = write!(stretch, "{x:.1},{y:.1} {:.1},{y:.1} ", x + 0.5);
            }
            _ => stretches.push(String::new()),
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_gap_where_nothing_happened() {
        let lines = stretches(&[Some(1.0), Some(2.0), None, Some(0.0)], 2.0);
        assert_eq!(lines, ["0.0,30.0 0.5,30.0 100.0,2.0 100.5,2.0 ", "300.0,58.0 300.5,58.0 "]);
        assert!(stretches(&[], 1.0).is_empty());
    }

    #[test]
    fn each_chart_says_in_words_what_it_shows() {
        let one = Quantiles { median: vec![Some(0.5), None], p99: vec![Some(20.0), None] };
        let history = History { acknowledged: vec![3.0], handled: vec![2.5], answer: one, ..History::default() };
        let latest: Vec<_> = charts(&history, Language::English).into_iter().map(|chart| chart.latest).collect();
        assert_eq!(latest[0], "acknowledged 3.0/s, handled 2.5/s");
        assert_eq!(latest[1], "half within 0.50 ms, 99 of 100 within 20 ms");
        assert_eq!(latest[3], "none in the last minutes");
    }
}
