//! A server of canned answers, and the real binary run against it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// What goes out: a status, a type and a body. `cut` promises more than it sends, as a broken connection does.
pub struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
    pub cut: bool,
    pub cookie: Option<&'static str>,
}

pub fn json(status: u16, body: Value) -> Reply {
    Reply { status, kind: "application/json", body: body.to_string(), cut: false, cookie: None }
}

pub fn events(text: impl Into<String>) -> Reply {
    Reply { status: 200, kind: "text/event-stream", body: text.into(), cut: false, cookie: None }
}

pub fn problem(status: u16, code: &str, detail: &str) -> Reply {
    let body = serde_json::json!({
        "status": status, "code": code, "detail": detail, "help": "do the other thing", "request_id": "req_1",
        "type": "", "title": "",
    });
    Reply { status, kind: "application/problem+json", body: body.to_string(), cut: false, cookie: None }
}

/// Runs until the test's process ends.
pub struct Fake {
    pub url: String,
    pub heard: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (Arc::new(answer), Arc::clone(&heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                std::thread::spawn(move || serve(stream, &*answer, &noted));
            }
        });
        Self { url, heard }
    }

    pub fn run(&self, home: &Path, args: &[&str]) -> Ended {
        run_with(home, &[("LEGATOR_SERVER", &self.url), ("LEGATOR_API_KEY", "lgk_test")], args, "")
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Request) -> Reply, noted: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: String::new() };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.body = String::from_utf8(body).unwrap();
    let reply = answer(&request);
    noted.lock().unwrap().push(request);
    let promised = reply.body.len() + usize::from(reply.cut) * 100;
    let cookie = reply.cookie.map(|cookie| format!("set-cookie: {cookie}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} x\r\ncontent-type: {}\r\ncontent-length: {promised}\r\n{cookie}connection: close\r\n\r\n",
        reply.status, reply.kind
    );
    let mut stream = reader.into_inner();
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(reply.body.as_bytes()));
}

/// How the binary ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Everything, for a snapshot.
    pub fn all(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

pub fn run_with(home: &Path, env: &[(&str, &str)], args: &[&str], stdin: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_legatorctl"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
