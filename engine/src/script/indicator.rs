//! What a script names while it thinks: figures, thresholds, and whether they were reached.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};

use crate::rationale::{Comparator, Scalar, Severity};

/// One run's indicators. It travels as the tag of the call, so that one engine serves all threads.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<Named>>>);

/// An indicator before it is known what the script answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) value: Scalar,
    pub(super) comparator: Comparator,
    pub(super) threshold: Scalar,
    pub(super) severity: Severity,
    pub(super) reached: bool,
}

const MOST: usize = 64;

impl Recorder {
    pub(super) fn take(&self) -> Vec<Named> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, named: Named) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < MOST {
            list.push(named);
        }
    }
}

type Answer = Result<bool, Box<EvalAltResult>>;

/// `indicator(name, value, threshold [, comparator [, severity]])`: records, and says whether the threshold is reached.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn(
        "indicator",
        |context: NativeCallContext, name: ImmutableString, value: Dynamic, threshold: Dynamic| {
            indicate(&context, &name, &value, &threshold, ">=", "warning")
        },
    );
    engine.register_fn(
        "indicator",
        |context: NativeCallContext,
         name: ImmutableString,
         value: Dynamic,
         threshold: Dynamic,
         how: ImmutableString| { indicate(&context, &name, &value, &threshold, &how, "warning") },
    );
    engine.register_fn(
        "indicator",
        |context: NativeCallContext,
         name: ImmutableString,
         value: Dynamic,
         threshold: Dynamic,
         how: ImmutableString,
         severity: ImmutableString| { indicate(&context, &name, &value, &threshold, &how, &severity) },
    );
}

fn indicate(
    context: &NativeCallContext<'_>,
    name: &str,
    value: &Dynamic,
    threshold: &Dynamic,
    how: &str,
    severity: &str,
) -> Answer {
    let comparator = comparator(how)?;
    let severity = match severity {
        "info" => Severity::Info,
        "warning" => Severity::Warning,
        "critical" => Severity::Critical,
        other => return Err(format!("`{other}` is no severity; one of `info`, `warning`, `critical`").into()),
    };
    let reached = reached(name, value, comparator, threshold)?;
    let named = Named {
        name: name.to_owned(),
        value: scalar(value),
        comparator,
        threshold: scalar(threshold),
        severity,
        reached,
    };
    if let Some(recorder) = context.tag().and_then(|tag| tag.clone().try_cast::<Recorder>()) {
        recorder.push(named);
    }
    Ok(reached)
}

fn comparator(word: &str) -> Result<Comparator, Box<EvalAltResult>> {
    Ok(match word {
        ">=" => Comparator::AtLeast,
        ">" => Comparator::Above,
        "<=" => Comparator::AtMost,
        "<" => Comparator::Below,
        "==" => Comparator::Equal,
        "!=" => Comparator::Unequal,
        other => return Err(format!("`{other}` is no comparator; one of `>=`, `>`, `<=`, `<`, `==`, `!=`").into()),
    })
}

/// A value that is not known reaches nothing.
fn reached(name: &str, value: &Dynamic, comparator: Comparator, threshold: &Dynamic) -> Answer {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if value.is_unit() || threshold.is_unit() {
        return Ok(false);
    }
    let order = match (number(value), number(threshold)) {
        (Some(value), Some(threshold)) => value.partial_cmp(&threshold),
        _ => match (scalar(value), scalar(threshold)) {
            (Scalar::Text(value), Scalar::Text(threshold)) => Some(value.cmp(&threshold)),
            (Scalar::Bool(value), Scalar::Bool(threshold)) => Some(value.cmp(&threshold)),
            _ => None,
        },
    };
    let Some(order) = order else {
        let (value, threshold) = (value.type_name(), threshold.type_name());
        return Err(format!("indicator `{name}` compares a `{value}` with a `{threshold}`").into());
    };
    Ok(match comparator {
        Comparator::AtLeast => order != Less,
        Comparator::Above => order == Greater,
        Comparator::AtMost => order != Greater,
        Comparator::Below => order == Less,
        Comparator::Equal => order == Equal,
        Comparator::Unequal => order != Equal,
    })
}

fn number(value: &Dynamic) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a load is far below 2^52")]
    let integer = value.as_int().ok().map(|n| n as f64);
    integer.or_else(|| value.as_float().ok())
}

fn scalar(value: &Dynamic) -> Scalar {
    if value.is_unit() {
        return Scalar::Text("unknown".to_owned());
    }
    if let Ok(integer) = value.as_int() {
        return Scalar::Integer(integer);
    }
    if let Ok(truth) = value.as_bool() {
        return Scalar::Bool(truth);
    }
    Scalar::Text(value.to_string().chars().take(256).collect())
}
