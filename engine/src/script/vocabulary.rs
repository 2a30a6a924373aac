//! Every function and field that a script may use beyond the language, for each kind: the one place that documents them.
//!
//! `bundle check` holds scripts against it, `scripts/README.md` is generated from it, and tests hold the sandbox to it.

use crate::bundle::ScriptKind;

/// A function that the sandbox has for one kind of script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    /// As it is called.
    pub call: &'static str,
    /// How many arguments it takes; one more where it is called as a method.
    pub arity: &'static [usize],
    pub gives: Gives,
    pub meaning: &'static str,
}

/// What a function gives, as far as it matters for a script's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// What an admission or alert script ends with.
    Answer,
    Truth,
    Nothing,
    Value,
}

/// Something that a script can read of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// `request.level`
    pub path: &'static str,
    pub meaning: &'static str,
}

/// A function that a script of a kind has to have, or may have instead of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    /// As it is written.
    pub shape: &'static str,
    pub arity: usize,
    pub ends: Ends,
}

/// What an entry function has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Answer,
    Map,
    Anything,
}

const fn function(
    name: &'static str,
    call: &'static str,
    arity: &'static [usize],
    gives: Gives,
    meaning: &'static str,
) -> Function {
    Function { name, call, arity, gives, meaning }
}

const fn field(path: &'static str, meaning: &'static str) -> Field {
    Field { path, meaning }
}

const ADMISSION: &[Function] = &[
    function("allow", "allow()", &[0], Gives::Answer, "there is room: it goes"),
    function("queue", "queue(reason)", &[1], Gives::Answer, "it waits, and is decided again when the load changes"),
    function("deny", "deny(reason)", &[1], Gives::Answer, "it is refused"),
    function(
        "indicator",
        "indicator(name, value, threshold, comparator, severity)",
        &[3, 4, 5],
        Gives::Truth,
        "records a figure for the rationale; whether the threshold is reached. The last two may be left out: `\">=\"`, `\"warning\"`",
    ),
    function("tag", "capacity.tag(name)", &[2], Gives::Value, "the load of the probes with a tag; `()` if none has it"),
];

const ALERT: &[Function] = &[
    function("firing", "firing(message)", &[1], Gives::Answer, "the condition holds"),
    function("ok", "ok()", &[0], Gives::Answer, "it does not"),
    function(
        "indicator",
        "indicator(name, value, threshold, comparator, severity)",
        &[3, 4, 5],
        Gives::Truth,
        "whether a threshold is reached; a value that is not known reaches nothing. The last two may be left out",
    ),
    function("has_tag", "probe.has_tag(tag)", &[2], Gives::Truth, "whether the probe has a tag"),
    function("metric", "probe.metric(name)", &[2], Gives::Value, "a figure of the probe, or `()`"),
    function("inventory", "probe.inventory(name)", &[2], Gives::Value, "what is installed or built in, or `()`"),
    function("with_tag", "fleet.with_tag(tag)", &[2], Gives::Value, "the probes with a tag, as a list"),
];

const JOB: &[Function] = &[
    function("probes", "probes(selector)", &[1], Gives::Value, "the probes that a selector finds, as a list"),
    function(
        "exec",
        "exec(probe, command)",
        &[2, 3],
        Gives::Value,
        "runs a command on a probe; a map of options may follow",
    ),
    function(
        "exec_all",
        "exec_all(probes, command)",
        &[2, 3],
        Gives::Value,
        "runs a command on many probes; a map of options may follow",
    ),
    function("sleep", "sleep(seconds)", &[1], Gives::Nothing, "goes on later, without a thread that waits"),
    function("approve", "approve(question)", &[1, 2], Gives::Value, "waits for people"),
    function("now", "now()", &[0], Gives::Value, "the time, in milliseconds since 1970"),
    function("random", "random(below)", &[1], Gives::Value, "chance from 0, which the journal remembers"),
    function("http", "http(request)", &[1], Gives::Value, "asks another system"),
    function("emit", "emit(name, value)", &[1, 2], Gives::Nothing, "tells whoever watches the run"),
    function("continue_as_new", "continue_as_new(state)", &[1], Gives::Nothing, "ends the journal and begins another"),
];

const ADMISSION_FIELDS: &[Field] = &[
    field("request.level", "`\"observe\"`, `\"diagnose\"`, `\"remediate\"`, `\"destroy\"`"),
    field("request.is_change", "`remediate` or `destroy`"),
    field("request.line", "the command as a person would type it"),
    field("request.programs", "every program in it, as a list"),
    field("request.effects", "what its parts touch, as a list"),
    field("request.targets", "the units, paths, packages and hosts that it names, as a list"),
    field("request.parsed", "all of it could be read"),
    field("request.known", "the command table knows every program in it"),
    field("request.principal", "who asks: the id"),
    field("request.principal_kind", "`\"User\"`, `\"ServiceAccount\"`, `\"Agent\"` or `\"Run\"`"),
    field("request.roles", "the principal's roles, as a list"),
    field("request.groups", "the principal's groups, as a list"),
    field("request.origin", "where it came in, as in `context.origin`"),
    field("request.reason", "what it is for, or `()`"),
    field("request.breakglass", "why the glass is broken, or `()`"),
    field("request.tainted", "a model read the words of strangers before it proposed this"),
    field("request.approvals", "how many people have approved"),
    field("request.probe", "the probe's id"),
    field("request.hostname", "its host name"),
    field("request.tags", "its tags, as a list"),
    field("request.site", "its site, or `()`"),
    field("request.tenant", "its tenant, or `()`"),
    field("request.at_ms", "when, in UTC milliseconds since 1970"),
    field("capacity.known", "whether anything is known about the load"),
    field("capacity.probe.status", "`\"online\"`, `\"offline\"`, …"),
    field("capacity.probe.online", "whether its status is `\"online\"`"),
    field("capacity.probe.heartbeat_age_s", "seconds since it was heard of"),
    field("capacity.probe.cpus", "how many CPUs it has"),
    field("capacity.probe.load1_milli", "the one-minute load in thousandths"),
    field("capacity.probe.load_per_cpu_milli", "the same for each CPU"),
    field("capacity.probe.mem_used_pct", "memory in use, percent"),
    field("capacity.probe.disk_used_pct", "the fullest disk, percent"),
    field("capacity.probe.pressure_cpu_pct", "percent of the time that something waited for a CPU"),
    field("capacity.probe.pressure_mem_pct", "the same for memory"),
    field("capacity.probe.pressure_io_pct", "the same for disks"),
    field("capacity.probe.running", "commands that run there"),
    field("capacity.probe.queued", "commands that wait for it"),
    field("capacity.probe.running_changes", "of those that run, `remediate` or higher"),
    field("capacity.fleet.probes", "probes in the fleet, or with the tag for `capacity.tag(name)`"),
    field("capacity.fleet.online", "of these, online"),
    field("capacity.fleet.running", "commands that run on them"),
    field("capacity.fleet.queued", "commands that wait for them"),
    field("capacity.fleet.running_changes", "of those that run, `remediate` or higher"),
];

/// The functions that a kind of script may call beyond the language.
pub const fn functions(kind: ScriptKind) -> &'static [Function] {
    match kind {
        ScriptKind::Admission => ADMISSION,
        ScriptKind::Alert => ALERT,
        ScriptKind::Job => JOB,
    }
}

/// What a kind of script can read of its arguments; empty where nothing is promised.
pub const fn fields(kind: ScriptKind) -> &'static [Field] {
    match kind {
        ScriptKind::Admission => ADMISSION_FIELDS,
        ScriptKind::Alert | ScriptKind::Job => &[],
    }
}

/// The functions that a script of a kind has. The inner lists are alternatives: it has exactly one of each.
pub const fn entries(kind: ScriptKind) -> &'static [&'static [Entry]] {
    match kind {
        ScriptKind::Admission => {
            &[&[Entry { name: "admit", shape: "fn admit(request, capacity) { … }", arity: 2, ends: Ends::Answer }]]
        }
        ScriptKind::Alert => &[
            &[Entry { name: "rule", shape: "fn rule() { #{ … } }", arity: 0, ends: Ends::Map }],
            &[
                Entry { name: "check", shape: "fn check(probe) { … }", arity: 1, ends: Ends::Answer },
                Entry { name: "check_fleet", shape: "fn check_fleet(fleet) { … }", arity: 1, ends: Ends::Answer },
            ],
        ],
        ScriptKind::Job => &[
            &[Entry { name: "job", shape: "fn job() { #{ … } }", arity: 0, ends: Ends::Map }],
            &[Entry { name: "run", shape: "fn run(params) { … }", arity: 1, ends: Ends::Anything }],
        ],
    }
}
