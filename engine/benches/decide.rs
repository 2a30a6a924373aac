//! How long a decision takes with 10 and with 10,000 policies, beside plain Cedar on the same input in the same run.
//!
//! Ours is the whole of `decide`: classification, entities, context, guardrails, explanation, admission and the digest of
//! the facts. Plain Cedar is `is_authorized` alone, with its request and its entities ready: all its advantages.
//! Prints one JSON line for each measure.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use cedar_policy::{
    Authorizer, Decision as Answer, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use legator_engine::{
    Approvals, Ask, Bundle, Capacity, CommandSpec, Context, Facts, Origin, Outcome, Principal, Probe, ProbeLoad,
    Resource, decide,
};

const PROBES: usize = 1_000;
const GROUPS: usize = 100;
const PEOPLE: usize = 200;
const REQUESTS: usize = 2_000;

fn main() {
    let mut seen = BTreeMap::new();
    for policies in [10, 10_000] {
        let text = policy_text(policies);
        let plain_text = text.clone();
        let started = Instant::now();
        let bundle = match load(&text) {
            Ok(bundle) => bundle,
            Err(why) => {
                eprintln!("{why}");
                std::process::exit(1);
            }
        };
        println!(r#"{{"name":"load","policies":{policies},"ms":{}}}"#, started.elapsed().as_millis());
        let requests: Vec<Facts> = (0..REQUESTS).map(|n| request(n, policies)).collect();
        for facts in requests.iter().take(200) {
            black_box(decide(&bundle, facts));
        }
        let mut candidates = Vec::new();
        let mut outcomes: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut answers = Vec::new();
        let ours = measure(requests.iter(), |facts| {
            let decision = decide(&bundle, facts);
            candidates.push(decision.rationale.candidates);
            *outcomes.entry(decision.outcome.as_str()).or_default() += 1;
            answers.push(matches!(decision.outcome, Outcome::Allow));
        });
        candidates.sort_unstable();
        let touched = (candidates[candidates.len() / 2], candidates.last().copied().unwrap_or_default());
        print(
            "decide",
            policies,
            &ours,
            &format!(r#","candidates_p50":{},"candidates_max":{},"outcomes":{outcomes:?}"#, touched.0, touched.1),
        );

        // What the decision is made of.
        let stage = |name: &str, figures: Figures| print(name, policies, &figures, "");
        let Ask::Command(spec) = &requests[0].ask else { std::process::exit(1) };
        stage(
            "classify",
            measure(requests.iter(), |_| {
                black_box(legator_engine::classify(bundle.table(), spec));
            }),
        );
        stage(
            "facts-digest",
            measure(requests.iter(), |facts| {
                black_box(facts.digest());
            }),
        );
        let looking: Vec<Facts> = requests.iter().cloned().map(looked_at).collect();
        stage(
            "decide-operation",
            measure(looking.iter(), |facts| {
                black_box(decide(&bundle, facts));
            }),
        );

        // Plain Cedar walks every policy, so it gets fewer turns when there are many.
        let turns = if policies > 1_000 { 60 } else { REQUESTS };
        let set: PolicySet = match plain_text.parse() {
            Ok(set) => set,
            Err(why) => {
                eprintln!("{why}");
                std::process::exit(1);
            }
        };
        let actions = Entity::new_no_attrs(uid("Action", "remediate"), [uid("Action", "command")].into());
        let ready: Vec<(Request, Entities)> = requests.iter().take(turns).map(|facts| plain(facts, &actions)).collect();
        let authorizer = Authorizer::new();
        let mut plain_answers = Vec::new();
        let cedar = measure(ready.iter(), |(request, entities)| {
            plain_answers.push(authorizer.is_authorized(request, &set, entities).decision() == Answer::Allow);
        });
        print("plain-cedar", policies, &cedar, "");
        let differing = answers.iter().zip(&plain_answers).filter(|(ours, plain)| ours != plain).count();
        println!(
            r#"{{"name":"agreement","policies":{policies},"compared":{},"differing":{differing}}}"#,
            plain_answers.len()
        );
        seen.insert(policies, (ours.p50, cedar.p50));
    }
    if let (Some(few), Some(many)) = (seen.get(&10), seen.get(&10_000)) {
        println!(
            r#"{{"name":"ratio","plain_over_ours_at_10000":{:.1},"plain_over_ours_at_10":{:.2},"ours_at_10000_over_10":{:.2}}}"#,
            many.1 / many.0,
            few.1 / few.0,
            many.0 / few.0
        );
    }
}

struct Figures {
    n: usize,
    p50: f64,
    p99: f64,
    max: f64,
}

fn measure<T>(items: impl Iterator<Item = T>, mut run: impl FnMut(T)) -> Figures {
    let mut times: Vec<f64> = items
        .map(|item| {
            let started = Instant::now();
            run(item);
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    Figures { n: times.len(), p50: at(50), p99: at(99), max: at(100) }
}

fn print(name: &str, policies: usize, figures: &Figures, more: &str) {
    let Figures { n, p50, p99, max } = figures;
    println!(
        r#"{{"name":"{name}","policies":{policies},"n":{n},"p50_us":{p50:.1},"p99_us":{p99:.1},"max_us":{max:.1}{more}}}"#
    );
}

/// Four house rules that reach everything, and the rest scoped: six in ten to a service's tag, three in ten to a group
/// and a tag, one in ten to a role.
fn policy_text(policies: usize) -> String {
    let mut text = String::from(
        r#"
@id("operators") @rationale("Operators run commands.")
permit (principal in Role::"operator", action in Action::"command", resource);
@id("prod") @rationale("Production needs a second person.")
forbid (principal, action in [Action::"remediate", Action::"destroy"], resource in Tag::"prod")
unless { context.approvals.count >= 1 };
@id("tainted") @rationale("Tainted changes need a person.")
forbid (principal, action in [Action::"remediate", Action::"destroy"], resource)
when { context.tainted } unless { context.approvals.count >= 1 };
@id("destroying") @rationale("Two.")
forbid (principal, action == Action::"destroy", resource) unless { context.approvals.count >= 2 };
"#,
    );
    let services = services(policies);
    for n in 4..policies {
        let head = format!("@id(\"p{n}\") @rationale(\"Number {n}.\")\n");
        let body = match n % 10 {
            0..6 => format!(
                "forbid (principal, action in [Action::\"remediate\", Action::\"destroy\"], resource in Tag::\"svc-{}\") when {{ context.origin == \"mcp\" && !context.mfa }};\n",
                n % services
            ),
            6..9 => format!(
                "permit (principal in Group::\"g{}\", action in Action::\"command\", resource in Tag::\"svc-{}\") when {{ context.mfa || context.origin == \"cli\" }};\n",
                n % GROUPS,
                n % services
            ),
            _ => format!(
                "permit (principal in Role::\"r{n}\", action in Action::\"command\", resource) when {{ context.mfa }};\n"
            ),
        };
        text.push_str(&head);
        text.push_str(&body);
    }
    text
}

fn services(policies: usize) -> usize {
    (policies / 4).max(2)
}

fn load(text: &str) -> Result<Bundle, String> {
    let mut files = Bundle::shipped();
    files.retain(|path, _| !path.ends_with(".cedar") && !path.ends_with(".cases.toml"));
    files.insert("policies/bench.cedar".to_owned(), text.as_bytes().to_vec());
    Bundle::load(&files)
        .map_err(|faults| faults.iter().take(3).map(|fault| fault.render()).collect::<Vec<_>>().join("\n"))
}

fn request(n: usize, policies: usize) -> Facts {
    // A fixed walk over people and probes, so that both sides get the same input.
    let (person, probe) = (n * 7 % PEOPLE, n * 13 % PROBES);
    let services = services(policies);
    let mut principal = Principal::user(format!("usr_{person}")).role("operator").role(format!("r{}", person * 10 + 9));
    principal.groups = (0..3).map(|k| format!("g{}", (person + k * 31) % GROUPS)).collect();
    let mut tags: std::collections::BTreeSet<String> =
        (0..3).map(|k| format!("svc-{}", (probe * 3 + k * 17) % services)).collect();
    tags.insert(if probe.is_multiple_of(3) { "prod" } else { "staging" }.to_owned());
    let approvals = if n.is_multiple_of(2) {
        Approvals { by: ["usr_x".to_owned()].into(), ..Approvals::default() }
    } else {
        Approvals::default()
    };
    let load = ProbeLoad {
        status: "online".to_owned(),
        cpus: Some(4),
        load1_milli: Some(700),
        mem_used_pct: Some(40),
        ..ProbeLoad::default()
    };
    Facts {
        at_ms: 1_700_000_000_000 + n as u64,
        principal,
        ask: Ask::Command(CommandSpec::argv(["systemctl", "restart", "nginx"])),
        resource: Resource::Probe(Probe {
            id: format!("prb_{probe}"),
            name: format!("host-{probe}"),
            hostname: format!("host-{probe}"),
            tags,
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            status: "online".to_owned(),
            ..Probe::default()
        }),
        context: Context { approvals, ..Context::new(Origin::Api) },
        capacity: Some(Capacity { probe: load, ..Capacity::default() }),
    }
}

/// The same people looking at the same probes: no classification, no admission.
fn looked_at(facts: Facts) -> Facts {
    Facts { ask: Ask::Operation("viewFleet".to_owned()), capacity: None, ..facts }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    match (kind.parse(), id.parse()) {
        (Ok(kind), Ok(id)) => EntityUid::from_type_name_and_id(kind, id),
        _ => std::process::exit(1),
    }
}

/// The same request for Cedar alone, with the attributes that the policies above read.
fn plain(facts: &Facts, action: &Entity) -> (Request, Entities) {
    let Resource::Probe(probe) = &facts.resource else { std::process::exit(1) };
    let principal = uid("User", &facts.principal.id);
    let resource = uid("Probe", &probe.id);
    let roles = facts.principal.roles.iter().map(|role| uid("Role", role));
    let parents = roles.chain(facts.principal.groups.iter().map(|group| uid("Group", group))).collect();
    let entities = Entities::from_entities(
        [
            Entity::new_no_attrs(principal.clone(), parents),
            Entity::new_no_attrs(resource.clone(), probe.tags.iter().map(|tag| uid("Tag", tag)).collect()),
            action.clone(),
        ],
        None,
    );
    let count = i64::try_from(facts.context.approvals.by.len()).unwrap_or(i64::MAX);
    let approvals = RestrictedExpression::new_record([("count".to_owned(), RestrictedExpression::new_long(count))]);
    let context = approvals.map_err(|why| why.to_string()).and_then(|approvals| {
        cedar_policy::Context::from_pairs([
            ("approvals".to_owned(), approvals),
            ("mfa".to_owned(), RestrictedExpression::new_bool(facts.context.mfa)),
            ("origin".to_owned(), RestrictedExpression::new_string(facts.context.origin.as_str().to_owned())),
            ("tainted".to_owned(), RestrictedExpression::new_bool(facts.context.tainted)),
        ])
        .map_err(|why| why.to_string())
    });
    let request = context.and_then(|context| {
        Request::new(principal, uid("Action", "remediate"), resource, context, None).map_err(|why| why.to_string())
    });
    match (request, entities) {
        (Ok(request), Ok(entities)) => (request, entities),
        _ => std::process::exit(1),
    }
}
