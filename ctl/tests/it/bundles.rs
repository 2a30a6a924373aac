//! Bundles from the command line, offline: begin one, look at it, lay it out, pack it, read it from git.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fake::{Ended, run_with};

fn legatorctl(home: &Path, args: &[&str]) -> Ended {
    run_with(home, &[], &[["bundle"].as_slice(), args].concat(), "")
}

pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policy-repository")
}

/// A fresh bundle in `home/mine`.
fn begun(home: &Path) -> String {
    let mine = home.join("mine").to_str().unwrap().to_owned();
    let ended = legatorctl(home, &["init", &mine]);
    assert_eq!(ended.code, 0, "{ended:?}");
    mine
}

pub fn git(folder: &Path, args: &[&str]) {
    let ended = Command::new("git")
        .args(["-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
        .args(args)
        .current_dir(folder)
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_fresh_bundle_passes_its_own_checks() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    for command in [["check", "--strict"].as_slice(), &["lint"], &["fmt", "--check"]] {
        let ended = legatorctl(home.path(), &[command, &[mine.as_str()]].concat());
        assert_eq!(ended.code, 0, "{command:?}: {ended:?}");
    }
    let checked = legatorctl(home.path(), &["check", &mine, "-o", "json"]).json();
    assert_eq!(checked["name"], "mine");
    assert!(checked["policies"].as_u64().unwrap() > 20, "{checked}");
    let files: std::collections::BTreeMap<String, Vec<u8>> =
        ["bundle.toml", "policies/own.cedar", "policies/own.cases.toml"]
            .into_iter()
            .map(|path| (path.to_owned(), std::fs::read(Path::new(&mine).join(path)).unwrap()))
            .chain(legator_engine::Bundle::shipped().into_iter().filter(|(path, _)| path != "policies/bundle.toml"))
            .collect();
    let report = legator_engine::Bundle::load(&files).unwrap().check();
    assert!(report.passed(), "{:?}", report.cases.iter().filter(|case| !case.passed()).collect::<Vec<_>>());
}

#[test]
fn a_bundle_begins_only_where_nothing_is() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    let again = legatorctl(home.path(), &["init", &mine]);
    assert!(again.code == 2 && again.stderr.contains("already"), "{again:?}");
    let fresh = home.path().join("My Fleet");
    std::fs::create_dir_all(fresh.join(".git")).unwrap();
    assert_eq!(legatorctl(home.path(), &["init", fresh.to_str().unwrap()]).code, 0);
    let text = std::fs::read_to_string(fresh.join("bundle.toml")).unwrap();
    assert!(text.contains("name = \"my-fleet\""), "{text}");
}

#[test]
fn every_case_of_the_example_repository_holds() {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![example()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(example()).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
    }
    let report = legator_engine::Bundle::load(&files).unwrap().check();
    let failed: Vec<String> = report.cases.iter().flat_map(|case| case.problems.clone()).collect();
    assert!(report.passed() && report.cases.len() > 10, "{failed:?}");
}

#[test]
fn a_bundle_is_packed_signed_and_read_back() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (key, archive, again) = (at("own.key"), at("a.tar.gz"), at("b.tar.gz"));
    let made = legatorctl(home.path(), &["key", "acme/policies", "-f", &key]);
    let verifier = made.stdout.trim().to_owned();
    assert!(made.code == 0 && verifier.starts_with("acme/policies+"), "{made:?}");
    assert_eq!(legatorctl(home.path(), &["key", "x", "--public", "-f", &key]).stdout.trim(), verifier);
    assert_ne!(legatorctl(home.path(), &["key", "acme/policies", "-f", &key]).code, 0, "a key is never overwritten");
    for file in [&archive, &again] {
        let built = legatorctl(home.path(), &["build", &mine, "--key", &key, "-f", file]);
        assert_eq!(built.code, 0, "{built:?}");
    }
    assert_eq!(std::fs::read(&archive).unwrap(), std::fs::read(&again).unwrap(), "the same files, the same bytes");
    assert_eq!(legatorctl(home.path(), &["build", &archive, "--verify", &verifier]).code, 0);
    let revision = |place: &str| legatorctl(home.path(), &["check", place, "-o", "json"]).json()["revision"].clone();
    assert_eq!(revision(&archive), revision(&mine));
    let other = legatorctl(home.path(), &["key", "acme/policies", "-f", &at("other.key")]).stdout;
    assert_eq!(legatorctl(home.path(), &["build", &archive, "--verify", other.trim()]).code, 5);
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&archive, bytes).unwrap();
    let cut = legatorctl(home.path(), &["check", &archive, "-o", "json"]);
    assert!(cut.code == 1 && cut.json()["faults"][0]["code"] == "archive", "{cut:?}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let (mine, key) = (begun(home.path()), home.path().join("own.key"));
    let key_name = key.to_str().unwrap();
    legatorctl(home.path(), &["key", "a", "-f", key_name]);
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = legatorctl(home.path(), &["build", &mine, "--key", key_name]);
    assert!(ended.code == 2 && ended.stderr.contains("others can read"), "{ended:?}");
}

#[test]
fn a_commit_is_read_without_touching_the_work_tree() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    let folder = Path::new(&mine);
    git(folder, &["init", "-q"]);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "begin"]);
    git(folder, &["tag", "v1"]);
    let revision = |args: &[&str]| {
        let ended = legatorctl(home.path(), &[["check", "-o", "json"].as_slice(), args].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.json()["revision"].clone()
    };
    let first = revision(&[&mine]);
    std::fs::write(folder.join("policies/own.cedar"), "broken").unwrap();
    assert_eq!(legatorctl(home.path(), &["check", &mine]).code, 1);
    assert_eq!(revision(&[&mine, "--rev", "v1"]), first);
    assert_eq!(revision(&[&format!("{mine}@HEAD")]), first);
    for wrong in ["nothing", "--output=x", "", "HEAD:policies"] {
        let ended = legatorctl(home.path(), &["check", &mine, &format!("--rev={wrong}")]);
        assert!(ended.code == 1 || ended.code == 2, "{wrong}: {ended:?}");
    }
    std::os::unix::fs::symlink("/etc/passwd", folder.join("policies/evil.cedar")).unwrap();
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "evil"]);
    let ended = legatorctl(home.path(), &["check", &mine, "--rev", "HEAD", "-o", "json"]);
    assert_eq!((ended.code, ended.json()["faults"][0]["code"].as_str()), (1, Some("symlink")), "{ended:?}");
}

#[test]
fn a_bundle_below_the_root_of_a_repository_is_read_too() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    git(home.path(), &["init", "-q"]);
    git(home.path(), &["add", "mine"]);
    git(home.path(), &["commit", "-q", "-m", "begin"]);
    let of = |args: &[&str]| {
        legatorctl(home.path(), &[["check", "-o", "json"].as_slice(), args].concat()).json()["revision"].clone()
    };
    assert!(of(&[&mine]).is_string());
    assert_eq!(of(&[&mine, "--rev", "main"]), of(&[&mine]));
}

#[test]
fn links_and_strange_files_are_refused_with_their_names() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    let policies = Path::new(&mine).join("policies");
    std::os::unix::fs::symlink("/etc/passwd", policies.join("a.cedar")).unwrap();
    std::os::unix::fs::symlink("/etc", policies.join("folder")).unwrap();
    let file = std::fs::File::create(policies.join("big.cedar")).unwrap();
    file.set_len(5 * 1024 * 1024).unwrap();
    let faults = legatorctl(home.path(), &["check", &mine, "-o", "json"]).json()["faults"].clone();
    let said: Vec<(&str, &str)> = faults
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["code"].as_str().unwrap(), fault["file"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [("symlink", "policies/a.cedar"), ("too-large", "policies/big.cedar"), ("symlink", "policies/folder")]
    );
}

#[test]
fn lays_files_out_and_says_which() {
    let home = tempfile::tempdir().unwrap();
    let mine = begun(home.path());
    let own = Path::new(&mine).join("policies/own.cedar");
    let good = std::fs::read_to_string(&own).unwrap();
    std::fs::write(&own, good.replace("    ", "  ")).unwrap();
    let would = legatorctl(home.path(), &["fmt", "--check", &mine]);
    assert!(would.code == 1 && would.stdout.contains("would change policies/own.cedar"), "{would:?}");
    assert_eq!(legatorctl(home.path(), &["fmt", &mine]).code, 0);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), good);
    assert_eq!(legatorctl(home.path(), &["fmt", "--check", &mine]).code, 0);
    std::fs::write(&own, "permit (").unwrap();
    let broken = legatorctl(home.path(), &["fmt", &mine]);
    assert!(broken.code == 1 && std::fs::read_to_string(&own).unwrap() == "permit (", "{broken:?}");
}

#[test]
fn explains_codes_and_lints() {
    let home = tempfile::tempdir().unwrap();
    let one = legatorctl(home.path(), &["lint", "--explain", "unscoped-policy"]);
    assert!(one.code == 0 && one.stdout.contains("evaluated for every request"), "{one:?}");
    assert_eq!(legatorctl(home.path(), &["check", "--explain", "no-such-code"]).code, 2);
    let all = legatorctl(home.path(), &["check", "--explain", "-o", "json"]).json();
    assert!(all.as_array().unwrap().len() > 50);
    let mine = begun(home.path());
    let text =
        "@id(\"bare\")\n@rationale(\"Because.\")\nforbid (principal, action, resource) when { context.tainted };\n";
    std::fs::write(Path::new(&mine).join("policies/bare.cedar"), text).unwrap();
    let found = legatorctl(home.path(), &["lint", &mine, "-o", "json"]);
    let codes: Vec<String> = found.json()["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        (found.code, codes),
        (1, vec!["policy-without-case".to_owned(), "short-rationale".to_owned(), "unscoped-policy".to_owned()])
    );
    assert_eq!(legatorctl(home.path(), &["lint", "--lenient", &mine]).code, 0);
}
