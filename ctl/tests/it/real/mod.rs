//! The real binary against a real server: what happens there, how it is said here, and how it ends.

mod approvals;
mod glass;
mod grants;
mod log;
mod people;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Person, World};

use crate::fake::{Ended, run_with};

const RESTART: &[&str] = &["systemctl", "restart", "nginx"];

/// Somebody at a machine of their own: a home folder, and the key that they sign in with.
struct Desk {
    home: TempDir,
    server: String,
    key: String,
}

impl Desk {
    fn of(world: &World, person: &Person) -> Self {
        let key = person.key.clone().unwrap_or_default();
        Self { home: tempfile::tempdir().unwrap(), server: world.base(), key }
    }

    /// The same desk after the key was replaced.
    fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// Types this. The probes that the test plays go on meanwhile.
    async fn types(&self, args: &[&str]) -> Ended {
        self.types_with(args, "").await
    }

    async fn types_with(&self, args: &[&str], stdin: &str) -> Ended {
        let (home, server, key) = (self.home.path().to_owned(), self.server.clone(), self.key.clone());
        let (args, stdin) = (args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>(), stdin.to_owned());
        let ended = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            run_with(&home, &[("LEGATOR_SERVER", &server), ("LEGATOR_API_KEY", &key)], &args, &stdin)
        });
        ended.await.unwrap()
    }

    /// Types what has to go well; gives what it said on standard output, without the newline.
    #[track_caller]
    fn well(&self, args: &[&str]) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            let ended = self.types(args).await;
            assert_eq!(ended.code, 0, "{place}: {args:?}: {ended:?}");
            ended.stdout.trim_end().to_owned()
        }
    }

    /// The same with one JSON document for an answer.
    #[track_caller]
    fn json(&self, args: &[&str]) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let args = [&["-o", "json"], args].concat();
            let ended = self.types(&args).await;
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{place}: {args:?}: {ended:?}");
            ended.json()
        }
    }

    /// Types what has to be refused: with this exit code, and with these words for people; as JSON with the same code
    /// and detail.
    #[track_caller]
    fn refused(&self, args: &[&str], code: i32, words: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let ended = self.types(args).await;
            assert_eq!(ended.code, code, "{place}: {args:?}: {ended:?}");
            assert!(ended.stderr.contains(words) && ended.stdout.is_empty(), "{place}: `{words}`: {ended:?}");
            if ended.stderr.contains("try '--help'") {
                return; // The command line itself is wrong, which is said to people alone.
            }
            let ended = self.types(&[&["-o", "json"], args].concat()).await;
            let error = &ended.json()["error"];
            assert_eq!((ended.code, &error["exit_code"]), (code, &Value::from(code)), "{place}: {ended:?}");
            let detail = error["detail"].as_str().unwrap_or_default();
            let help = error["help"].as_str().unwrap_or_default();
            assert!(detail.contains(words) || help.contains(words), "{place}: {ended:?}");
            let by_server = error["status"].is_u64();
            assert_eq!(by_server, error["code"].is_string(), "{place}: {ended:?}");
            assert_eq!(by_server, error["request_id"].is_string(), "{place}: {ended:?}");
        }
    }
}

/// The shipped bundle in a folder, with another text in place of one of its own. Its cases would not all hold.
fn bundle_with(from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rules = legator_engine::Bundle::shipped().into_iter().filter(|(path, _)| !path.ends_with(".cases.toml"));
    for (path, bytes) in rules {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, String::from_utf8(bytes).unwrap().replace(from, to)).unwrap();
    }
    folder
}

/// The keys of an object, which is what a program relies on.
fn fields(value: &Value) -> Vec<&str> {
    let fields = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Whether a document has at least these fields.
#[track_caller]
fn has(value: &Value, wanted: &[&str]) {
    let there = fields(value);
    for field in wanted {
        assert!(there.contains(field), "no `{field}` in {value}");
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {value}"))
}
