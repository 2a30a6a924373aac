//! The key that votes are signed with: made here, kept here, and only its public half given to the server.
//! Never: shows the secret, sends it anywhere, or overwrites a key.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use ed25519_dalek::{Signer as _, SigningKey};
use legator_engine::vote::{Statement, enrollment};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clean;
use crate::clock;
use crate::config::config_folder;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Keys that votes are signed with.
#[derive(Subcommand)]
pub enum Keys {
    /// Make a key on this machine and enroll it; votes from here are signed with it from then on.
    Enroll {
        /// What it is called, as the name of this machine.
        #[arg(long, value_name = "NAME", default_value = "legatorctl")]
        name: String,
    },
    /// Everybody's keys.
    List,
    /// Vouch for another key of mine, with the one on this machine; from then on it counts.
    Vouch {
        /// The key's id.
        id: String,
    },
    /// End a key of mine; what it signed stays signed.
    Revoke {
        /// The key's id.
        id: String,
    },
}

/// A key as it lies on this machine.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Its id on the server.
    id: String,
    /// Whose it is there.
    person: String,
    /// Base 64.
    secret: String,
}

/// A key that can sign.
pub struct VoteKey {
    id: String,
    person: String,
    secret: SigningKey,
}

impl Keys {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self {
            Self::Enroll { name } => enroll(server, &name, screen).await,
            Self::List => {
                let all = server.get(&["api", "v1", "approvals", "keys"], &[]).await?;
                screen.either(&all, || {
                    let rows = field::list(&all, "keys").iter().map(|key| {
                        let said = |name: &str| field::shown(key, name);
                        vec![
                            said("id"),
                            said("person"),
                            said("name"),
                            kind(key).to_owned(),
                            said("public_key"),
                            field::time(key, "created_at"),
                        ]
                    });
                    screen.table(&["KEY", "PERSON", "NAME", "KIND", "PUBLIC KEY", "SINCE"], rows.collect());
                });
                Ok(Exit::OK)
            }
            Self::Vouch { id } => vouch(server, &id, screen).await,
            Self::Revoke { id } => {
                server.delete(&["api", "v1", "approvals", "keys", &id]).await?;
                let path = path(server)?;
                if load(&path)?.is_some_and(|key| key.id == id) {
                    std::fs::remove_file(&path).map_err(|source| Failure::File { verb: "remove", path, source })?;
                }
                screen.either(&json!({ "id": id, "revoked": true }), || {
                    screen.note(&format!("revoked `{}`", clean::line(&id)))
                });
                Ok(Exit::OK)
            }
        }
    }
}

async fn enroll(server: &Server, name: &str, screen: Screen) -> Result<Exit, Failure> {
    let path = path(server)?;
    if path.exists() {
        let there = path.display();
        return Err(Failure::Usage(format!("there is a key in `{there}` already; `approvals key revoke` ends it")));
    }
    let me = server.get(&["api", "v1", "me"], &[]).await?;
    let person = field::text(&me, "id").to_owned();
    let seed = clock::chance().map_err(|fault| Failure::Local(format!("could not make a key: {fault}")))?;
    let secret = SigningKey::from_bytes(&seed);
    let public = STANDARD.encode(secret.verifying_key().as_bytes());
    let proof = sign(&secret, &enrollment(&person, &public));
    let body = json!({ "name": name, "algorithm": "ed25519", "public_key": public, "proof": proof });
    // The place is made first: a key that is enrolled and then lost would have to be revoked by hand.
    let mut file = create(&path)?;
    let made = match server.post(&["api", "v1", "approvals", "keys"], &[], &body).await {
        Ok(made) => made,
        Err(failure) => {
            let _ = std::fs::remove_file(&path);
            return Err(failure);
        }
    };
    let kept = Kept { id: field::text(&made, "id").to_owned(), person, secret: STANDARD.encode(seed) };
    let text = toml::to_string(&kept).map_err(|fault| Failure::Local(format!("could not write the key: {fault}")))?;
    let failed = |source| Failure::File { verb: "write", path: path.clone(), source };
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    screen.either(&made, || {
        screen.data(&field::shown(&made, "id"));
        let secret = path.display();
        if made["waits"] == true {
            screen
                .note(&format!("the key waits until another one of yours vouches for it; the secret is in `{secret}`"));
            screen.note("where that key is, or in the browser in your account:");
            screen.note(&format!("  legatorctl approvals key vouch {}", field::shown(&made, "id")));
        } else {
            screen.note(&format!("{}votes from here are signed; the secret is in `{secret}`", word("ok")));
        }
    });
    Ok(Exit::OK)
}

/// What a key is, in a word.
fn kind(key: &Value) -> &'static str {
    match (field::text(key, "algorithm"), key["waits"] == true) {
        (_, true) => "waits",
        ("webauthn", false) => "passkey",
        _ => "key",
    }
}

async fn vouch(server: &Server, id: &str, screen: Screen) -> Result<Exit, Failure> {
    let none = || Failure::Usage("there is no key on this machine; `approvals key enroll` makes one".to_owned());
    let VoteKey { person, secret, .. } = mine(server)?.ok_or_else(none)?;
    let all = server.get(&["api", "v1", "approvals", "keys"], &[("mine", "true")]).await?;
    let waits = field::list(&all, "keys").iter().find(|key| field::text(key, "id") == id && key["waits"] == true);
    let waits = waits.ok_or_else(|| Failure::Usage(format!("no key `{}` of yours waits", clean::line(id))))?;
    let text = enrollment(&person, field::text(waits, "public_key"));
    let body = json!({ "signature": sign(&secret, &text) });
    let key = server.post(&["api", "v1", "approvals", "keys", id, "vouch"], &[], &body).await?;
    screen.either(&key, || {
        screen.note(&format!("{}`{}` signs votes from now on", word("ok"), field::shown(&key, "name")));
    });
    Ok(Exit::OK)
}

/// The key of this machine for this server, if there is one.
pub fn mine(server: &Server) -> Result<Option<VoteKey>, Failure> {
    load(&path(server)?)
}

impl VoteKey {
    /// The signature over a vote, as the API takes it.
    pub fn signature(
        &self,
        request: &Value,
        choice: &str,
        reason: Option<&str>,
        stands_for: Option<&str>,
    ) -> Result<Value, Failure> {
        let chance = clock::chance().map_err(|fault| Failure::Local(format!("could not sign: {fault}")))?;
        let nonce: String = chance.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let at_ms = clock::now().timestamp_millis();
        let statement = Statement {
            request: field::text(request, "id"),
            digest: field::text(request, "digest"),
            choice,
            person: &self.person,
            stands_for,
            reason,
            at_ms,
            nonce: &nonce,
        };
        let signature = sign(&self.secret, &statement.text());
        Ok(json!({ "key": self.id, "at_ms": at_ms, "nonce": nonce, "signature": signature }))
    }
}

fn sign(secret: &SigningKey, text: &str) -> String {
    STANDARD.encode(secret.sign(text.as_bytes()).to_bytes())
}

fn path(server: &Server) -> Result<PathBuf, Failure> {
    let address = server.address();
    let name = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
    Ok(config_folder()?.join("vote-keys").join(format!("{name}.toml")))
}

fn create(path: &Path) -> Result<std::fs::File, Failure> {
    let failed = |source| Failure::File { verb: "write", path: path.to_owned(), source };
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)
}

fn load(path: &Path) -> Result<Option<VoteKey>, Failure> {
    let failed = |source| Failure::File { verb: "read", path: path.to_owned(), source };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::Usage(format!("others can read the key `{}`; `chmod 600` it", path.display())));
    }
    let wrong = || Failure::Usage(format!("`{}` holds no key that `approvals key enroll` made", path.display()));
    let kept: Kept = toml::from_str(&text).map_err(|_| wrong())?;
    let seed = STANDARD.decode(&kept.secret).ok().and_then(|seed| <[u8; 32]>::try_from(seed).ok()).ok_or_else(wrong)?;
    Ok(Some(VoteKey { id: kept.id, person: kept.person, secret: SigningKey::from_bytes(&seed) }))
}
