//! The provider of the server's options.

use std::collections::{BTreeMap, BTreeSet};

use super::provider::{Provider, Settings, check_id};
use crate::config::Oidc;
use crate::identity::IdentityFault;
use crate::vault::Secret;

/// The word of the options' provider in addresses.
const WORD: &str = "oidc";

impl Oidc {
    /// The provider that the options describe, if they do.
    pub fn providers(&self) -> Result<Vec<Provider>, IdentityFault> {
        let wanted = self.enabled.unwrap_or(self.provider_url.is_some());
        if !wanted {
            return Ok(Vec::new());
        }
        let invalid = |why: String| IdentityFault::Invalid(format!("the options of the provider: {why}"));
        let issuer =
            self.provider_url.as_deref().ok_or_else(|| invalid("say which with `--oidc-provider-url`".into()))?;
        let mut settings = Settings::new(&self.provider_name, issuer, &self.client_id);
        settings.redirect_url.clone_from(&self.redirect_url);
        settings.scopes = self.scopes.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        settings.groups_claim.clone_from(&self.role_claim);
        settings.roles = pairs(&self.role_mapping).map_err(invalid)?;
        settings.groups = pairs(&self.group_mapping).map_err(invalid)?;
        settings.default_roles =
            Some(self.default_role.trim().to_owned()).filter(|it| !it.is_empty()).into_iter().collect();
        settings.grants = grants(&self.grant_mapping).map_err(invalid)?;
        settings.default_grants =
            self.default_grants.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
        settings.makes_people = self.auto_create_users;
        settings.mfa_values = self.mfa_values.iter().filter(|value| !value.is_empty()).cloned().collect();
        check_id(WORD).and_then(|()| settings.check()).map_err(invalid)?;
        let secret = self.client_secret.clone().map(crate::config::Word::into_inner).filter(|it| !it.is_empty());
        Ok(vec![Provider { id: WORD.to_owned(), settings, secret: secret.map(Secret::new), fixed: true }])
    }
}

/// `value:word` or `value=word`; a value may have colons itself. `*` stands alone.
fn pairs(all: &[String]) -> Result<BTreeMap<String, String>, String> {
    let pair = |text: &String| {
        let text = text.trim();
        if text == "*" {
            return Ok(("*".to_owned(), "*".to_owned()));
        }
        let split = text.rsplit_once([':', '=']).filter(|(value, word)| !value.is_empty() && !word.is_empty());
        let (value, word) = split.ok_or_else(|| format!("`{text}` is not `value:word`"))?;
        Ok((value.trim().to_owned(), word.trim().to_owned()))
    };
    all.iter().filter(|text| !text.trim().is_empty()).map(pair).collect()
}

/// `value:grant` or `value=grant`, where the grant begins with its kind. A value may be there more than once.
fn grants(all: &[String]) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for text in all.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let grant = |at: usize| text[at + 1..].trim();
        let kinds = ["tenant:", "org:", "scope:"];
        let begins = |(at, _): &(usize, &str)| kinds.iter().any(|kind| grant(*at).starts_with(kind));
        let mut splits = text.match_indices([':', '=']).filter(begins);
        let split = splits.next().filter(|_| splits.next().is_none());
        let (at, _) = split.ok_or_else(|| {
            format!("`{text}` is not `value:grant`, with one grant that begins with `tenant:`, `org:` or `scope:`")
        })?;
        found.entry(text[..at].trim().to_owned()).or_default().insert(grant(at).to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_describe_a_provider_where_they_name_one() {
        assert!(Oidc::default().providers().unwrap().is_empty());
        let named = Oidc {
            provider_url: Some("https://id.example".to_owned()),
            client_id: "legator".to_owned(),
            role_mapping: vec!["idp-admins:administrator".to_owned(), " urn:x:ops = operator ".to_owned()],
            group_mapping: vec!["*".to_owned()],
            grant_mapping: ["idp-blue:tenant:blue", " idp-blue = scope:web ", "urn:x:ops=org:acme"]
                .map(str::to_owned)
                .to_vec(),
            default_grants: vec!["tenant:guests".to_owned(), String::new()],
            ..Oidc::default()
        };
        let provider = named.providers().unwrap().remove(0);
        assert_eq!((provider.id.as_str(), provider.fixed), ("oidc", true));
        assert_eq!(provider.settings.roles["idp-admins"], "administrator");
        assert_eq!(provider.settings.roles["urn:x:ops"], "operator");
        assert_eq!(provider.settings.groups["*"], "*");
        let given = |value: &str| Vec::from_iter(provider.settings.grants[value].iter().map(String::as_str));
        assert_eq!((given("idp-blue"), given("urn:x:ops")), (vec!["scope:web", "tenant:blue"], vec!["org:acme"]));
        assert_eq!(Vec::from_iter(&provider.settings.default_grants), ["tenant:guests"]);
        assert_eq!(provider.settings.scopes, ["openid", "email", "profile", "groups"]);
        assert!(provider.settings.default_roles.contains("viewer"));
        assert!(Oidc { enabled: Some(false), ..named.clone() }.providers().unwrap().is_empty());
        for bad in [
            Oidc { provider_url: None, enabled: Some(true), ..named.clone() },
            Oidc { client_id: String::new(), ..named.clone() },
            Oidc { provider_url: Some("http://id.example".to_owned()), ..named.clone() },
            Oidc { role_mapping: vec!["x".to_owned()], ..named.clone() },
            Oidc { grant_mapping: vec!["idp-blue:blue".to_owned()], ..named.clone() },
            Oidc { grant_mapping: vec!["idp-blue=tenant:".to_owned()], ..named.clone() },
            Oidc { grant_mapping: vec!["x=scope:a=tenant:blue".to_owned()], ..named.clone() },
            Oidc { default_grants: vec!["blue".to_owned()], ..named.clone() },
        ] {
            assert!(bad.providers().is_err(), "{bad:?}");
        }
    }
}
