//! What a job takes: the parameters that `job()` describes, and whether given ones fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a job says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// One sentence for the person who starts it.
    pub summary: String,
    #[serde(default)]
    pub params: BTreeMap<String, Parameter>,
}

/// One parameter. It has to be given if nothing stands in for it. (`default` is a word that Rhai keeps for itself.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub kind: Kind,
    #[serde(default)]
    pub help: String,
    #[serde(default)]
    pub otherwise: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Text,
    Integer,
    Bool,
    List,
    Map,
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Bool => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Map => value.is_object(),
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "an integer",
            Self::Bool => "true or false",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }
}

impl Job {
    /// The parameters, and what stands in for those that were not given, or everything that is wrong with what was given.
    pub fn parameters(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<String>> {
        let (mut filled, mut wrong) = (Map::new(), Vec::new());
        for name in given.keys().filter(|name| !self.params.contains_key(*name)) {
            wrong.push(format!("the job has no parameter `{name}`"));
        }
        for (name, parameter) in &self.params {
            match given.get(name).or(parameter.otherwise.as_ref()) {
                None => wrong.push(format!("the parameter `{name}` is missing")),
                Some(value) if !parameter.kind.takes(value) => {
                    wrong.push(format!("the parameter `{name}` is {value}, and takes {}", parameter.kind.noun()));
                }
                Some(value) => {
                    filled.insert(name.clone(), value.clone());
                }
            }
        }
        if wrong.is_empty() { Ok(filled) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_everything_that_is_wrong_and_fills_in_what_was_not_given() {
        let written = serde_json::json!({ "summary": "s", "params": {
            "tag": { "kind": "text" }, "at_once": { "kind": "integer", "otherwise": 1 },
        } });
        let job: Job = serde_json::from_value(written).unwrap();
        let of = |value: Value| job.parameters(value.as_object().unwrap());
        assert_eq!(
            Value::Object(of(serde_json::json!({ "tag": "web" })).unwrap()),
            serde_json::json!({ "tag": "web", "at_once": 1 })
        );
        assert_eq!(of(serde_json::json!({ "at_once": "all", "tga": 1 })).unwrap_err().len(), 3);
    }
}
