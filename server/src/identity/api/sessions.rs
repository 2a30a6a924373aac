//! Signing in and out, one's own password, second factor and sessions, and who I am.

use chrono::{DateTime, Utc};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::{Authenticated, Done, PersonOut, Room, shown};
use crate::error::{Problem, at};
use crate::identity::caller::{cookie, forget, from_here, remember, visitor};
use crate::identity::{Attempt, Caller, Chosen, Credential, Identity, Opened};
use crate::vault::Secret;

/// Whether anybody is signed in, and how somebody could be.
#[derive(Object)]
pub struct AuthState {
    /// Nobody has a password yet: the first administrator opens the link that the server printed.
    setup_needed: bool,
    /// Outside providers to sign in with.
    providers: Vec<ProviderOffer>,
    /// Whether this request came with a session that is good.
    signed_in: bool,
}

/// A provider to sign in with, at `GET /api/v1/auth/oidc/{id}/start`.
#[derive(Object)]
pub struct ProviderOffer {
    id: String,
    name: String,
}

/// A password chosen by a one-time link.
#[derive(Object)]
pub struct PasswordChoice {
    /// What stands behind `#` in the link.
    token: String,
    /// What to call the first administrator; who was invited has a name already.
    name: Option<String>,
    /// At least 12 characters.
    password: String,
}

#[derive(Object)]
pub struct SignIn {
    name: String,
    password: String,
    /// Six digits of the authenticator app, or a recovery code.
    code: Option<String>,
    /// A passkey, as the second factor.
    passkey: Option<super::passkeys::PasskeyProof>,
}

/// Somebody who is signed in now.
#[derive(Object)]
pub struct SignedIn {
    person: PersonOut,
    /// Whether a second factor was given.
    mfa: bool,
    /// The session ends then at the latest.
    expires_at: DateTime<Utc>,
}

/// An answer that gives the browser another session.
#[derive(ApiResponse)]
pub enum WithSession<T: poem_openapi::types::ToJSON + Send + Sync> {
    /// It is done; the session's cookie comes along.
    #[oai(status = 200)]
    Done(Json<T>, #[oai(header = "Set-Cookie")] String),
}

#[derive(ApiResponse)]
pub enum SignedOut {
    /// The browser forgets its session, and goes on to sign out at the provider that it came by.
    #[oai(status = 200)]
    GoOn(Json<SignOutThere>, #[oai(header = "Set-Cookie")] String),
    /// The browser forgets its session.
    #[oai(status = 204)]
    Out(#[oai(header = "Set-Cookie")] String),
}

#[derive(Object)]
pub struct SignOutThere {
    /// Where to go with the browser.
    sign_out_at: String,
}

/// Who I am, and what I may do.
#[derive(Object)]
pub struct Me {
    #[oai(flatten)]
    person: PersonOut,
    /// Whether a second factor was given; policies read it as `context.mfa`.
    mfa: bool,
    #[oai(skip_serializing_if_is_none)]
    session: Option<SessionOut>,
    /// The key that was used.
    #[oai(skip_serializing_if_is_none)]
    key: Option<String>,
    /// The key's scopes, where it has some.
    #[oai(skip_serializing_if_is_none)]
    scopes: Option<Vec<String>>,
    /// What policy lets me do somewhere, levels of commands first. What people have to approve counts.
    permissions: Vec<String>,
}

/// A session of one's own.
#[derive(Object)]
pub struct SessionOut {
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    mfa: bool,
    address: String,
    /// What the browser called itself.
    agent: String,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    /// When it ends if nothing more is asked.
    idle_expires_at: DateTime<Utc>,
    /// When it ends whatever happens.
    expires_at: DateTime<Utc>,
}

#[derive(Object)]
pub struct SessionList {
    sessions: Vec<SessionOut>,
}

#[derive(Object)]
pub struct SessionsEnded {
    ended: usize,
}

#[derive(Object)]
pub struct PasswordChange {
    old: String,
    /// At least 12 characters.
    new: String,
}

/// The secret for an authenticator app. It is shown this once.
#[derive(Object)]
pub struct TotpBegun {
    /// Base 32, to be typed.
    secret: String,
    /// `otpauth://…`, to be shown as a picture.
    uri: String,
}

#[derive(Object)]
pub struct TotpCode {
    /// Six digits.
    code: String,
}

/// Codes that each let in once when the phone is gone. They are shown this once.
#[derive(Object)]
pub struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// What there is to sign in with.
#[derive(Object)]
pub struct TotpState {
    /// Any: an authenticator app, or a passkey.
    second_factor: bool,
    app: bool,
    recovery_codes_left: u64,
}

pub struct SessionsApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl SessionsApi {
    /// Whether anybody can sign in, and whether I am.
    #[oai(path = "/auth/state", method = "get", operation_id = "get_auth_state")]
    async fn state(&self, request: &Request) -> Result<Json<AuthState>, Problem> {
        let signed_in = cookie(request).is_some_and(|cookie| self.0.recognize_session(cookie).is_some());
        let providers = self.0.offered().into_iter().map(|(id, name)| ProviderOffer { id, name }).collect();
        Ok(Json(AuthState { setup_needed: self.0.needs_setup(), providers, signed_in }))
    }

    /// Chooses a password by a one-time link, and signs in: the first administrator, who was invited, who was reset.
    #[oai(path = "/auth/setup", method = "post", operation_id = "choose_password")]
    async fn setup(&self, request: &Request, body: Json<PasswordChoice>) -> Result<WithSession<SignedIn>, Problem> {
        from_here(request, false)?;
        self.0.spend_address(visitor(request).address)?;
        let PasswordChoice { token, name, password } = body.0;
        let chosen = Chosen { link: token, name, password: Secret::new(password), from: visitor(request) };
        let opened = self.0.choose_password(chosen).await?;
        Ok(self.signed_in(request, &opened))
    }

    /// Signs in. Whatever is not right, the answer is the same; only a missing second factor has one of its own.
    #[oai(path = "/auth/sign-in", method = "post", operation_id = "sign_in")]
    async fn sign_in(&self, request: &Request, body: Json<SignIn>) -> Result<WithSession<SignedIn>, Problem> {
        from_here(request, false)?;
        self.0.spend_address(visitor(request).address)?;
        let SignIn { name, password, code, passkey } = body.0;
        let attempt = Attempt {
            name,
            password: Secret::new(password),
            factor: super::passkeys::factor(request, &self.0, code, passkey)?,
            from: visitor(request),
            old: cookie(request).map(str::to_owned),
        };
        let opened = self.0.sign_in(attempt).await?;
        Ok(self.signed_in(request, &opened))
    }

    /// Signs out.
    #[oai(path = "/auth/sign-out", method = "post", operation_id = "sign_out")]
    async fn sign_out(&self, request: &Request) -> Result<SignedOut, Problem> {
        if let Some(cookie) = cookie(request) {
            from_here(request, true)?;
            let there = match self.0.session_of_cookie(cookie) {
                Some(session) => self.0.leave_address(session.id).await?,
                None => None,
            };
            self.0.sign_out(cookie).await?;
            if let Some(sign_out_at) = there {
                return Ok(SignedOut::GoOn(Json(SignOutThere { sign_out_at }), forget(request)));
            }
        }
        Ok(SignedOut::Out(forget(request)))
    }

    /// Who I am.
    #[oai(path = "/me", method = "get", operation_id = "get_me")]
    async fn me(&self, caller: Authenticated) -> Result<Json<Me>, Problem> {
        let caller = &caller.0;
        Ok(Json(Me {
            person: shown(&self.0, &caller.person),
            mfa: caller.mfa,
            session: self.0.session(caller).map(|(session, ends_at)| SessionOut::of(&session, ends_at, caller)),
            key: match caller.by {
                Credential::Key(id) => Some(id.to_string()),
                Credential::Session(_) => None,
            },
            scopes: caller.scopes.as_ref().map(|scopes| scopes.iter().cloned().collect()),
            permissions: self.0.permissions(caller).into_iter().map(str::to_owned).collect(),
        }))
    }

    /// Lists my sessions.
    #[oai(path = "/auth/sessions", method = "get", operation_id = "list_sessions")]
    async fn sessions(&self, caller: Authenticated) -> Result<Json<SessionList>, Problem> {
        let all = self.0.sessions(&caller.0);
        let sessions = all.iter().map(|(session, ends_at)| SessionOut::of(session, *ends_at, &caller.0)).collect();
        Ok(Json(SessionList { sessions }))
    }

    /// Ends every session of mine but this one.
    #[oai(path = "/auth/sessions", method = "delete", operation_id = "end_other_sessions")]
    async fn end_others(&self, caller: Authenticated) -> Result<Json<SessionsEnded>, Problem> {
        Ok(Json(SessionsEnded { ended: self.0.end_other_sessions(&caller.0).await? }))
    }

    /// Ends a session of mine.
    #[oai(path = "/auth/sessions/:id", method = "delete", operation_id = "end_session")]
    async fn end_one(&self, caller: Authenticated, id: Path<String>) -> Result<Done, Problem> {
        let id = id.0.parse().map_err(|_| Problem::not_found("session", &id.0))?;
        self.0.end_session(&caller.0, id).await?;
        Ok(Done::Done)
    }

    /// Changes my password. My other sessions end; this one goes on.
    #[oai(path = "/auth/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        caller: Authenticated,
        request: &Request,
        body: Json<PasswordChange>,
    ) -> Result<WithSession<SignedIn>, Problem> {
        let PasswordChange { old, new } = body.0;
        let (old, new) = (Secret::new(old), Secret::new(new));
        let opened = self.0.change_password(&caller.0, old, new, &visitor(request)).await?;
        Ok(self.signed_in(request, &opened))
    }

    /// Whether I have a second factor, and how many recovery codes are left.
    #[oai(path = "/auth/totp", method = "get", operation_id = "get_totp")]
    async fn totp(&self, caller: Authenticated) -> Result<Json<TotpState>, Problem> {
        let (_, second_factor) = self.0.signs_in_with(&caller.0.person);
        let recovery_codes_left = self.0.n_recovery_codes(&caller.0).await?;
        let app = self.0.has_app(&caller.0.person);
        Ok(Json(TotpState { second_factor, app, recovery_codes_left }))
    }

    /// Begins a second factor: gives the secret for an authenticator app.
    #[oai(path = "/auth/totp", method = "post", operation_id = "begin_totp")]
    async fn begin_totp(&self, caller: Authenticated) -> Result<Json<TotpBegun>, Problem> {
        let begun = self.0.begin_totp(&caller.0).await?;
        Ok(Json(TotpBegun { secret: begun.secret.expose().clone(), uri: begun.uri.expose().clone() }))
    }

    /// Takes the second factor into use, by a code of the app. My other sessions end; this one has the second factor.
    #[oai(path = "/auth/totp/confirm", method = "post", operation_id = "confirm_totp")]
    async fn confirm_totp(
        &self,
        caller: Authenticated,
        request: &Request,
        body: Json<TotpCode>,
    ) -> Result<WithSession<RecoveryCodes>, Problem> {
        let code = Secret::new(body.0.code);
        let (opened, codes) = self.0.confirm_totp(&caller.0, code, &visitor(request)).await?;
        Ok(WithSession::Done(Json(RecoveryCodes::of(&codes)), remember(request, &opened)))
    }

    /// Takes my second factor away. It takes a session that has it.
    #[oai(path = "/auth/totp", method = "delete", operation_id = "drop_totp")]
    async fn drop_totp(&self, caller: Authenticated, request: &Request) -> Result<WithSession<SignedIn>, Problem> {
        let opened = self.0.drop_totp(&caller.0, &visitor(request)).await?;
        Ok(self.signed_in(request, &opened))
    }

    /// Makes new recovery codes; the old ones end. It takes a session with the second factor.
    #[oai(path = "/auth/recovery-codes", method = "post", operation_id = "renew_recovery_codes")]
    async fn renew_codes(&self, caller: Authenticated) -> Result<Json<RecoveryCodes>, Problem> {
        Ok(Json(RecoveryCodes::of(&self.0.renew_recovery_codes(&caller.0).await?)))
    }
}

impl SessionsApi {
    pub(super) fn signed_in(&self, request: &Request, opened: &Opened) -> WithSession<SignedIn> {
        WithSession::Done(Json(SignedIn::of(&self.0, opened)), remember(request, opened))
    }
}

impl SignedIn {
    pub(super) fn of(identity: &Identity, opened: &Opened) -> Self {
        Self {
            person: shown(identity, &opened.person),
            mfa: opened.session.mfa,
            expires_at: at(opened.session.expires_at),
        }
    }
}

impl RecoveryCodes {
    fn of(codes: &[Secret<String>]) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose().clone()).collect() }
    }
}

impl SessionOut {
    fn of(session: &crate::identity::Session, ends_at: i64, caller: &Caller) -> Self {
        Self {
            id: session.id.to_string(),
            current: caller.by == Credential::Session(session.id),
            mfa: session.mfa,
            address: session.address.clone(),
            agent: session.agent.clone(),
            created_at: at(session.created_at),
            last_seen_at: at(session.seen_at()),
            idle_expires_at: at(ends_at),
            expires_at: at(session.expires_at),
        }
    }
}
