//! The example policy repository, as its people and its build use it: the hook on each commit, every step of the workflow
//! on a branch, and a replay that fails what the budget does not allow.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use legator_engine::replay::{Line, Record};
use legator_engine::{Ask, Bundle, CommandSpec, Context, Facts, Origin, Principal, Probe, Resource, decide};

use crate::bundles::{example, git};

/// A clone to work in, with the hook in use and everything committed on `main`.
struct Repository {
    home: tempfile::TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { home: tempfile::tempdir().unwrap() };
        copy(&example(), &repository.at());
        repository.git(&["init", "--quiet", "."]);
        repository.git(&["config", "core.hooksPath", "hooks"]);
        assert!(repository.commit("begin").status.success());
        repository.git(&["branch", "-M", "main"]);
        repository.git(&["checkout", "--quiet", "-b", "change"]);
        repository
    }

    fn at(&self) -> PathBuf {
        self.home.path().join("policies-of-acme")
    }

    fn git(&self, args: &[&str]) {
        git(&self.at(), args);
    }

    fn command(&self, program: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_legatorctl")).parent().unwrap();
        let mut command = Command::new(program);
        command.current_dir(self.at()).env_clear().env("HOME", self.home.path());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
        command
    }

    /// Commits what lies there, through the hook.
    fn commit(&self, message: &str) -> Output {
        self.git(&["add", "--all"]);
        let who = ["-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"];
        self.command("git").args(who).args(["commit", "--quiet", "-m", message]).output().unwrap()
    }

    /// Every step that the workflow runs, in its order; of each, whether it ended well and what it said.
    fn workflow(&self, facts: &Path) -> Vec<(String, bool, String)> {
        let workflow = std::fs::read_to_string(self.at().join(".github/workflows/policy.yml")).unwrap();
        let steps = workflow.lines().filter_map(|line| line.split("sh ci/").nth(1));
        let run = |step: &str| {
            let mut command = self.command("sh");
            command.arg(format!("ci/{step}")).env("BASE", "main").env("FACTS", facts);
            let output = command.output().unwrap();
            (step.to_owned(), output.status.success(), said(&output))
        };
        steps.map(run).collect()
    }

    fn write(&self, path: &str, edit: impl FnOnce(String) -> String) {
        let path = self.at().join(path);
        std::fs::write(&path, edit(std::fs::read_to_string(&path).unwrap())).unwrap();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name())
        };
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            // With its rights: a hook that cannot be run is no hook.
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

/// What the server recorded under the bundle on `main`: an operator who restarted, and a visitor who was refused.
fn facts(repository: &Repository) -> PathBuf {
    let mut files = std::collections::BTreeMap::new();
    for path in [
        "bundle.toml",
        "policies/own.cedar",
        "policies/guardrails.cedar",
        "policies/roles.cedar",
        "policies/commands/own.toml",
        "scripts/admission/room.rhai",
    ] {
        files.insert(path.to_owned(), std::fs::read(repository.at().join(path)).unwrap());
    }
    let bundle = Bundle::load(&files).unwrap();
    let record = |n: u32, principal: Principal| {
        let facts = Facts {
            at_ms: 1_700_000_000_000,
            principal,
            ask: Ask::Command(CommandSpec::argv(["systemctl", "restart", "nginx"])),
            resource: Resource::Probe(Probe {
                id: "prb_1".to_owned(),
                tags: ["web".to_owned()].into(),
                ..Probe::default()
            }),
            context: Context::new(Origin::Api),
            capacity: Some(legator_engine::Capacity {
                probe: legator_engine::ProbeLoad { status: "online".to_owned(), ..Default::default() },
                ..Default::default()
            }),
        };
        let decision = decide(&bundle, &facts);
        Line::Decision(Box::new(Record::new(format!("cmd_{n}"), n, 1_700_000_000_000, facts, decision)))
    };
    let lines = [record(1, Principal::user("ana").role("operator")), record(2, Principal::user("vic")), Line::End(2)];
    let path = repository.home.path().join("facts.jsonl");
    std::fs::write(&path, lines.iter().map(|line| line.text() + "\n").collect::<String>()).unwrap();
    path
}

#[test]
fn a_change_passes_the_hook_and_every_step_of_the_workflow() {
    let repository = Repository::new();
    let facts = facts(&repository);
    repository.write("policies/own.cases.toml", |text| text + "\n# Looked at again.\n");
    let committed = repository.commit("look again");
    assert!(committed.status.success(), "{}", said(&committed));
    let steps = repository.workflow(&facts);
    let names: Vec<&str> = steps.iter().map(|(step, ..)| step.as_str()).collect();
    assert_eq!(names, ["check.sh", "test.sh", "replay.sh", "diff.sh"]);
    for (step, well, said) in &steps {
        assert!(well, "{step}: {said}");
    }
    assert!(steps[2].2.contains('2'), "both decisions are replayed: {}", steps[2].2);
    assert!(repository.at().join("cases.xml").exists() && repository.at().join("diff.txt").exists());
}

#[test]
fn the_hook_looks_at_what_is_staged_and_keeps_a_fault_out() {
    let repository = Repository::new();
    let good = std::fs::read_to_string(repository.at().join("policies/own.cedar")).unwrap();
    repository.write("policies/own.cedar", |text| text.replace("context.time.weekday", "context.time.wekday"));
    repository.git(&["add", "--all"]);
    // What lies in the folder is good again; what would be committed is not.
    std::fs::write(repository.at().join("policies/own.cedar"), good).unwrap();
    let who = ["-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"];
    let refused = repository.command("git").args(who).args(["commit", "--quiet", "-m", "a slip"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(said(&refused).contains("policies/own.cedar:") && said(&refused).contains("wekday"), "{}", said(&refused));
}

#[test]
fn a_change_that_lets_through_what_was_refused_fails_the_workflow_and_says_what() {
    let repository = Repository::new();
    let facts = facts(&repository);
    repository.write("policies/own.cedar", |text| {
        text + "\n@id(\"everybody-works\")\n@rationale(\"Everybody may.\")\npermit (principal, action in Action::\"command\", resource);\n"
    });
    let steps = repository.workflow(&facts);
    let of = |name: &str| steps.iter().find(|(step, ..)| step == name).unwrap();
    let (_, well, said) = of("replay.sh");
    let line = said.lines().find(|line| line.starts_with("cmd_2")).unwrap();
    assert!(!well && line.contains("newly-allowed") && line.ends_with("everybody-works"), "{said}");
    assert!(!of("test.sh").1, "a case says that a visitor may not");
    let (_, well, said) = of("diff.sh");
    assert!(*well && said.contains("everybody-works"), "{said}");
}
