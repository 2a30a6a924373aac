//! How the server and the fleet are, and who I am: as much of it as may be seen.

use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

pub async fn obey(server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let health = server.get_whatever(&["healthz"]).await?;
    let version = server.get(&["version"], &[]).await?;
    let mut me = Value::Null;
    let (mut fleet, mut approvals, mut head) = (Value::Null, Value::Null, Value::Null);
    if server.has_key() {
        me = server.get(&["api", "v1", "me"], &[]).await?;
        fleet = seen(server.get(&["api", "v1", "fleet", "summary"], &[]).await)?;
        approvals = seen(server.get(&["api", "v1", "approvals"], &[("limit", "1")]).await)?["pending_count"].take();
        head = seen(server.get(&["api", "v1", "audit", "checkpoint"], &[]).await)?;
    }
    let all = json!({
        "server": server.address(), "health": health, "version": version, "me": me,
        "fleet": fleet, "pending_approvals": approvals, "log": head,
    });
    screen.either(&all, || show(screen, &all));
    Ok(if field::text(&health, "status") == "ok" { Exit::OK } else { Exit::FAILED })
}

/// What may not be seen is left out.
fn seen(answer: Result<Value, Failure>) -> Result<Value, Failure> {
    match answer {
        Err(Failure::Problem(problem)) if problem.status == 403 => Ok(Value::Null),
        other => other,
    }
}

fn show(screen: Screen, all: &Value) {
    let (version, me, log) = (&all["version"], &all["me"], &all["log"]);
    let fleet = &all["fleet"];
    let counts: Vec<String> = ["online", "degraded", "offline", "pending"]
        .iter()
        .filter_map(|status| Some(format!("{} {status}", fleet["counts"][status].as_u64().filter(|n| *n > 0)?)))
        .collect();
    let probes = match fleet["total"].as_u64() {
        Some(total) if counts.is_empty() => total.to_string(),
        Some(total) => format!("{total}: {}", counts.join(", ")),
        None => String::new(),
    };
    let who = match me["name"].as_str() {
        Some(_) => format!("{} ({})", field::shown(me, "name"), field::shown(me, "roles")),
        None => "nobody; `legatorctl login` signs in".to_owned(),
    };
    let entries = log["size"].as_u64().map(|size| format!("{size} entries, root {}", field::shown(log, "root")));
    screen.facts(&[
        ("server", field::shown(all, "server")),
        ("health", word(field::text(&all["health"], "status")).trim_end().to_owned()),
        ("version", field::shown(version, "version")),
        ("policies", field::shown(version, "revision")),
        ("me", who),
        ("probes", probes),
        ("approvals", all["pending_approvals"].as_u64().map(|n| format!("{n} pending")).unwrap_or_default()),
        ("log", entries.unwrap_or_default()),
    ]);
    for problem in field::list(&all["health"], "problems") {
        screen.data(&format!("problem    {}", crate::clean::line(problem.as_str().unwrap_or_default())));
    }
}
