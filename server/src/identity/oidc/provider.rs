//! A provider as an administrator describes it, and what its claims mean here.
//! Never: a role that nobody mapped, whatever a claim says.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::token;
use crate::identity::{grant, name};
use crate::vault::Secret;

const LONGEST_ADDRESS: usize = 1024;
const MOST_WORDS: usize = 200;
/// Stands for every value of a claim, under the name that the provider gives it.
const EVERY: &str = "*";

/// An outside provider to sign in with.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The word in addresses.
    pub id: String,
    pub settings: Settings,
    pub secret: Option<Secret<String>>,
    /// It comes from the server's options, so the API does not change it.
    pub fixed: bool,
}

/// What is kept of a provider, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What the button says.
    pub name: String,
    /// Exactly as the provider writes it in its tokens.
    pub issuer: String,
    pub client_id: String,
    #[serde(default)]
    pub redirect_url: Option<String>,
    /// Where the provider sends the browser after signing out there; it has to know the address.
    #[serde(default)]
    pub signed_out_url: Option<String>,
    pub scopes: Vec<String>,
    pub groups_claim: String,
    pub name_claim: String,
    /// A claim's value to a role.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// A claim's value to a group; `*` takes every value as it is.
    #[serde(default)]
    pub groups: BTreeMap<String, String>,
    /// What everybody from there has.
    #[serde(default)]
    pub default_roles: BTreeSet<String>,
    /// A claim's value to grants.
    #[serde(default)]
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// What somebody has besides to whom the values give no tenant and no organization.
    #[serde(default)]
    pub default_grants: BTreeSet<String>,
    /// Whether somebody new is made at their first sign-in.
    pub makes_people: bool,
    /// Values of `amr`, or of `acr`, that tell of a second factor.
    pub mfa_values: BTreeSet<String>,
    /// What is asked for as `acr_values`.
    #[serde(default)]
    pub acr_values: Option<String>,
}

impl Settings {
    pub fn new(name: &str, issuer: &str, client_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            redirect_url: None,
            signed_out_url: None,
            scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
            groups_claim: "groups".to_owned(),
            name_claim: "preferred_username".to_owned(),
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            default_roles: BTreeSet::new(),
            grants: BTreeMap::new(),
            default_grants: BTreeSet::new(),
            makes_people: true,
            mfa_values: BTreeSet::from(["mfa".to_owned()]),
            acr_values: None,
        }
    }

    /// Says what is wrong with it, if something is.
    pub fn check(&self) -> Result<(), String> {
        let plain = |c: char| !c.is_control();
        if self.name.trim().is_empty() || self.name.chars().count() > 64 || !self.name.chars().all(plain) {
            return Err("`name` has to be 1 to 64 characters".to_owned());
        }
        check_address("issuer", &self.issuer)?;
        if self.issuer.contains(['?', '#']) {
            return Err("`issuer` has neither `?` nor `#`".to_owned());
        }
        for (what, address) in [("redirect_url", &self.redirect_url), ("signed_out_url", &self.signed_out_url)] {
            if let Some(address) = address {
                check_address(what, address)?;
            }
        }
        let word = |text: &String| !text.is_empty() && text.len() <= 256 && text.chars().all(plain);
        if !word(&self.client_id) || !word(&self.groups_claim) || !word(&self.name_claim) {
            return Err("`client_id`, `groups_claim` and `name_claim` have to be 1 to 256 characters".to_owned());
        }
        let scope = |text: &String| word(text) && text.chars().all(|c| c.is_ascii_graphic() && !"\"\\".contains(c));
        if !self.scopes.iter().any(|scope| scope == "openid") || !self.scopes.iter().all(scope) {
            return Err("`scopes` has to have `openid`, and only plain words".to_owned());
        }
        let n_grants = self.given_grants().map(BTreeSet::len).sum::<usize>();
        let n_words = self.roles.len() + self.groups.len() + self.scopes.len() + self.mfa_values.len() + n_grants;
        if n_words > MOST_WORDS {
            return Err(format!("a provider maps at most {MOST_WORDS} values"));
        }
        for role in self.roles.values().chain(&self.default_roles) {
            name::check_word("role", role)?;
        }
        for (value, group) in &self.groups {
            if (value == EVERY) != (group == EVERY) {
                return Err("`*` takes every value as it is, so it stands for `*` only".to_owned());
            }
            if group != EVERY {
                name::check_word("group", group)?;
            }
        }
        self.given_grants().flatten().try_for_each(|grant| grant::check_form(grant))?;
        if self.grants.contains_key(EVERY) {
            return Err("give everybody else a grant with `default_grants`, not with `*`".to_owned());
        }
        if self.roles.contains_key(EVERY) {
            return Err("give everybody a role with `default_roles`, not with `*`".to_owned());
        }
        Ok(())
    }

    /// Roles and groups that these claims give.
    pub fn given(&self, claims: &Map<String, Value>) -> (BTreeSet<String>, BTreeSet<String>) {
        let values = token::words(claims, &self.groups_claim);
        let roles =
            values.iter().filter_map(|value| self.roles.get(value)).chain(&self.default_roles).cloned().collect();
        let mapped = values.iter().filter_map(|value| self.groups.get(value)).filter(|group| *group != EVERY).cloned();
        let mut groups: BTreeSet<String> = mapped.collect();
        if self.groups.contains_key(EVERY) {
            let plain = values.into_iter().filter(|value| name::check_word("group", value).is_ok());
            groups.extend(plain.filter(|value| !self.groups.contains_key(value)));
        }
        (roles, groups)
    }

    /// Grants that these claims give.
    pub fn granted(&self, claims: &Map<String, Value>) -> BTreeSet<String> {
        let values = token::words(claims, &self.groups_claim);
        let mut given: BTreeSet<String> =
            values.iter().filter_map(|value| self.grants.get(value)).flatten().cloned().collect();
        if !grant::names_a_tenant(&given) {
            given.extend(self.default_grants.iter().cloned());
        }
        given
    }

    /// Every set of grants that somebody could get by it.
    pub fn given_grants(&self) -> impl Iterator<Item = &BTreeSet<String>> {
        self.grants.values().chain(std::iter::once(&self.default_grants))
    }

    /// Whether these claims tell of a second factor.
    pub fn second_factor(&self, claims: &Map<String, Value>) -> bool {
        ["amr", "acr"].iter().any(|name| token::words(claims, name).iter().any(|value| self.mfa_values.contains(value)))
    }

    /// What to call somebody: the claim that says so, else their address, else their subject.
    pub fn called(&self, claims: &Map<String, Value>) -> Option<String> {
        let one = |name: &str| token::words(claims, name).into_iter().next().map(|word| word.trim().to_owned());
        [self.name_claim.as_str(), "email", "sub"].into_iter().filter_map(one).find(|word| !word.is_empty())
    }
}

/// The word of a provider in addresses.
pub fn check_id(id: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let sound = !id.is_empty() && id.len() <= 32 && id.chars().all(plain) && !id.starts_with('-');
    sound.then_some(()).ok_or_else(|| "`id` has to be 1 to 32 small letters, digits or `-`".to_owned())
}

/// HTTPS, or plain HTTP on this machine, where nobody listens in.
pub fn check_address(what: &str, address: &str) -> Result<(), String> {
    let fault = |why: &str| Err(format!("`{what}` is not an address that can be used: {why}"));
    if address.len() > LONGEST_ADDRESS || address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return fault("it is too long, or has blanks");
    }
    let Ok(url) = reqwest::Url::parse(address) else { return fault("it cannot be read") };
    if !url.username().is_empty() || url.password().is_some() {
        return fault("it names a user");
    }
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some("localhost" | "127.0.0.1" | "[::1]")) => Ok(()),
        _ => fault("it has to begin with `https://`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> Settings {
        Settings::new("Example", "https://id.example", "legator")
    }

    #[test]
    fn an_address_is_https_or_this_machine() {
        for good in
            ["https://id.example", "https://id.example:8443/realms/x", "http://127.0.0.1:9400", "http://[::1]:1"]
        {
            assert_eq!(check_address("issuer", good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "id.example",
            "http://id.example",
            "http://127.0.0.1.evil.example",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
            "ftp://id.example",
            "https://a:b@id.example",
            "https://id.example/ x",
            "https://id.example/\n",
        ] {
            assert!(check_address("issuer", bad).is_err(), "{bad}");
        }
        assert!(Settings { issuer: "https://id.example?x".to_owned(), ..settings() }.check().is_err());
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        assert_eq!(settings().check(), Ok(()));
        for bad in [
            Settings { name: " ".to_owned(), ..settings() },
            Settings { client_id: String::new(), ..settings() },
            Settings { scopes: vec!["email".to_owned()], ..settings() },
            Settings { scopes: vec!["openid".to_owned(), "a b".to_owned()], ..settings() },
            Settings { roles: BTreeMap::from([("x".to_owned(), "a\"b".to_owned())]), ..settings() },
            Settings { roles: BTreeMap::from([("*".to_owned(), "viewer".to_owned())]), ..settings() },
            Settings { groups: BTreeMap::from([("*".to_owned(), "ops".to_owned())]), ..settings() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(check_id("corp-sso").is_ok());
        for bad in ["", "-x", "A", "a/b", "a b", &"x".repeat(33)] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn claims_give_what_was_mapped_and_nothing_else() {
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let mapped = Settings {
            roles: BTreeMap::from([pair("idp-admins", "administrator")]),
            groups: BTreeMap::from([pair("idp-ops", "ops"), pair("*", "*")]),
            default_roles: BTreeSet::from(["viewer".to_owned()]),
            ..settings()
        };
        let claims = json!({ "groups": ["idp-admins", "idp-ops", "dev", "bad\"name", "administrator"] });
        let (roles, groups) = mapped.given(claims.as_object().unwrap());
        assert_eq!(roles, BTreeSet::from(["administrator".to_owned(), "viewer".to_owned()]));
        let wanted = ["administrator", "dev", "idp-admins", "ops"].map(str::to_owned);
        assert_eq!(groups, BTreeSet::from(wanted), "a group of that name is no role");
        let (roles, groups) = settings().given(claims.as_object().unwrap());
        assert!(roles.is_empty() && groups.is_empty());
    }

    #[test]
    fn claims_give_the_grants_that_were_mapped_and_the_default_where_they_give_no_tenant() {
        let set = |all: &[&str]| all.iter().map(|grant| (*grant).to_owned()).collect::<BTreeSet<_>>();
        let mapped = Settings {
            grants: BTreeMap::from([
                ("idp-blue".to_owned(), set(&["tenant:blue", "scope:web"])),
                ("idp-db".to_owned(), set(&["scope:db"])),
            ]),
            default_grants: set(&["tenant:guests"]),
            ..settings()
        };
        assert_eq!(mapped.check(), Ok(()));
        let granted = |groups: Value| mapped.granted(json!({ "groups": groups }).as_object().unwrap());
        assert_eq!(granted(json!(["idp-blue", "tenant:red"])), set(&["tenant:blue", "scope:web"]));
        assert_eq!(granted(json!(["idp-db"])), set(&["scope:db", "tenant:guests"]), "a scope is no tenant");
        assert_eq!(granted(json!([])), set(&["tenant:guests"]));
        assert!(settings().granted(json!({ "groups": ["idp-blue"] }).as_object().unwrap()).is_empty());
        for bad in ["blue", "tenant:", "tenant:a b", "org:é", "role:administrator", ""] {
            let with = |grants| Settings { grants, ..settings() };
            assert!(with(BTreeMap::from([("x".to_owned(), set(&[bad]))])).check().is_err(), "{bad}");
            assert!(Settings { default_grants: set(&[bad]), ..settings() }.check().is_err(), "{bad}");
        }
        let every = BTreeMap::from([("*".to_owned(), set(&["tenant:blue"]))]);
        assert!(Settings { grants: every, ..settings() }.check().is_err());
    }

    #[test]
    fn a_second_factor_is_what_the_provider_says_it_is() {
        let says = |claims: Value| settings().second_factor(claims.as_object().unwrap());
        assert!(says(json!({ "amr": ["pwd", "mfa"] })) && says(json!({ "acr": "mfa" })));
        assert!(!says(json!({ "amr": ["pwd", "otp"] })) && !says(json!({ "amr": true })) && !says(json!({})));
    }

    #[test]
    fn somebody_is_called_by_the_first_claim_that_says_something() {
        let called = |claims: Value| settings().called(claims.as_object().unwrap());
        assert_eq!(called(json!({ "preferred_username": " ana ", "email": "a@x" })).as_deref(), Some("ana"));
        assert_eq!(called(json!({ "preferred_username": "", "email": "a@x" })).as_deref(), Some("a@x"));
        assert_eq!(called(json!({ "sub": "u-1" })).as_deref(), Some("u-1"));
    }
}
