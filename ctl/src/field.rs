//! Reading the server's JSON by name. What is missing reads as empty, so that a newer or older server can be shown.

use serde_json::Value;

use crate::clean;

/// A text as it stands.
pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// Whatever it is, as one harmless line.
pub fn shown(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::Null => String::new(),
        Value::String(text) => clean::line(text),
        Value::Array(items) => items.iter().map(one).collect::<Vec<_>>().join(" "),
        other => clean::line(&other.to_string()),
    }
}

/// A time to the second.
pub fn time(value: &Value, name: &str) -> String {
    let text = text(value, name);
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) => at.to_utc().format("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => clean::line(text),
    }
}

pub fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

pub fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn one(value: &Value) -> String {
    value.as_str().map_or_else(|| clean::line(&value.to_string()), clean::line)
}
