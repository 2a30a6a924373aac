//! The one place that builds a Rhai engine: raw, capped, and without a way out.
//! Never: `eval`, modules, a clock, sleep, standard output, or an optimizer that could remove a statement.

use std::cell::RefCell;
use std::sync::Arc;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel};
use serde::Deserialize;

/// What one run of a script may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) operations: u64,
    pub(crate) call_levels: usize,
    pub(crate) string_bytes: usize,
    pub(crate) array_items: usize,
    pub(crate) map_items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { operations: 200_000, call_levels: 32, string_bytes: 65_536, array_items: 10_000, map_items: 10_000 }
    }
}

impl Limits {
    /// The most that a bundle may ask for. Rhai reads zero as no limit, so zero is refused too.
    pub(crate) const MOST: Self = Self {
        operations: 10_000_000,
        call_levels: 64,
        string_bytes: 1024 * 1024,
        array_items: 100_000,
        map_items: 100_000,
    };

    /// Enough for the same script with a call beside each of its statements.
    pub(crate) fn widened(&self) -> Self {
        Self { operations: self.operations.saturating_mul(8), ..*self }
    }

    /// The name of the first limit that is zero or above [`Limits::MOST`].
    pub(crate) fn excessive(&self) -> Option<&'static str> {
        let size = |value: usize, most: usize| value == 0 || value > most;
        [
            (self.operations == 0 || self.operations > Self::MOST.operations, "operations"),
            (size(self.call_levels, Self::MOST.call_levels), "call_levels"),
            (size(self.string_bytes, Self::MOST.string_bytes), "string_bytes"),
            (size(self.array_items, Self::MOST.array_items), "array_items"),
            (size(self.map_items, Self::MOST.map_items), "map_items"),
        ]
        .into_iter()
        .find_map(|(wrong, name)| wrong.then_some(name))
    }
}

/// Asked now and then while a script runs; `true` ends it, which is a failure. The engine has no clock, the host may.
pub type Abort = Arc<dyn Fn() -> bool + Send + Sync>;

const ABORT_EVERY: u64 = 256;

/// Words that a script cannot even write: each is a way out of the sandbox, of time, or of the run.
const FORBIDDEN: [&str; 6] = ["eval", "exit", "export", "import", "sleep", "timestamp"];

/// A Rhai engine with limits and no effects. What a kind of script may call beyond the language, its caller registers.
pub(super) fn sandbox(limits: &Limits, abort: Option<Abort>) -> Engine {
    sandbox_but(limits, abort, "")
}

/// The same with one of the forbidden words, to which the caller gives a harmless meaning.
pub(super) fn sandbox_but(limits: &Limits, abort: Option<Abort>, word: &str) -> Engine {
    #[expect(clippy::disallowed_methods, reason = "this is the one sandbox that every other place has to use")]
    let mut engine = Engine::new_raw();
    LanguageCorePackage::new().register_into_engine(&mut engine);
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicFnPackage::new().register_into_engine(&mut engine);
    for forbidden in FORBIDDEN.into_iter().filter(|forbidden| *forbidden != word) {
        engine.disable_symbol(forbidden);
    }
    // A function pointer finds by name what cannot be written, and the language core brings a `sleep` that no limit
    // stops. What is registered here comes before it.
    engine.register_fn("sleep", |_: rhai::INT| refused("sleep"));
    engine.register_fn("sleep", |_: rhai::FLOAT| refused("sleep"));
    engine.register_fn("exit", || refused("exit"));
    engine.register_fn("exit", |_: Dynamic| refused("exit"));
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(limits.operations);
    engine.set_max_call_levels(limits.call_levels);
    engine.set_max_string_size(limits.string_bytes);
    engine.set_max_array_size(limits.array_items);
    engine.set_max_map_size(limits.map_items);
    engine.set_max_expr_depths(64, 32);
    engine.set_max_variables(256);
    engine.set_max_functions(128);
    engine.set_max_modules(0);
    if let Some(abort) = abort {
        engine.on_progress(move |operations| {
            (operations.is_multiple_of(ABORT_EVERY) && abort()).then_some(Dynamic::UNIT)
        });
    }
    engine.on_print(|text| trace(text.to_owned()));
    engine.on_debug(|text, _, position| trace(format!("{position}: {text}")));
    engine
}

/// An engine that reads scripts and never runs one: no functions, and the sandbox's words. A job's `sleep` is a host
/// call that takes no thread, so there the word may be written.
pub(super) fn reader(may_sleep: bool) -> Engine {
    #[expect(clippy::disallowed_methods, reason = "it only parses, and has nothing that could be called")]
    let mut engine = Engine::new_raw();
    for word in FORBIDDEN.into_iter().filter(|word| !(may_sleep && *word == "sleep")) {
        engine.disable_symbol(word);
    }
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_max_expr_depths(64, 32);
    engine.set_max_variables(256);
    engine.set_max_functions(128);
    engine
}

fn refused(name: &str) -> Result<(), Box<EvalAltResult>> {
    Err(format!("`{name}` is not for scripts").into())
}

const TRACE_LINES: usize = 100;
const TRACE_CHARS: usize = 1024;

thread_local! {
    // `print` is told neither the run nor its tag. A run stays on one thread from its first operation to its last.
    static TRACE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn trace(line: String) {
    TRACE.with_borrow_mut(|lines| {
        if lines.len() < TRACE_LINES {
            lines.push(line.chars().take(TRACE_CHARS).collect());
        }
    });
}

/// What was printed on this thread since the last call.
pub(super) fn take_trace() -> Vec<String> {
    TRACE.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(script: &str) -> String {
        sandbox(&Limits::default(), None).run(script).unwrap_err().to_string()
    }

    #[test]
    fn has_no_way_out() {
        for script in [
            r#"eval("1")"#,
            r#"import "x" as x;"#,
            "sleep(1)",
            "sleep(1.5)",
            "timestamp()",
            "exit()",
            r#"Fn("sleep").call(1000)"#,
            r#"Fn("sleep").call(1000.0)"#,
            r#"Fn("exit").call()"#,
            r#"Fn("exit").call(1)"#,
            r#"Fn("eval").call("1")"#,
            r#"Fn("timestamp").call()"#,
        ] {
            assert!(sandbox(&Limits::default(), None).run(script).is_err(), "{script}");
        }
    }

    #[test]
    fn stops_what_does_not_stop_by_itself() {
        assert!(fails("loop { }").contains("operations"));
        assert!(fails("fn f() { f() } f()").contains("Stack overflow"));
        assert!(fails(r#"let s = "aaaaaaaaaaaaaaaa"; loop { s += s; }"#).contains("Length of string"));
        assert!(fails("let a = []; loop { a.push(1); }").contains("Size of array"));
        let map = fails("let m = #{}; let n = 0; loop { m[`k${n}`] = n; n += 1; }");
        assert!(map.contains("object map") || map.contains("operations"), "{map}");
        assert!(fails("let x = missing;").contains("missing"));
    }

    #[test]
    fn prints_into_the_trace_and_not_further() {
        take_trace();
        sandbox(&Limits::default(), None).run(r#"print("hello"); debug(42); for n in 0..200 { print(n) }"#).unwrap();
        let lines = take_trace();
        assert_eq!(lines[0], "hello");
        assert!(lines[1].ends_with("42"), "{}", lines[1]);
        assert_eq!(lines.len(), TRACE_LINES);
        assert!(take_trace().is_empty());
    }

    #[test]
    fn the_host_can_end_a_run() {
        let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let abort: Abort = {
            let asked = Arc::clone(&asked);
            Arc::new(move || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2)
        };
        let said = sandbox(&Limits::default(), Some(abort)).run("loop { }").unwrap_err().to_string();
        assert!(said.contains("terminated"), "{said}");
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 3);
    }

    #[test]
    fn names_the_limit_that_is_out_of_bounds() {
        assert_eq!(Limits::default().excessive(), None);
        assert_eq!(Limits { operations: 0, ..Limits::default() }.excessive(), Some("operations"));
        assert_eq!(Limits { map_items: usize::MAX, ..Limits::default() }.excessive(), Some("map_items"));
    }
}
