//! The schema's history: every file of `server/migrations`, in order. Add a line for each new file; never edit an old one.
//! Never: a step back. What a newer build did to a database is not ours to undo.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnection;
use sqlx::{SqlSafeStr, query_scalar};

use super::{DbFault, OpenFault};

const HISTORY: &[(i64, &str, &str)] = &[
    (1, "audit", include_str!("../../migrations/0001_audit.sql")),
    (2, "identity", include_str!("../../migrations/0002_identity.sql")),
    (3, "fleet", include_str!("../../migrations/0003_fleet.sql")),
    (4, "policy", include_str!("../../migrations/0004_policy.sql")),
    (5, "approvals", include_str!("../../migrations/0005_approvals.sql")),
    (6, "command", include_str!("../../migrations/0006_command.sql")),
    (7, "revisions", include_str!("../../migrations/0007_revisions.sql")),
    (8, "activation_approvals", include_str!("../../migrations/0008_activation_approvals.sql")),
    (10, "replay", include_str!("../../migrations/0010_replay.sql")),
    (20, "sign_in", include_str!("../../migrations/0020_sign_in.sql")),
    (30, "outside_identity", include_str!("../../migrations/0030_outside_identity.sql")),
    (31, "passkeys", include_str!("../../migrations/0031_passkeys.sql")),
    (40, "votes", include_str!("../../migrations/0040_votes.sql")),
    (50, "tenants", include_str!("../../migrations/0050_tenants.sql")),
    (51, "fleet_tenants", include_str!("../../migrations/0051_fleet_tenants.sql")),
    (52, "command_tenants", include_str!("../../migrations/0052_command_tenants.sql")),
    (53, "approval_tenants", include_str!("../../migrations/0053_approval_tenants.sql")),
    (54, "audit_tenants", include_str!("../../migrations/0054_audit_tenants.sql")),
    (55, "asked", include_str!("../../migrations/0055_asked.sql")),
    (56, "shadow_of", include_str!("../../migrations/0056_shadow_of.sql")),
    (60, "probe_keys", include_str!("../../migrations/0060_probe_keys.sql")),
    (61, "certificates", include_str!("../../migrations/0061_certificates.sql")),
    (70, "passkey_votes", include_str!("../../migrations/0070_passkey_votes.sql")),
    (71, "provider_grants", include_str!("../../migrations/0071_provider_grants.sql")),
    (72, "provider_logout", include_str!("../../migrations/0072_provider_logout.sql")),
];

pub(super) fn migrator() -> Migrator {
    let migrations = HISTORY.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Looks, through a connection that cannot write, whether another build has been here after us.
pub(super) async fn refuse_newer(reader: &mut SqliteConnection, migrator: &Migrator) -> Result<(), OpenFault> {
    let fresh = query_scalar::<_, i64>("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *reader)
        .await
        .map_err(DbFault::from)?
        == 0;
    if fresh {
        return Ok(());
    }
    let applied: Vec<i64> = query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version DESC")
        .fetch_all(reader)
        .await
        .map_err(DbFault::from)?;
    match applied.into_iter().find(|&version| !migrator.version_exists(version)) {
        Some(found) => {
            let known = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
            Err(OpenFault::Newer { found, known })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_file_of_the_migrations_folder_under_its_number() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let listed: Vec<String> = HISTORY.iter().map(|(version, name, _)| format!("{version:04}_{name}.sql")).collect();
        assert_eq!(files, listed);
    }
}
