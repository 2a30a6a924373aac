//! A bundle keeps the schema that it was written with, and one from before an attribute goes on deciding without it.

use std::collections::BTreeSet;

use legator_engine::{
    Approval, Ask, Ballot, BreakglassUses, Bundle, Context, Facts, Grant, Level, Origin, Outcome, Resource, decide,
};

use crate::small::{bundle, change, operation};

/// The schema as it was before organizations, signed votes, agreements ahead and the counts of broken glass.
const FIRST: &str = include_str!("../first.cedarschema");

const RULES: &str = r#"
@id("permit-all")
@rationale("All.")
permit (principal, action, resource);

@id("changes-need-one")
@rationale("A change needs somebody else.")
forbid (principal, action == Action::"remediate", resource)
unless { context.approvals.count >= 1 || (context has breakglass && context.breakglass.reason != "") };
"#;

fn first() -> Bundle {
    bundle(&[("policies/schema.cedarschema", FIRST), ("policies/a.cedar", RULES)])
}

fn full() -> Context {
    Context {
        breakglass_uses: Some(BreakglassUses { recent: 1, unreviewed: 1 }),
        vote: Some(Ballot { enrolled: true, signed: true }),
        ..Context::new(Origin::Api)
    }
}

#[test]
fn the_first_schema_holds_and_releases_commands_as_it_did() {
    let bundle = first();
    let held = Facts { context: full(), ..change() };
    assert_eq!(decide(&bundle, &held).outcome, Outcome::Hold { approvals: 1 });

    let mut agreed = held.clone();
    agreed.context.approvals.by.insert("ben".to_owned());
    agreed.context.approvals.signed.insert("ben".to_owned());
    assert_eq!(decide(&bundle, &agreed).outcome, Outcome::Allow);

    let mut broken = held;
    broken.context.breakglass = Some("the site is down".to_owned());
    assert_eq!(decide(&bundle, &broken).outcome, Outcome::Allow);
}

#[test]
fn an_agreement_ahead_counts_for_nothing_where_the_schema_cannot_tell_it_from_a_vote() {
    let grant = Grant {
        id: "grt_1".to_owned(),
        policy: r#"@id("ahead") @rationale("Agreed.") permit (principal == User::"ana", action == Action::"remediate", resource);"#.to_owned(),
        by: BTreeSet::from(["ben".to_owned()]),
        groups: BTreeSet::new(),
        signed: BTreeSet::new(),
        until_ms: u64::MAX,
    };
    let mut facts = change();
    facts.context.grants = vec![grant];
    assert_eq!(decide(&bundle(&[("policies/a.cedar", RULES)]), &facts).outcome, Outcome::Allow, "the grant is sound");
    assert_eq!(decide(&first(), &facts).outcome, Outcome::Hold { approvals: 1 });
}

#[test]
fn the_first_schema_takes_votes_and_activations() {
    let bundle = first();
    let approval = Approval {
        id: "apr_1".to_owned(),
        requester: "ana".to_owned(),
        requester_acts_for: None,
        probe: "prb_1".to_owned(),
        tags: BTreeSet::new(),
        org: Some("acme".to_owned()),
        tenant: None,
        level: Level::Remediate,
        command: "touch /srv/flag".to_owned(),
    };
    let vote = Facts {
        ask: Ask::Operation("decideApproval".to_owned()),
        resource: Resource::Approval(approval),
        context: full(),
        ..change()
    };
    assert_eq!(decide(&bundle, &vote).outcome, Outcome::Allow);
    let mut activation = Facts { context: full(), ..operation("activateBundle") };
    activation.context.approvals.by.insert("ben".to_owned());
    assert_eq!(decide(&bundle, &activation).outcome, Outcome::Allow);
}

#[test]
fn what_the_first_schema_has_no_word_for_is_denied() {
    for operation_name in ["grantAhead", "exportAudit", "manageTenants"] {
        let decision = decide(&first(), &operation(operation_name));
        assert_eq!(decision.outcome, Outcome::Deny, "{operation_name}");
        assert!(decision.rationale.summary.contains(operation_name), "{}", decision.rationale.summary);
    }
}
