//! What a classification tells besides its level: programs, targets, looks, parts.

use legator_classify::{Table, classify};
use legator_protocol::{CommandSpec, Level, Look, LookKind};

#[test]
fn names_every_program_in_the_order_of_the_line() {
    let found =
        classify(Table::shipped(), &CommandSpec::shell("ps aux | grep nginx | awk '{print $2}' | xargs kill -9"));
    assert_eq!(found.programs.iter().map(String::as_str).collect::<Vec<_>>(), ["awk", "grep", "kill", "ps", "xargs"]);
    assert_eq!(found.level, Level::Remediate);
    let texts: Vec<&str> = found.parts.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(texts, ["ps aux", "grep nginx", "awk {print $2}", "xargs kill -9", "kill -9 …"]);
    assert!(found.parts.iter().all(|part| !part.why.is_empty()));
}

#[test]
fn looks_only_at_what_is_changed() {
    assert!(classify(Table::shipped(), &CommandSpec::shell("systemctl status nginx; cat /etc/hosts")).look.is_empty());
    let found =
        classify(Table::shipped(), &CommandSpec::shell("systemctl restart nginx web.socket; echo x > /etc/motd"));
    let looks = [(LookKind::Unit, "nginx.service"), (LookKind::Unit, "web.socket"), (LookKind::File, "/etc/motd")];
    assert_eq!(found.look, looks.map(|(kind, target)| Look { kind, target: target.to_owned() }));
}

#[test]
fn a_relative_path_is_looked_at_only_where_its_directory_is_known() {
    let line = "chmod 600 key";
    assert!(classify(Table::shipped(), &CommandSpec::shell(line)).look.is_empty());
    let spec = CommandSpec { cwd: Some("/srv".to_owned()), ..CommandSpec::shell(line) };
    let look = Look { kind: LookKind::File, target: "/srv/key".to_owned() };
    assert_eq!(classify(Table::shipped(), &spec).look, [look]);
    let spec = CommandSpec { cwd: Some("/srv".to_owned()), ..CommandSpec::shell("cd /tmp; chmod 600 key") };
    assert!(classify(Table::shipped(), &spec).look.is_empty());
}

#[test]
fn a_value_of_the_environment_is_never_in_a_part() {
    let mut spec = CommandSpec::argv(["ls"]);
    spec.env.insert("LD_PRELOAD".to_owned(), "hunter2".to_owned());
    let found = classify(Table::shipped(), &spec);
    assert!(found.parts.iter().all(|part| !part.text.contains("hunter2") && !part.why.contains("hunter2")));
}

#[test]
fn an_empty_command_is_unreadable_and_not_harmless() {
    for spec in [CommandSpec::shell(" "), CommandSpec::shell("# nothing"), CommandSpec::argv::<&str>([])] {
        let found = classify(Table::shipped(), &spec);
        assert!(!found.parsed && found.level == Level::Remediate);
    }
}
