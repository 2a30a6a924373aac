//! One spelling of a value as JSON: keys sorted, no white space.
//! Never: relies on the order in which `serde_json` keeps a map; another crate of the build may switch that.

use serde::Serialize;
use serde_json::Value;

/// The canonical JSON of `value`; `null` for what JSON cannot say, which none of our types is.
pub(crate) fn json(value: &impl Serialize) -> String {
    let mut out = String::with_capacity(1024);
    put(&serde_json::to_value(value).unwrap_or(Value::Null), &mut out);
    out
}

fn put(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (n, (key, value)) in entries.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                put(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                put(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
