//! Templates of the bundle that ships, linked to probes and tags; and links that cannot be.

use legator_engine::{
    Ask, Bundle, CommandSpec, Context, Facts, Level, Link, Linked, Origin, Outcome, Principal, Probe, Resource, decide,
    write_links,
};

const API_LINKS: &str = "policies/api/links.toml";

fn linked(template: &str, resource: Linked) -> Bundle {
    let mut files = Bundle::shipped();
    let link =
        Link { id: format!("{template}.x"), template: template.to_owned(), principal: None, resource: Some(resource) };
    files.insert(API_LINKS.to_owned(), write_links(&[link]).into_bytes());
    Bundle::load(&files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn asks(bundle: &Bundle, probe: &str, tags: &[&str], argv: &[&str]) -> (Outcome, Vec<String>) {
    let probe =
        Probe { id: probe.to_owned(), tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..Probe::default() };
    let facts = Facts {
        at_ms: 0,
        principal: Principal::user("ana").role("operator"),
        ask: Ask::Command(CommandSpec::argv(argv.iter().copied())),
        resource: Resource::Probe(probe),
        context: Context::new(Origin::Api),
        capacity: Some(legator_engine::Capacity::default()),
    };
    let decision = decide(bundle, &facts);
    let policies = decision.rationale.policies.iter().map(|policy| policy.id.clone()).collect();
    (decision.outcome, policies)
}

const LOOK: &[&str] = &["uptime"];
const RESTART: &[&str] = &["systemctl", "restart", "nginx"];
const WIPE: &[&str] = &["rm", "-rf", "/srv"];

#[test]
fn each_level_that_ships_holds_back_what_is_above_it_and_nothing_else() {
    let shipped = Bundle::load(&Bundle::shipped()).unwrap();
    let said: Vec<_> = shipped.templates().iter().map(|one| (one.id.as_str(), one.ceiling)).collect();
    assert_eq!(
        said,
        [
            ("observe-only", Some(Level::Observe)),
            ("diagnose", Some(Level::Diagnose)),
            ("remediate", Some(Level::Remediate))
        ]
    );
    for (template, denied, free) in
        [("observe-only", RESTART, LOOK), ("diagnose", RESTART, LOOK), ("remediate", WIPE, LOOK)]
    {
        for resource in [Linked::new("Probe", "prb_1"), Linked::new("Tag", "lab")] {
            let bundle = linked(template, resource.clone());
            assert_eq!(bundle.links().len(), 1);
            let id = format!("{template}.x");
            let (outcome, policies) = asks(&bundle, "prb_1", &["lab"], denied);
            assert_eq!(outcome, Outcome::Deny, "{template} {resource:?}");
            assert!(policies.contains(&id), "{template} {resource:?}: {policies:?}");
            assert!(!asks(&bundle, "prb_2", &["web"], denied).1.contains(&id), "{template} {resource:?}");
            assert!(!asks(&bundle, "prb_1", &["lab"], free).1.contains(&id), "{template} {resource:?}");
        }
    }
}

#[test]
fn a_link_that_cannot_be_is_refused_where_it_stands() {
    let refused = |links: &str| {
        let mut files = Bundle::shipped();
        files.insert(API_LINKS.to_owned(), links.as_bytes().to_vec());
        let faults = Bundle::load(&files).unwrap_err();
        assert_eq!(faults[0].file.split('#').next(), Some(API_LINKS), "{faults:?}");
        (faults[0].line, faults[0].message.clone())
    };
    let link = |more: &str| format!("[[link]]\nid = \"x\"\n{more}\n");
    let tag = "resource = { kind = \"Tag\", id = \"lab\" }";
    let (line, message) = refused(&link(&format!("template = \"nothing\"\n{tag}")));
    assert_eq!((line, message.as_str()), (2, "there is no template `nothing`"));
    assert_eq!(refused(&link("template = \"diagnose\"")).1, "template `diagnose` wants a `resource`");
    let both = format!("template = \"diagnose\"\n{tag}\nprincipal = {{ kind = \"Role\", id = \"x\" }}");
    assert_eq!(refused(&link(&both)).1, "template `diagnose` takes no `principal`");
    let odd = "template = \"diagnose\"\nresource = { kind = \"No Such\", id = \"x\" }";
    assert!(refused(&link(odd)).1.contains("`No Such` is no entity type"));
    let good = link(&format!("template = \"diagnose\"\n{tag}"));
    assert_eq!(refused(&format!("{good}{good}")).1, "there is a link `x` already");
    assert!(refused("[[link]]\nmoon = 1\n").1.contains("the links cannot be read"));
    // Nothing is in it, so the policy would never apply.
    let role = "template = \"diagnose\"\nresource = { kind = \"Role\", id = \"x\" }";
    assert!(refused(&link(role)).1.contains("one of Probe, Tag"));
}

#[test]
fn a_template_has_something_to_fill_in_and_decides_nothing_by_itself() {
    let refused = |template: &str| {
        let mut files = Bundle::shipped();
        files.insert("policies/templates/own.cedar".to_owned(), template.as_bytes().to_vec());
        Bundle::load(&files).unwrap_err().remove(0)
    };
    let head = "@id(\"own\")\n@rationale(\"Own.\")\n";
    let fault = refused(&format!("{head}forbid (principal, action, resource);"));
    assert_eq!((fault.line, fault.message.as_str()), (1, "template `own` has nothing to fill in"));
    let fault = refused(&format!("{head}@ceiling(\"moon\")\nforbid (principal, action, resource in ?resource);"));
    assert_eq!((fault.line, fault.message.as_str()), (3, "`moon` is no level"));
    assert_eq!(refused("forbid (principal, action, resource in ?resource);").line, 1);
    assert_eq!(refused(&format!("{head}forbid (principal, action,")).file, "policies/templates/own.cedar");
    let twice = "@id(\"diagnose\")\n@rationale(\"Own.\")\nforbid (principal, action, resource in ?resource);";
    assert_eq!(refused(twice).message, "there is a template `diagnose` already");
    let bundle = Bundle::load(&Bundle::shipped()).unwrap();
    assert!(bundle.policies().all(|policy| policy.id != "observe-only"));
}
