use crate::fake::run_with;

/// Every command with those below it.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["login"],
    &["logout"],
    &["whoami"],
    &["sessions"],
    &["sessions", "end"],
    &["sessions", "end-others"],
    &["status"],
    &["probes"],
    &["probes", "show"],
    &["probes", "tags"],
    &["probes", "rotate-key"],
    &["probes", "keys"],
    &["probes", "remove"],
    &["run"],
    &["explain"],
    &["simulate"],
    &["decisions"],
    &["commands"],
    &["commands", "show"],
    &["cancel"],
    &["wait"],
    &["approvals"],
    &["approvals", "show"],
    &["approvals", "withdraw"],
    &["approvals", "comment"],
    &["approvals", "delegate"],
    &["approvals", "delegate", "to"],
    &["approvals", "delegate", "list"],
    &["approvals", "delegate", "end"],
    &["approvals", "key"],
    &["approvals", "key", "enroll"],
    &["approvals", "key", "list"],
    &["approvals", "key", "revoke"],
    &["approvals", "figures"],
    &["approve"],
    &["deny"],
    &["grants"],
    &["grants", "ask"],
    &["grants", "show"],
    &["grants", "revoke"],
    &["breakglass"],
    &["breakglass", "review"],
    &["tokens"],
    &["tokens", "create"],
    &["tokens", "revoke"],
    &["users"],
    &["users", "create"],
    &["users", "disable"],
    &["users", "enable"],
    &["users", "reset"],
    &["users", "roles"],
    &["users", "groups"],
    &["users", "grants"],
    &["users", "remove"],
    &["tenants"],
    &["tenants", "create"],
    &["tenants", "change"],
    &["roles"],
    &["keys"],
    &["keys", "create"],
    &["keys", "certify"],
    &["keys", "rotate"],
    &["keys", "rotate-seal"],
    &["keys", "rotate-log"],
    &["keys", "revoke"],
    &["providers"],
    &["providers", "set"],
    &["providers", "check"],
    &["providers", "remove"],
    &["audit"],
    &["audit", "list"],
    &["audit", "tail"],
    &["audit", "verify"],
    &["audit", "export"],
    &["audit", "verify-evidence"],
    &["audit", "proof"],
    &["audit", "check-proof"],
    &["audit", "checkpoint"],
    &["audit", "keys"],
    &["bundle"],
    &["bundle", "build"],
    &["bundle", "check"],
    &["bundle", "fmt"],
    &["bundle", "init"],
    &["bundle", "key"],
    &["bundle", "lint"],
    &["bundle", "test"],
    &["bundle", "cover"],
    &["bundle", "mutants"],
    &["bundle", "explain"],
    &["bundle", "diff"],
    &["policy"],
    &["policy", "check"],
    &["bundle", "facts", "export"],
    &["bundle", "replay"],
    &["bundle", "replays"],
    &["bundle", "shadow"],
    &["bundle", "shadow", "start"],
    &["bundle", "shadow", "status"],
    &["policies"],
    &["policies", "show"],
    &["policies", "reload"],
    &["policies", "templates"],
    &["policies", "apply"],
    &["policies", "unapply"],
    &["policies", "write"],
    &["policies", "delete"],
    &["bundle", "publish"],
    &["bundle", "activate"],
    &["bundle", "rollback"],
    &["bundle", "unpin"],
    &["bundle", "history"],
    &["bundle", "list"],
    &["bundle", "show"],
    &["bundle", "source"],
    &["events"],
    &["completion"],
    &["man"],
    &["exit-codes"],
];

#[test]
fn says_the_same_help_as_before() {
    let home = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for command in COMMANDS {
        let args = [command, ["--help"].as_slice()].concat();
        let ended = run_with(home.path(), &[], &args, "");
        assert_eq!(ended.code, 0, "{command:?}");
        // What every command takes is shown once.
        let own = if command.is_empty() { ended.stdout.as_str() } else { own_part(&ended.stdout) };
        all.push_str(&format!("===== legatorctl {}\n{own}\n", command.join(" ")));
    }
    insta::assert_snapshot!("help", all);
}

fn own_part(text: &str) -> &str {
    text.split("Options of every command").next().unwrap().trim_end()
}

#[test]
fn ends_with_2_where_the_command_line_cannot_be_used() {
    let home = tempfile::tempdir().unwrap();
    for wrong in [&["run", "web-1"][..], &["nothing"], &["run", "web-1", "--timeout", "soon", "--", "uptime"]] {
        assert_eq!(run_with(home.path(), &[("LEGATOR_SERVER", "http://127.0.0.1:1")], wrong, "").code, 2, "{wrong:?}");
    }
}

#[test]
fn writes_completions_and_manual_pages() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let ended = run_with(home.path(), &[], &["completion", shell], "");
        assert!(ended.code == 0 && ended.stdout.contains("check-proof"), "{shell}");
    }
    let dir = home.path().join("man");
    let ended = run_with(home.path(), &[], &["man", "--dir", dir.to_str().unwrap()], "");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(dir.join("legatorctl-run.1").exists());
}
