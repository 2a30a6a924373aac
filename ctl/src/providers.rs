//! Outside providers to sign in with: list, describe, check, take away.
//! Never: a client's secret on the command line, where others can list it.

use std::io::BufRead as _;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// Outside providers (OpenID Connect): list, add, check, remove.
#[derive(Args)]
pub struct Providers {
    #[command(subcommand)]
    one: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Add a provider, or describe one differently.
    Set(Box<Described>),
    /// Ask a provider to describe itself, and say whether somebody could sign in by it.
    Check {
        /// Its word in addresses.
        id: String,
    },
    /// Take a provider away; people stay.
    Remove {
        /// Its word in addresses.
        id: String,
    },
}

#[derive(Args)]
struct Described {
    /// Its word in addresses: small letters, digits, `-`.
    id: String,
    /// What the button says.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The provider's issuer, exactly as it writes it.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// How the provider knows this server.
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Read the client's secret from standard input; without it the old one stays.
    #[arg(long)]
    secret_stdin: bool,
    /// What is asked for; `openid email profile`, if absent.
    #[arg(long = "scope", value_name = "WORD")]
    scopes: Vec<String>,
    /// The claim whose values are mapped; `groups`, if absent.
    #[arg(long, value_name = "CLAIM")]
    groups_claim: Option<String>,
    /// The claim that says what to call somebody new; `preferred_username`, if absent.
    #[arg(long, value_name = "CLAIM")]
    name_claim: Option<String>,
    /// A role by a claim's value.
    #[arg(long = "role", value_name = "VALUE=ROLE", value_parser = pair)]
    roles: Vec<(String, String)>,
    /// A group by a claim's value; `*=*` takes every value as it is.
    #[arg(long = "group", value_name = "VALUE=GROUP", value_parser = pair)]
    groups: Vec<(String, String)>,
    /// A role that everybody from there has.
    #[arg(long = "default-role", value_name = "ROLE")]
    default_roles: Vec<String>,
    /// What somebody reaches by a claim's value: `tenant:…`, `org:…` or `scope:…`; again for several.
    #[arg(long = "grant", value_name = "VALUE=GRANT", value_parser = granted)]
    grants: Vec<(String, String)>,
    /// What somebody reaches to whom the values give no tenant and no organization; `tenant:-` is none.
    #[arg(long = "default-grant", value_name = "GRANT")]
    default_grants: Vec<String>,
    /// Let in only who is connected already.
    #[arg(long)]
    no_new_people: bool,
    /// A value of `amr` or `acr` that tells of a second factor; `mfa`, if absent.
    #[arg(long = "mfa-value", value_name = "VALUE")]
    mfa_values: Vec<String>,
    /// Where browsers come back to, if not to the address that they use.
    #[arg(long, value_name = "URL")]
    redirect_url: Option<String>,
    /// Where the provider sends browsers after signing out there.
    #[arg(long, value_name = "URL")]
    signed_out_url: Option<String>,
}

const PATH: [&str; 4] = ["api", "v1", "auth", "providers"];

impl Providers {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let all = server.get(&PATH, &[]).await?;
                screen.either(&all, || {
                    let rows = field::list(&all, "providers").iter().map(|one| {
                        let from = if one["fixed"].as_bool() == Some(true) { "options" } else { "" };
                        vec![
                            field::shown(one, "id"),
                            field::shown(one, "name"),
                            field::shown(one, "issuer"),
                            gives(one),
                            from.to_owned(),
                        ]
                    });
                    screen.table(&["PROVIDER", "NAME", "ISSUER", "GIVES", "FROM"], rows.collect());
                });
            }
            Some(Verb::Set(described)) => {
                let id = described.id.clone();
                let set = server.put(&[&PATH[..], &[&id]].concat(), &described.body()?).await?;
                screen.either(&set, || {
                    screen.data(&field::shown(&set, "id"));
                    screen.note("`legatorctl providers check` says whether it answers");
                    let out = format!("{}/api/v1/auth/oidc/{id}/backchannel-logout", server.address());
                    screen.note(&format!("it tells of signing out there at {}", crate::clean::line(&out)));
                });
            }
            Some(Verb::Check { id }) => {
                let checked = server.post(&[&PATH[..], &[&id, "check"]].concat(), &[], &json!({})).await?;
                let good = checked["good"].as_bool() == Some(true);
                screen.either(&checked, || match good {
                    true => {
                        screen.note(&format!("people are sent to {}", field::shown(&checked, "authorization_endpoint")))
                    }
                    false => screen.note(&format!("it cannot be used: {}", field::shown(&checked, "fault"))),
                });
                return Ok(if good { Exit::OK } else { Exit::FAILED });
            }
            Some(Verb::Remove { id }) => {
                server.delete(&[&PATH[..], &[&id]].concat()).await?;
                screen
                    .either(&json!({ "removed": id }), || screen.note(&format!("nobody signs in by `{id}` any more")));
            }
        }
        Ok(Exit::OK)
    }
}

/// The roles and grants that somebody can get by it.
fn gives(provider: &Value) -> String {
    let of = |name: &str| provider[name].as_object().into_iter().flat_map(Map::values).cloned().collect::<Vec<_>>();
    let plain = |name: &str| field::list(provider, name).to_vec();
    let grants = of("grants").into_iter().flat_map(|one| one.as_array().cloned().unwrap_or_default());
    let all = of("roles").into_iter().chain(plain("default_roles")).chain(grants).chain(plain("default_grants"));
    let words: std::collections::BTreeSet<String> =
        all.filter_map(|word| word.as_str().map(crate::clean::line)).collect();
    Vec::from_iter(words).join(" ")
}

impl Described {
    fn body(self) -> Result<Value, Failure> {
        let map = |pairs: Vec<(String, String)>| {
            Value::Object(pairs.into_iter().map(|(value, word)| (value, Value::from(word))).collect::<Map<_, _>>())
        };
        let mut grants: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
        for (value, grant) in self.grants {
            grants.entry(value).or_default().push(grant);
        }
        let mut body = json!({
            "grants": grants, "default_grants": self.default_grants,
            "name": self.name, "issuer": self.issuer, "client_id": self.client_id, "roles": map(self.roles),
            "groups": map(self.groups), "default_roles": self.default_roles, "makes_people": !self.no_new_people,
        });
        if self.secret_stdin {
            let mut secret = String::new();
            let read = std::io::stdin().lock().read_line(&mut secret);
            read.map_err(|fault| Failure::Local(format!("could not read the secret: {fault}")))?;
            body["client_secret"] = secret.trim().into();
        }
        let words = [("scopes", self.scopes), ("mfa_values", self.mfa_values)];
        for (name, words) in words.into_iter().filter(|(_, words)| !words.is_empty()) {
            body[name] = words.into();
        }
        let texts = [
            ("groups_claim", self.groups_claim),
            ("name_claim", self.name_claim),
            ("redirect_url", self.redirect_url),
            ("signed_out_url", self.signed_out_url),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                body[name] = text.into();
            }
        }
        Ok(body)
    }
}

/// `value=grant`, where the grant begins with its kind.
fn granted(text: &str) -> Result<(String, String), String> {
    let kinds = ["=tenant:", "=org:", "=scope:"];
    let mut splits = kinds.iter().flat_map(|kind| text.match_indices(kind));
    let split = splits.next().filter(|(at, _)| *at > 0 && splits.next().is_none());
    let (at, _) = split.ok_or("it is `value=tenant:…`, `value=org:…` or `value=scope:…`")?;
    Ok((text[..at].to_owned(), text[at + 1..].to_owned()))
}

/// `value=word`; a value may have `=` itself.
fn pair(text: &str) -> Result<(String, String), String> {
    let (value, word) = text.rsplit_once('=').ok_or("it is `value=word`")?;
    Ok((value.to_owned(), word.to_owned()))
}
