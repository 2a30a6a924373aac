//! Signing in with a browser, here or elsewhere: a code is shown, and somebody who is signed in there agrees.
//! Never: a browser opened at another address than the server's own.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clean;
use crate::exit::Failure;
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

const ASK: [&str; 5] = ["api", "v1", "auth", "device", "token"];
const PATIENCE_S: u64 = 600;

/// Gives the cookie of the session, once somebody has agreed.
pub async fn sign_in(server: &Server, screen: Screen, opens_browser: bool) -> Result<String, Failure> {
    let client = format!("legatorctl on {}", host());
    let begun = server.post(&["api", "v1", "auth", "device"], &[], &json!({ "client": client })).await?;
    let code = field::shown(&begun, "user_code");
    // The server's own address is the one that we reach it by, and not what the answer says.
    let page = server.url(&["device"], &[("code", &code)]).to_string();
    screen.note("Open this page in a browser where you can sign in, here or elsewhere:");
    screen.note(&format!("\n  {}\n", clean::line(&page)));
    screen.note(&format!("and agree if it shows the code  {code}"));
    if opens_browser {
        open(&page);
    }
    wait(server, &begun).await
}

async fn wait(server: &Server, begun: &Value) -> Result<String, Failure> {
    let interval = field::number(begun, "interval_s").clamp(1, 60);
    let lives = field::number(begun, "expires_in_s").min(PATIENCE_S);
    let body = json!({ "device_code": begun["device_code"] });
    for _ in 0..lives.div_ceil(interval) {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        match server.session(&ASK, &body).await {
            Ok(Some((_, cookie))) => return Ok(cookie),
            Ok(None) => {}
            Err(Failure::Problem(problem)) if problem.code == "too-many-requests" => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Local("nobody has agreed in time; try again".to_owned()))
}

/// A hint for the person, so nothing depends on it.
fn open(page: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let there = std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some();
    if there || cfg!(target_os = "macos") {
        let _ =
            Command::new(program).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "a machine without a name".to_owned() } else { name }
}
