//! What is said about a table file that is wrong: every mistake, with its place.

use legator_classify::{Table, classify};
use legator_protocol::{CommandSpec, Level};

fn faults(text: &str) -> Vec<String> {
    Table::parse([("site.toml", text)]).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn says_every_mistake_with_its_place() {
    let text = "[one]\nlevel = \"harmless\"\n\n[two]\nlevel = \"observe\"\nsurprise = 1\n\n[three]\nlevel = \"observe\"\noperands = \"paht...\"\n";
    let found = faults(text);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found.iter().any(|fault| fault.starts_with("site.toml:2:9: ")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.starts_with("site.toml:6:1: ") && fault.contains("surprise")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.starts_with("site.toml:10:12: ") && fault.contains("`paht`")), "{found:#?}");
}

#[test]
fn refuses_each_kind_of_mistake() {
    for (text, expected) in [
        ("[a", "site.toml:1:"),
        ("[a]\n", "missing field `level`"),
        ("[\"a b\"]\nlevel = \"observe\"\n", "names no program"),
        ("[a]\nlevel = \"observe\"\naliases = \"a\"\n", "described twice"),
        ("[a]\nlevel = \"observe\"\nflags = \"x\"\n", "is not an option"),
        ("[a]\nlevel = \"observe\"\nflags = \"-x -x\"\n", "described twice"),
        ("[a]\nlevel = \"observe\"\nobserve = \"x\"\ndestroy = \"x\"\n", "the subcommand `x` is described twice"),
        ("[a]\nlevel = \"observe\"\noperands = \"path... text\"\n", "has to come last"),
        ("[a]\nlevel = \"observe\"\neffects = \"Disk\"\n", "names no effect"),
        ("[a]\nlevel = \"observe\"\nstdin = \"cobol\"\n", "is not a language"),
        ("[a]\nlevel = \"observe\"\n[a.option]\n\"-x\" = { kind = \"bogus\" }\n", "is not a kind"),
        ("[a]\nlevel = \"observe\"\n[a.sub.x]\nlevel = \"observe\"\nbogus = 1\n", "bogus"),
    ] {
        let found = faults(text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{text:?}: {found:#?}");
    }
}

#[test]
fn refuses_a_program_that_two_files_describe_and_names_the_first() {
    let both = Table::parse([("a.toml", "[x]\nlevel = \"observe\"\n"), ("b.toml", "\n[x]\nlevel = \"destroy\"\n")]);
    let found = both.unwrap_err();
    assert_eq!(found[0].to_string(), "b.toml:2:2: `x` is described twice; first in a.toml:1");
    assert!(Table::extended([("site.toml", "[ls]\nlevel = \"destroy\"\n")]).is_err());
}

#[test]
fn an_own_tool_is_read_as_its_file_says() {
    let text = "[frobctl]\nlevel = \"observe\"\nflags = \"-v\"\ntakes = \"-n\"\neffects = \"service\"\nobserve = \"status\"\ndestroy = \"wipe\"\n\
                [frobctl.sub.restart]\nlevel = \"remediate\"\noperands = \"unit...\"\n";
    let table = Table::extended([("site.toml", text)]).unwrap();
    let level = |line: &str| {
        let found = classify(&table, &CommandSpec::shell(line));
        (found.level, found.known)
    };
    assert_eq!(level("frobctl -v status"), (Level::Observe, true));
    assert_eq!(level("frobctl -n 5 restart web"), (Level::Remediate, true));
    assert_eq!(level("frobctl wipe"), (Level::Destroy, true));
    assert_eq!(level("frobctl --new status"), (Level::Remediate, false));
    assert_eq!(level("frobctl renew"), (Level::Remediate, false));
    assert_ne!(table.digest(), Table::shipped().digest());
}

#[test]
fn the_digest_is_of_the_files_whatever_their_order() {
    let (a, b) = (("a.toml", "[x]\nlevel = \"observe\"\n"), ("b.toml", "[y]\nlevel = \"observe\"\n"));
    let digest = |files: [(&str, &str); 2]| Table::parse(files).unwrap().digest().to_owned();
    assert_eq!(digest([a, b]), digest([b, a]));
    assert_ne!(digest([a, b]), digest([a, ("b.toml", "[y]\nlevel = \"destroy\"\n")]));
}
