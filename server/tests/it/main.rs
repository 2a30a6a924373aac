//! The server from outside: over HTTP as people use it, over the wire as probes do, and its real program where it is killed.
//! One binary, because each would link the whole house; a module for each subject, a world of its own for each test.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod asked;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod bundles_crash;
#[cfg(test)]
mod bundles_git;
#[cfg(test)]
mod bundles_remote;
#[cfg(test)]
mod bundles_templates;
#[cfg(test)]
mod bundles_upload;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod data;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod enrollment;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod identity_people;
#[cfg(test)]
mod identity_sessions;
#[cfg(test)]
mod log_key;
#[cfg(test)]
mod mutual_tls;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod oidc_grants;
#[cfg(test)]
mod oidc_logout;
#[cfg(test)]
mod oidc_provider;
#[cfg(test)]
mod oidc_real;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod passkeys;
#[cfg(test)]
mod probe_keys;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod road;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod several;
#[cfg(test)]
mod shadow;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod tenants_grants;
#[cfg(test)]
mod wire;

/// A change: it waits for room, and on production for a person.
#[cfg(test)]
const RESTART: &[&str] = &["systemctl", "restart", "nginx"];

/// It cannot be taken back.
#[cfg(test)]
const WIPE: &[&str] = &["rm", "-rf", "/srv/old"];

/// A string field.
#[cfg(test)]
fn text<'v>(value: &'v serde_json::Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {value}"))
}
