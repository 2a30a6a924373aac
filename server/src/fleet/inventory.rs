//! What an inventory may look like before it is kept.

use legator_protocol::Inventory;

/// The sections that are kept; others are for a newer server.
const SECTIONS: &[&str] = &["system", "disks", "interfaces", "packages", "services", "users"];

/// The sections as JSON texts, or what is wrong with them.
pub fn checked(inventory: &Inventory) -> Result<Vec<(String, String)>, String> {
    if inventory.digest.len() != 64 || !inventory.digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the inventory's digest is not a SHA-256 in hex".to_owned());
    }
    let known = inventory.sections.iter().filter(|(name, _)| SECTIONS.contains(&name.as_str()));
    Ok(known.map(|(name, body)| (name.clone(), body.to_string())).collect())
}
