//! The index against the oracle: on random policies, entities and requests it gives what plain Cedar gives over the whole
//! set, in outcome, reasons, errors and what would have made it pass.

use legator_engine::{
    Ask, Bundle, CommandSpec, Context, Decision, Facts, Origin, Principal, PrincipalKind, Probe, Resource, decide,
    decide_plain,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::small::files;

fn principal_scope() -> impl Strategy<Value = String> {
    select(vec![
        "principal",
        "principal",
        "principal == User::\"u1\"",
        "principal == Agent::\"u1\"",
        "principal in Role::\"r1\"",
        "principal in Role::\"r2\"",
        "principal in Group::\"g1\"",
        "principal in Group::\"g2\"",
        "principal in Tenant::\"blue\"",
        "principal is User",
        "principal is Agent",
        "principal is User in Role::\"r1\"",
        "principal is Agent in Role::\"r1\"",
    ])
    .prop_map(str::to_owned)
}

fn resource_scope() -> impl Strategy<Value = String> {
    select(vec![
        "resource",
        "resource",
        "resource == Probe::\"p1\"",
        "resource in Tag::\"t1\"",
        "resource in Tag::\"t2\"",
        "resource in Tag::\"t3\"",
        "resource in Site::\"s1\"",
        "resource in Tenant::\"blue\"",
        "resource is Probe",
        "resource is Probe in Tag::\"t1\"",
    ])
    .prop_map(str::to_owned)
}

/// An action constraint, and whether all its actions carry approvals.
fn action_scope() -> impl Strategy<Value = (String, bool)> {
    select(vec![
        ("action", false),
        ("action == Action::\"viewFleet\"", false),
        ("action in [Action::\"view\", Action::\"command\"]", false),
        ("action in Action::\"command\"", true),
        ("action == Action::\"remediate\"", true),
        ("action in [Action::\"remediate\", Action::\"destroy\"]", true),
        ("action == Action::\"observe\"", true),
        ("action in [Action::\"observe\", Action::\"diagnose\"]", true),
    ])
    .prop_map(|(text, approvals)| (text.to_owned(), approvals))
}

fn condition(approvals: bool) -> impl Strategy<Value = String> {
    let mut atoms = vec![
        "context.mfa",
        "!context.mfa",
        "context.tainted",
        "context.origin == \"chat\"",
        "context has reason",
        "context has breakglass && context.mfa",
        "principal in Role::\"r1\"",
        "resource in Tag::\"t1\"",
        "principal.name like \"u*\"",
        "context.time.hour >= 12",
        // Overflows for any time but 1970, so it errs where it is reached.
        "context.time.epoch_ms * 9223372036854775807 > 0",
        "context.mfa || context.time.epoch_ms * 9223372036854775807 > 0",
    ];
    if approvals {
        // Said more than once, so that holds are common.
        atoms.extend([
            "context.approvals.count >= 1",
            "context.approvals.count >= 1",
            "context.approvals.count >= 2",
            "context.approvals.count >= 2",
            "context.approvals.groups.contains(\"g1\")",
            "context.approvals.groups.containsAny([\"g2\", \"g3\"])",
            "context.approvals.by.contains(User::\"u2\")",
            "!context.command.known",
        ]);
    }
    prop::collection::vec(select(atoms), 1..3).prop_map(|atoms| atoms.join(" && "))
}

pub fn policy() -> impl Strategy<Value = String> {
    (any::<bool>(), principal_scope(), action_scope(), resource_scope()).prop_flat_map(
        |(permit, principal, (action, approvals), resource)| {
            let effect = if permit { "permit" } else { "forbid" };
            let head = format!("{effect} ({principal}, {action}, {resource})");
            let when = prop::option::of(condition(approvals));
            let unless = prop::option::of(condition(approvals));
            (when, unless).prop_map(move |(when, unless)| {
                let when = when.map(|text| format!(" when {{ {text} }}")).unwrap_or_default();
                let unless = unless.map(|text| format!(" unless {{ {text} }}")).unwrap_or_default();
                format!("{head}{when}{unless};")
            })
        },
    )
}

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(names, 0..=names.len()).prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

pub fn request() -> impl Strategy<Value = Facts> {
    let principal = (
        select(vec![PrincipalKind::User, PrincipalKind::Agent]),
        select(vec!["u1", "u2"]),
        some(&["r1", "r2"]),
        some(&["g1", "g2"]),
        any::<bool>(),
    );
    let principal = principal.prop_map(|(kind, id, roles, groups, blue)| {
        let mut principal = Principal::new(kind, id);
        principal.roles.extend(roles);
        principal.groups.extend(groups);
        principal.grants.extend(blue.then(|| "tenant:blue".to_owned()));
        principal
    });
    let probe = (select(vec!["p1", "p2"]), some(&["t1", "t2", "t3"]), any::<bool>(), any::<bool>());
    let probe = probe.prop_map(|(id, tags, site, blue)| {
        Resource::Probe(Probe {
            id: id.to_owned(),
            tags: tags.into_iter().collect(),
            site: site.then(|| "s1".to_owned()),
            tenant: blue.then(|| "blue".to_owned()),
            ..Probe::default()
        })
    });
    let context = (any::<bool>(), any::<bool>(), any::<bool>(), some(&["u2", "u3"]), some(&["g1", "g2", "g3"]));
    let context = context.prop_map(|(mfa, tainted, chat, by, groups)| {
        let mut context = Context::new(if chat { Origin::Chat } else { Origin::Api });
        (context.mfa, context.tainted) = (mfa, tainted);
        context.approvals.by.extend(by);
        context.approvals.groups.extend(groups);
        context
    });
    let ask = select(vec![None, None, Some("viewFleet"), Some("manageKeys")]);
    // The error is provoked by any time but zero.
    (principal, probe, context, ask, select(vec![0, 0, 1_700_000_000_000])).prop_map(
        |(principal, resource, context, ask, at_ms)| {
            let ask = match ask {
                None => Ask::Command(CommandSpec::argv(["/opt/no-table-knows-this"])),
                Some(name) => Ask::Operation(name.to_owned()),
            };
            Facts { at_ms, principal, ask, resource, context, capacity: None }
        },
    )
}

/// Everything but what depends on how many policies were looked at.
fn comparable(decision: Decision) -> Decision {
    let mut decision = decision;
    decision.rationale.candidates = 0;
    decision.rationale.nearest = None;
    if decision.rationale.policies.is_empty() {
        decision.rationale.summary.clear();
    }
    decision
}

/// A bundle of these policies, without those that can never apply (`context.mfa && !context.mfa`): no bundle takes them.
pub fn possible(list: &[String]) -> Bundle {
    let mut named: Vec<(String, String)> =
        (0..).zip(list).map(|(n, text)| (format!("policy-{n}"), text.clone())).collect();
    loop {
        let of = |(id, text): &(String, String)| format!("@id(\"{id}\")\n@rationale(\"{id}\")\n{text}\n");
        let text: String = named.iter().map(of).collect();
        let faults = match Bundle::load(&files(&[("policies/a.cedar", &text)])) {
            Ok(bundle) => return bundle,
            Err(faults) => faults,
        };
        assert!(faults.iter().all(|fault| fault.message.contains("policy is impossible")), "{faults:#?}");
        named.retain(|(id, _)| !faults.iter().any(|fault| fault.message.contains(&format!("`{id}`"))));
    }
}

fn compare(bundle: &Bundle, facts: &Facts) -> Result<&'static str, TestCaseError> {
    let (indexed, plain) = (decide(bundle, facts), decide_plain(bundle, facts));
    prop_assert!(indexed.rationale.candidates <= plain.rationale.candidates || plain.rationale.candidates == 0);
    let outcome = indexed.outcome.as_str();
    prop_assert_eq!(comparable(indexed), comparable(plain), "{}", facts.canonical());
    Ok(outcome)
}

/// Bundles to compare on, 40 requests each: few here, and as many as `PROPTEST_CASES` says elsewhere.
pub fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_index_changes_nothing(
        list in prop::collection::vec(policy(), 1..24),
        requests in prop::collection::vec(request(), 40),
    ) {
        let bundle = possible(&list);
        for facts in &requests {
            compare(&bundle, facts)?;
        }
    }
}

/// A test that compares refusals only would prove little.
#[test]
fn random_policies_reach_every_outcome() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    let mut erred = false;
    for _ in 0..12 {
        let list = prop::collection::vec(policy(), 4..16).new_tree(&mut runner).unwrap().current();
        let bundle = possible(&list);
        for _ in 0..60 {
            let facts = request().new_tree(&mut runner).unwrap().current();
            let decision = decide(&bundle, &facts);
            seen.insert(decision.outcome.as_str());
            erred |= !decision.rationale.errors.is_empty();
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["allow", "deny", "hold"]);
    assert!(erred, "no policy erred");
}
