//! A provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0): what came by it ends here.
//! Never: on the word of a token that signs somebody in, that came before, or that the provider did not sign.

use std::collections::BTreeMap;

use legator_protocol::{SessionId, UserId};
use serde_json::{Map, Value};

use super::arrival::id_token_label;
use super::discovery::DiscoveryFault;
use super::provider::{Provider, Settings};
use super::token::{self, Signed, TokenFault};
use super::{OutsideFault, store};
use crate::audit::{Draft, WriteFault};
use crate::db::DbFault;
use crate::identity::{Identity, IdentityFault, Visitor};

/// What a logout token is about; anything else that a provider signs is about something else.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How old a token may be. Longer than this nobody has to remember it.
const LIVES_S: i64 = 10 * 60;
const SLACK_S: i64 = 60;
const LONGEST: usize = 255;

/// Why a logout token does not count. The log gets the words; whoever brought it learns that it does not.
#[derive(Debug, thiserror::Error)]
pub enum LogoutFault {
    #[error(transparent)]
    Outside(#[from] OutsideFault),
    #[error(transparent)]
    Token(#[from] TokenFault),
    #[error("the token says no logout")]
    Event,
    #[error("the token has a nonce, as one that signs somebody in")]
    Nonce,
    #[error("the token is of another type")]
    Type,
    #[error("the token names neither a person nor a session")]
    Nobody,
    #[error("the token has no `jti` of its own")]
    Nameless,
    #[error("the token came before")]
    Repeated,
    #[error(transparent)]
    Identity(#[from] IdentityFault),
}

impl From<DiscoveryFault> for LogoutFault {
    fn from(fault: DiscoveryFault) -> Self {
        Self::Outside(fault.into())
    }
}

impl From<WriteFault> for LogoutFault {
    fn from(fault: WriteFault) -> Self {
        Self::Identity(fault.into())
    }
}

impl From<DbFault> for LogoutFault {
    fn from(fault: DbFault) -> Self {
        Self::Identity(fault.into())
    }
}

/// What a good logout token says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    subject: Option<String>,
    sid: Option<String>,
    jti: String,
    /// In UTC seconds.
    issued_at: i64,
}

/// By which provider, and as whom there, a session came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    /// The provider's own name for the session there, where it has one.
    pub sid: Option<String>,
    /// The ID token, sealed with the server's key.
    pub id_token: Vec<u8>,
}

impl Came {
    fn is_meant(&self, provider: &Provider, said: &Said) -> bool {
        let there = self.provider == provider.id && self.issuer == provider.settings.issuer;
        let person = said.subject.as_ref().is_none_or(|subject| *subject == self.subject);
        let session = match (&said.sid, &self.sid) {
            (Some(meant), Some(own)) => meant == own,
            // A provider that did not say which session it was cannot mean another one of the same person's.
            (Some(_), None) => said.subject.is_some(),
            (None, _) => true,
        };
        there && person && session
    }
}

/// The provider's own name for a session, from what signed it in.
pub(super) fn sid(claims: &Map<String, Value>) -> Option<String> {
    let sid = claims.get("sid").and_then(Value::as_str);
    sid.filter(|sid| !sid.is_empty() && sid.len() <= LONGEST).map(str::to_owned)
}

fn check(
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
    settings: &Settings,
    now: i64,
) -> Result<Said, LogoutFault> {
    let kind = header.get("typ").map(|kind| kind.as_str().unwrap_or_default().to_ascii_lowercase());
    if kind.is_some_and(|kind| !matches!(kind.trim_start_matches("application/"), "jwt" | "logout+jwt")) {
        return Err(LogoutFault::Type);
    }
    let times = token::sound(claims, &settings.issuer, &settings.client_id, now)?;
    let issued_at = times.issued_at.ok_or(TokenFault::Malformed)?;
    if issued_at < now.div_euclid(1000) - LIVES_S {
        return Err(TokenFault::Expired.into());
    }
    if claims.contains_key("nonce") {
        return Err(LogoutFault::Nonce);
    }
    if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
        return Err(LogoutFault::Event);
    }
    let word = |name: &str, fault: fn() -> LogoutFault| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(word)) if !word.is_empty() && word.len() <= LONGEST => Ok(Some(word.clone())),
        Some(_) => Err(fault()),
    };
    let (subject, sid) = (word("sub", || LogoutFault::Nobody)?, word("sid", || LogoutFault::Nobody)?);
    if subject.is_none() && sid.is_none() {
        return Err(LogoutFault::Nobody);
    }
    let jti = word("jti", || LogoutFault::Nameless)?.ok_or(LogoutFault::Nameless)?;
    Ok(Said { subject, sid, jti, issued_at })
}

impl Identity {
    /// Ends what came by a provider of the person or the session that a logout token names; gives how many.
    pub async fn end_by_provider(&self, id: &str, text: &str, from: &Visitor) -> Result<usize, LogoutFault> {
        let ended = self.take_logout(id, text).await;
        if let Err(fault) = &ended {
            tracing::info!(%fault, provider = id, "a logout token was refused");
            let now = self.0.clock.now();
            if self.0.strangers.lets_through(now) {
                let shown: String = id.escape_debug().take(40).collect();
                let body = serde_json::json!({ "why": fault.to_string(), "provider": shown,
                                               "address": from.address.to_string(), "agent": from.agent });
                self.0.ledger.append(now, Draft::new("logout.refused", "stranger", "stranger").body(body)).await?;
            }
        }
        ended
    }

    async fn take_logout(&self, id: &str, text: &str) -> Result<usize, LogoutFault> {
        let (provider, now) = (self.provider(id)?, self.0.clock.now());
        let found = self.0.providers.discovery.find(&provider, now).await?;
        let read = match token::signed(text, &found.keys) {
            Err(TokenFault::UnknownKey) => match self.0.providers.discovery.look_again(&provider, now).await? {
                Some(found) => token::signed(text, &found.keys),
                None => Err(TokenFault::UnknownKey),
            },
            read => read,
        };
        let Signed { header, claims } = read?;
        let said = check(&header, &claims, &provider.settings, now)?;
        // Nobody comes in by a provider meanwhile, so no session is missed.
        let _changing = self.0.changing.lock().await;
        let mut ended: BTreeMap<UserId, Vec<SessionId>> = BTreeMap::new();
        let (subject, sid) = (said.subject.as_deref(), said.sid.as_deref());
        for (id, came) in store::came_by(&self.0.db, &provider.id, subject, sid).await? {
            let came = self.told(id, came)?;
            if let Some(session) = self.0.sessions.get(id).filter(|_| came.is_meant(&provider, &said)) {
                ended.entry(session.person).or_default().push(id);
            }
        }
        let all: Vec<SessionId> = ended.values().flatten().copied().collect();
        let directory = self.0.directory.load_full();
        let drafts = ended.iter().map(|(person, sessions)| {
            Draft::new("session.ended", format!("provider {}", provider.id), person.to_string())
                .tenant(&directory.home(*person))
                .body(serde_json::json!({ "sessions": sessions, "by": "back-channel logout" }))
        });
        let (drafts, gone): (Vec<Draft>, _) = (drafts.collect(), all.clone());
        let (issuer, until) = (provider.settings.issuer.clone(), (said.issued_at + LIVES_S + SLACK_S) * 1000);
        self.0
            .ledger
            .attempt(now, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    if !store::note_logout(connection, &issuer, &said.jti, until, now).await? {
                        return Err(LogoutFault::Repeated);
                    }
                    crate::identity::store::end_sessions(connection, &gone).await?;
                    for draft in drafts {
                        batch.entry(draft)?;
                    }
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&all);
        Ok(all.len())
    }

    /// By whom a session came, where it was not written down when it began: its own token says.
    fn told(&self, session: SessionId, came: Came) -> Result<Came, IdentityFault> {
        if !came.subject.is_empty() {
            return Ok(came);
        }
        let token = self.0.vault.unseal(&id_token_label(session), &came.id_token)?;
        let claims = token::claims(&String::from_utf8_lossy(&token)).unwrap_or_default();
        let word = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Came { issuer: word("iss"), subject: word("sub"), sid: sid(&claims), ..came })
    }

    /// What one session came by, for another one that goes on in its place or beside it.
    pub(in crate::identity) async fn came_along(
        &self,
        from: SessionId,
        to: SessionId,
    ) -> Result<Option<Came>, IdentityFault> {
        let Some(came) = store::session(&self.0.db, from).await? else { return Ok(None) };
        let came = self.told(from, came)?;
        let token = self.0.vault.unseal(&id_token_label(from), &came.id_token)?;
        let id_token = self.0.vault.seal(&self.0.clock, &id_token_label(to), &token)?;
        Ok(Some(Came { id_token, ..came }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000_000;

    fn settings() -> Settings {
        Settings::new("Example", "https://id.example", "legator")
    }

    fn good() -> Value {
        json!({ "iss": "https://id.example", "aud": "legator", "iat": NOW / 1000, "exp": NOW / 1000 + 120, "jti": "j-1",
                "sub": "u-1", "sid": "s-1", "events": { EVENT: {} } })
    }

    fn read(header: Value, claims: Value) -> Result<Said, String> {
        let (header, claims) = (header.as_object().unwrap().clone(), claims.as_object().unwrap().clone());
        check(&header, &claims, &settings(), NOW).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_token_is_taken_for_a_person_a_session_or_both() {
        let said = read(json!({ "typ": "logout+jwt" }), good()).unwrap();
        assert_eq!((said.subject.as_deref(), said.sid.as_deref()), (Some("u-1"), Some("s-1")));
        for (gone, header) in [("sub", json!({})), ("sid", json!({ "typ": "JWT" }))] {
            let mut one = good();
            one.as_object_mut().unwrap().remove(gone);
            assert!(read(header, one).is_ok(), "{gone}");
        }
    }

    #[test]
    fn a_token_that_lacks_anything_or_says_more_is_refused() {
        let bent: [(&str, Value); 17] = [
            ("iss", json!("https://evil.example")),
            ("aud", json!("another")),
            ("aud", json!(["legator", "another"])),
            ("iat", Value::Null),
            ("iat", json!(NOW / 1000 - 601)),
            ("iat", json!(NOW / 1000 + 61)),
            ("exp", json!(NOW / 1000 - 60)),
            ("exp", Value::Null),
            ("jti", json!("")),
            ("jti", json!("x".repeat(256))),
            ("jti", json!(7)),
            ("nonce", Value::Null),
            ("nonce", json!("n-1")),
            ("events", json!({})),
            ("events", json!({ EVENT: true })),
            ("sub", json!("")),
            ("sid", json!(["s-1"])),
        ];
        for (name, value) in bent {
            let mut bad = good();
            bad[name] = value.clone();
            assert!(read(json!({}), bad).is_err(), "{name} {value}");
        }
        for name in ["iat", "exp", "jti", "events", "iss", "aud"] {
            let mut bad = good();
            bad.as_object_mut().unwrap().remove(name);
            assert!(read(json!({}), bad).is_err(), "without {name}");
        }
        let mut nobody = good();
        nobody.as_object_mut().unwrap().retain(|name, _| name != "sub" && name != "sid");
        assert!(read(json!({}), nobody).unwrap_err().contains("neither"));
        for kind in [json!("at+jwt"), json!("dpop+jwt"), json!(7), json!("")] {
            assert!(read(json!({ "typ": kind }), good()).is_err(), "{kind}");
        }
    }

    #[test]
    fn what_is_meant_is_the_session_or_all_of_the_person() {
        let provider = Provider { id: "corp".to_owned(), settings: settings(), secret: None, fixed: false };
        let came = |subject: &str, sid: Option<&str>| Came {
            provider: "corp".to_owned(),
            issuer: "https://id.example".to_owned(),
            subject: subject.to_owned(),
            sid: sid.map(str::to_owned),
            id_token: Vec::new(),
        };
        let said = |subject: Option<&str>, sid: Option<&str>| Said {
            subject: subject.map(str::to_owned),
            sid: sid.map(str::to_owned),
            jti: "j".to_owned(),
            issued_at: 0,
        };
        let meant = |came: Came, said: Said| came.is_meant(&provider, &said);
        assert!(meant(came("u-1", Some("s-1")), said(Some("u-1"), None)));
        assert!(meant(came("u-1", Some("s-1")), said(None, Some("s-1"))));
        assert!(meant(came("u-1", None), said(Some("u-1"), Some("s-1"))));
        assert!(!meant(came("u-1", Some("s-2")), said(Some("u-1"), Some("s-1"))));
        assert!(!meant(came("u-2", Some("s-1")), said(Some("u-1"), Some("s-1"))), "of somebody else");
        assert!(!meant(came("u-1", None), said(None, Some("s-1"))));
        assert!(!meant(came("u-2", None), said(Some("u-1"), None)));
        let elsewhere = Came { issuer: "https://other.example".to_owned(), ..came("u-1", None) };
        assert!(!meant(elsewhere, said(Some("u-1"), None)), "the provider was another one then");
    }
}
