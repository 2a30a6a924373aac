//! Small bundles and requests to write tests with.

use std::collections::BTreeMap;

use legator_engine::{
    Ask, Bundle, Capacity, CommandSpec, Context, Facts, Fault, Origin, Principal, Probe, ProbeLoad, Resource,
};

/// Files by path, for a bundle.
pub fn files(list: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A bundle of one policy file.
pub fn policies(text: &str) -> Bundle {
    bundle(&[("policies/a.cedar", text)])
}

pub fn bundle(list: &[(&str, &str)]) -> Bundle {
    Bundle::load(&files(list))
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(Fault::render).collect::<Vec<_>>().join("\n")))
}

pub fn faults(list: &[(&str, &str)]) -> Vec<Fault> {
    Bundle::load(&files(list)).expect_err("the bundle has a fault")
}

/// `ana` asks for a command that no table knows, which makes it `remediate`, on an idle probe.
pub fn change() -> Facts {
    let probe = ProbeLoad { status: "online".to_owned(), ..ProbeLoad::default() };
    Facts {
        at_ms: 1_700_000_000_000,
        principal: Principal::user("ana").role("operator"),
        ask: Ask::Command(CommandSpec::argv(["/opt/no-table-knows-this"])),
        resource: Resource::Probe(Probe { id: "prb_1".to_owned(), ..Probe::default() }),
        context: Context::new(Origin::Api),
        capacity: Some(Capacity { probe, ..Capacity::default() }),
    }
}

/// `ana` asks for an operation on the control plane.
pub fn operation(name: &str) -> Facts {
    Facts { ask: Ask::Operation(name.to_owned()), resource: Resource::control_plane(), capacity: None, ..change() }
}

pub const PERMIT: &str = r#"
@id("permit-all")
@rationale("All.")
permit (principal, action, resource);
"#;
