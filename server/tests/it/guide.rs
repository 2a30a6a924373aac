//! The guide of `policies/README.md`, run line by line with the real programs: from an empty folder to a bundle that is
//! published, replayed, shadowed, put in force and taken back.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use testkit::program::Programs;
use testkit::{Answer, soon};

use crate::text;

const SERVER: &str = env!("CARGO_BIN_EXE_legator");
const GUIDE: &str = include_str!("../../../policies/README.md");
/// Minutes of work for an unoptimised build; the example repository's test runs it on a small bundle.
const ELSEWHERE: [&str; 1] = ["legatorctl bundle mutants"];
const FREEZE: &str = "\n@id(\"the-lab-is-frozen\")\n@rationale(\"The lab is frozen.\")\n\
                      forbid (principal, action == Action::\"remediate\", resource in Tag::\"lab\");\n";

/// The lines of the guide that a person types, from one heading on.
fn lines() -> Vec<&'static str> {
    let (_, guide) = GUIDE.split_once("## From an empty folder to a published bundle\n").unwrap();
    let (guide, _) = guide.split_once("\n### ").unwrap();
    let typed = guide.lines().filter_map(|line| line.strip_prefix("    "));
    typed.map(|line| line.split_once("  #").map_or(line, |(line, _)| line).trim()).collect()
}

struct Person<'p> {
    programs: &'p Programs,
    path: String,
}

impl Person<'_> {
    /// What a shell makes of it, as the administrator.
    fn types(&self, folder: &Path, line: &str) -> (Option<i32>, String) {
        let (server, key) = self.programs.door();
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(folder)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.programs.folder.path())
            .env("LEGATOR_SERVER", server)
            .env("LEGATOR_API_KEY", key)
            .env("LEGATOR_INSECURE_PLAIN_HTTP", "true")
            .envs([("GIT_AUTHOR_NAME", "ana"), ("GIT_AUTHOR_EMAIL", "ana@example.org")])
            .envs([("GIT_COMMITTER_NAME", "ana"), ("GIT_COMMITTER_EMAIL", "ana@example.org")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    }
}

async fn active(programs: &Programs) -> String {
    text(&programs.admin().get("/version").await.is(200), "revision").to_owned()
}

/// Asks for something that the change forbids.
async fn touched(programs: &Programs) -> Answer {
    programs.admin().run("web-1", &["touch", "/tmp/legator-guide"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_leads_from_an_empty_folder_to_a_bundle_that_is_taken_back() {
    let mut programs = Programs::new(SERVER);
    programs.start_server(None);
    assert!(programs.server_answers().await, "{}", programs.told());
    programs.enroll("web-1").await;
    programs.start_probe();
    let admin = programs.admin();
    let bin = Path::new(SERVER).parent().unwrap();
    assert!(bin.join("legatorctl").exists(), "run `cargo build -p legatorctl`");
    let person = Person { programs: &programs, path: format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()) };
    let first = active(&programs).await;
    admin.put("/api/v1/probes/web-1/tags", json!({ "tags": ["lab"] })).await.ok();
    touched(&programs).await.is(200);

    let mut folder = programs.folder.path().to_owned();
    let (mut revision, mut ran) = (String::new(), Vec::new());
    for line in lines() {
        if ELSEWHERE.contains(&line) {
            continue;
        }
        if line.starts_with("legatorctl bundle diff") {
            // The next change that the guide speaks of.
            let own = folder.join("policies/own.cedar");
            std::fs::write(&own, std::fs::read_to_string(&own).unwrap() + FREEZE).unwrap();
        }
        let told = line.replace("REVISION", &revision);
        let (code, said) = person.types(&folder, &told);
        assert_eq!(code, Some(0), "{told}: {said}");
        ran.push(line);
        if let Some((_, made)) = line.split_once("&& cd ") {
            folder = folder.join(made);
        } else if line.starts_with("legatorctl bundle diff") {
            assert!(said.contains("the-lab-is-frozen"), "{said}");
        } else if line.starts_with("legatorctl bundle replay") {
            assert!(said.contains("newly-denied"), "{said}");
        } else if line.starts_with("legatorctl bundle publish") {
            revision = text(&admin.get("/api/v1/bundles").await.is(200)["bundles"][0], "revision").to_owned();
            assert_eq!(active(&programs).await, first, "it decides nothing yet");
        } else if line.starts_with("legatorctl bundle shadow start") {
            touched(&programs).await;
            let differs = async {
                while admin.get("/api/v1/bundles/shadow").await.is(200)["tally"]["kinds"]["newly-denied"] != 1 {
                    tokio::task::yield_now().await;
                }
            };
            soon("the shadow has seen it", differs).await;
        } else if line.starts_with("legatorctl bundle activate") {
            assert_eq!(active(&programs).await, revision);
            touched(&programs).await.problem("denied");
        }
    }
    assert_eq!(active(&programs).await, first);
    touched(&programs).await.is(200);
    for step in
        ["init", "check", "lint", "fmt", "test", "cover", "diff", "replay", "build", "publish", "activate", "rollback"]
    {
        assert!(ran.iter().any(|line| line.contains(&format!("bundle {step}"))), "the guide leaves `{step}` out");
    }
}
