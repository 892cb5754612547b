//! Rich messages, whose content is blocks in place of a text.

use serde_json::{Value, json};

use super::call::ApiCall;

/// The blocks of a rich message. Markup becomes one paragraph as it is.
pub(super) fn blocks(call: &ApiCall<'_>) -> Value {
    let message = call.params.json("rich_message").and_then(Result::ok).unwrap_or_default();
    let text = message["markdown"].as_str().or(message["html"].as_str()).unwrap_or_default();
    let given = message.get("blocks").filter(|blocks| blocks.is_array()).cloned();
    given.unwrap_or_else(|| json!([{"type": "paragraph", "text": text}]))
}

/// What people read in these blocks, without its form.
pub(crate) fn lines(blocks: &Value) -> Vec<String> {
    blocks.as_array().into_iter().flatten().flat_map(lines_of).collect()
}

fn lines_of(block: &Value) -> Vec<String> {
    if let Some(cells) = block.as_array() {
        let cells: Vec<_> = cells.iter().map(|cell| plain(&cell["text"])).collect();
        return vec![cells.join(" | ")];
    }
    let own = ["summary", "text"].into_iter().filter_map(|name| block.get(name)).map(plain);
    let inner = ["blocks", "items", "cells"].into_iter().flat_map(|name| lines(&block[name]));
    own.filter(|line| !line.is_empty()).chain(inner).collect()
}

/// A text, which can be a list of parts, each with its own form.
fn plain(text: &Value) -> String {
    match text {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(plain).collect(),
        Value::Object(part) => part.get("text").map(plain).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_each_kind_of_block_is_read() {
        let blocks = json!([
            {"type": "heading", "text": "Plan"},
            {"type": "paragraph", "text": ["one ", {"type": "bold", "text": ["two", {"type": "italic", "text": "!"}]}]},
            {"type": "details", "summary": "More", "blocks": [{"type": "paragraph", "text": "inside"}]},
            {"type": "list", "items": [{"label": "1", "blocks": [{"type": "paragraph", "text": "first"}]}]},
            {"type": "table", "cells": [[{"text": "a"}, {"text": "b"}], [{"text": "c"}, {}]]},
            {"type": "divider"},
        ]);
        assert_eq!(lines(&blocks), ["Plan", "one two!", "More", "inside", "first", "a | b", "c | "]);
        assert!(lines(&json!("text")).is_empty());
    }
}
