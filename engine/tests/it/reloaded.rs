//! A bundle that is read beside another is the bundle that is read alone, in every word.

use std::collections::BTreeMap;

use legator_engine::{Ask, Bundle, CommandSpec, Facts, decide};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::broken::corpus;
use crate::small::{change, files};

type Files = BTreeMap<String, Vec<u8>>;

/// A sound bundle with one of everything.
fn base() -> Files {
    files(&[
        (
            "policies/base.cedar",
            "@id(\"base\")\n@rationale(\"Base.\")\npermit (principal, action, resource in Tag::\"t9\");\n",
        ),
        ("policies/commands/own.toml", "[own]\nlevel = \"observe\"\n"),
        ("scripts/admission/own.rhai", ADMIT),
    ])
}

#[test]
fn every_broken_bundle_has_the_same_findings_beside_a_sound_one() {
    let sound = Bundle::load(&base()).unwrap();
    for broken in corpus() {
        let mut laid_over = base();
        laid_over.extend(broken.files.clone());
        for files in [&broken.files, &laid_over] {
            let (alone, beside) = (Bundle::inspect(files), sound.inspect_again(files));
            assert_eq!(alone.findings, beside.findings, "{}", broken.name);
            assert_eq!(alone.bundle.is_some(), beside.bundle.is_some(), "{}", broken.name);
        }
    }
}

/// A file, and texts that it may have; none means that it is not there.
const CHANGES: &[(&str, &[Option<&str>])] = &[
    ("policies/a.cedar", &[None, Some(PERMIT), Some(PERMIT_ANOTHER), Some("permit (principal"), Some(UNKNOWN)]),
    ("policies/b.cedar", &[None, Some(FORBID), Some(PERMIT)]),
    ("bundle.toml", &[None, Some("name = \"one\"\n"), Some("[admission]\noperations = 2000\n"), Some("nme = 1\n")]),
    ("policies/commands/own.toml", &[None, Some("[own]\nlevel = \"observe\"\n"), Some("[own]\nlevel = \"no\"\n")]),
    ("scripts/admission/own.rhai", &[None, Some("fn admit(request) { 1 }"), Some(ADMIT)]),
    ("policies/a.cases.toml", &[None, Some(CASE), Some("[[case]]\nnam = 1\n")]),
];
const PERMIT: &str = "@id(\"a\")\n@rationale(\"A.\")\npermit (principal, action == Action::\"observe\", resource);\n";
const PERMIT_ANOTHER: &str = "@id(\"a\")\n@rationale(\"B.\")\npermit (principal, action, resource);\n";
const FORBID: &str = "@id(\"b\")\n@rationale(\"B.\")\nforbid (principal, action, resource in Tag::\"t1\");\n";
const UNKNOWN: &str = "@id(\"u\")\n@rationale(\"U.\")\npermit (principal, action == Action::\"observe\", resource) when { context.nothing };\n";
const ADMIT: &str = "fn admit(request, capacity) { if request.is_change { queue(\"later\") } else { allow() } }";
const CASE: &str = "[[case]]\nname = \"looks\"\nprincipal = { name = \"ana\" }\ncommand = [\"uptime\"]\nexpect = { outcome = \"allow\" }\n";

fn looked(bundle: &Bundle) -> (String, String, String, String) {
    let asked =
        ["uptime", "reboot"].map(|program| Facts { ask: Ask::Command(CommandSpec::argv([program])), ..change() });
    let decisions: Vec<_> = asked.iter().map(|facts| decide(bundle, facts)).collect();
    (
        bundle.revision().to_owned(),
        format!("{:?}{:?}", bundle.policies().collect::<Vec<_>>(), bundle.scripts().collect::<Vec<_>>()),
        format!("{:?}", bundle.check()),
        serde_json::to_string(&decisions).unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_from_bundle_to_bundle_ends_where_each_is_read_alone(
        steps in prop::collection::vec(
            (subsequence((0..CHANGES.len()).collect::<Vec<_>>(), 1..3), select((0..5_usize).collect::<Vec<_>>())), 1..6)
    ) {
        let mut now: Files = base();
        let mut live = Bundle::load(&now).unwrap();
        for (changed, to) in steps {
            for n in changed {
                let (path, texts) = CHANGES[n];
                match texts[to % texts.len()] {
                    Some(text) => now.insert(path.to_owned(), text.as_bytes().to_vec()),
                    None => now.remove(path),
                };
            }
            let (alone, beside) = (Bundle::inspect(&now), live.inspect_again(&now));
            prop_assert_eq!(&alone.findings, &beside.findings);
            match (alone.bundle, beside.bundle) {
                (Some(alone), Some(beside)) => {
                    prop_assert_eq!(looked(&alone), looked(&beside));
                    live = beside;
                }
                (None, None) => {}
                _ => prop_assert!(false, "one is a bundle and the other is none"),
            }
        }
    }
}
