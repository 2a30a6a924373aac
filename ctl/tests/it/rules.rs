use std::path::Path;

use crate::fake::run_with;

fn shipped(folder: &Path) {
    for (name, bytes) in legator_engine::Bundle::shipped() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn finds_the_shipped_bundle_good() {
    let home = tempfile::tempdir().unwrap();
    shipped(home.path());
    let ended = run_with(home.path(), &[], &["policy", "check", home.path().to_str().unwrap()], "");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.starts_with("ok "), "{}", ended.stdout);
}

#[test]
fn shows_every_fault_of_a_broken_bundle_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    shipped(home.path());
    std::fs::write(
        home.path().join("policies/broken.cedar"),
        "@id(\"broken\")\n@rationale(\"Broken.\")\nforbid (principal, action, resource) when { context.nothing };\n",
    )
    .unwrap();
    let folder = home.path().to_str().unwrap();
    let ended = run_with(home.path(), &[], &["policy", "check", folder], "");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("policies/broken.cedar:3:") && ended.stdout.contains("^^"), "{}", ended.stdout);
    let as_json = run_with(home.path(), &[], &["policy", "check", folder, "-o", "json"], "").json();
    assert_eq!(as_json["ok"], false);
    assert_eq!(as_json["faults"][0]["line"], 3);
}

#[test]
fn says_which_folder_cannot_be_read() {
    let home = tempfile::tempdir().unwrap();
    let ended = run_with(home.path(), &[], &["policy", "check", "/no/such/folder"], "");
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("`/no/such/folder`"), "{}", ended.stderr);
}
