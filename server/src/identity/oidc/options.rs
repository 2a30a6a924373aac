//! The provider of the server's options.

use std::collections::BTreeMap;

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
            ..Oidc::default()
        };
        let provider = named.providers().unwrap().remove(0);
        assert_eq!((provider.id.as_str(), provider.fixed), ("oidc", true));
        assert_eq!(provider.settings.roles["idp-admins"], "administrator");
        assert_eq!(provider.settings.roles["urn:x:ops"], "operator");
        assert_eq!(provider.settings.groups["*"], "*");
        assert_eq!(provider.settings.scopes, ["openid", "email", "profile", "groups"]);
        assert!(provider.settings.default_roles.contains("viewer"));
        assert!(Oidc { enabled: Some(false), ..named.clone() }.providers().unwrap().is_empty());
        for bad in [
            Oidc { provider_url: None, enabled: Some(true), ..named.clone() },
            Oidc { client_id: String::new(), ..named.clone() },
            Oidc { provider_url: Some("http://id.example".to_owned()), ..named.clone() },
            Oidc { role_mapping: vec!["x".to_owned()], ..named.clone() },
        ] {
            assert!(bad.providers().is_err(), "{bad:?}");
        }
    }
}
