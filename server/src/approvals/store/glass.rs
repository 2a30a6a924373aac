//! The SQL of broken glass.

use legator_protocol::CommandId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::approvals::breakglass::{Break, Review, Verdict};
use crate::db::{Db, DbFault};
use crate::tenant::Reach;

macro_rules! breaks {
    ($tail:literal) => {
        concat!(
            "SELECT command, body, at, reviewed_at, reviewer, reviewer_name, verdict, note FROM approvals_breakglass ",
            $tail
        )
    };
}

/// Those that nobody has reviewed, and those since then.
pub async fn open(db: &Db, since: i64) -> Result<Vec<Break>, DbFault> {
    let rows = sqlx::query(breaks!("WHERE reviewed_at IS NULL OR at >= ? ORDER BY at, command"));
    rows.bind(since).fetch_all(db.reads()).await?.iter().map(broken).collect()
}

pub async fn list(db: &Db, reach: &Reach, unreviewed: bool, limit: u32) -> Result<Vec<Break>, DbFault> {
    let rows = sqlx::query(breaks!(
        "WHERE (?1 = 0 OR reviewed_at IS NULL) AND (?3 IS NULL OR coalesce(json_extract(body, '$.tenant'), 'default') IN (SELECT value FROM json_each(?3))) ORDER BY at DESC, command DESC LIMIT ?2"
    ));
    rows.bind(i64::from(unreviewed))
        .bind(limit)
        .bind(reach.listed())
        .fetch_all(db.reads())
        .await?
        .iter()
        .map(broken)
        .collect()
}

pub async fn get(db: &Db, command: CommandId) -> Result<Option<Break>, DbFault> {
    let row = sqlx::query(breaks!("WHERE command = ?")).bind(command.to_string()).fetch_optional(db.reads()).await?;
    row.as_ref().map(broken).transpose()
}

pub async fn insert(connection: &mut SqliteConnection, broken: &Break) -> Result<(), DbFault> {
    sqlx::query("INSERT INTO approvals_breakglass (command, probe, body, person, at) VALUES (?, ?, ?, ?, ?)")
        .bind(broken.about.command.to_string())
        .bind(broken.about.probe.to_string())
        .bind(DbFault::column("approvals_breakglass.body", serde_json::to_string(&broken.about))?)
        .bind(&broken.about.person)
        .bind(broken.at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether it was open until now.
pub async fn review(connection: &mut SqliteConnection, command: CommandId, review: &Review) -> Result<bool, DbFault> {
    let update = sqlx::query(
        "UPDATE approvals_breakglass SET reviewed_at = ?, reviewer = ?, reviewer_name = ?, verdict = ?, note = ? \
         WHERE command = ? AND reviewed_at IS NULL",
    );
    let update = update.bind(review.at).bind(&review.person).bind(&review.name);
    let done = update.bind(review.verdict.as_str()).bind(&review.note).bind(command.to_string());
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

fn broken(row: &SqliteRow) -> Result<Break, DbFault> {
    let verdict: Option<&str> = row.try_get(6)?;
    let review = match (row.try_get::<Option<i64>, _>(3)?, verdict.and_then(Verdict::read)) {
        (Some(at), Some(verdict)) => {
            Some(Review { at, verdict, person: row.try_get(4)?, name: row.try_get(5)?, note: row.try_get(7)? })
        }
        _ => None,
    };
    Ok(Break {
        about: DbFault::column("approvals_breakglass.body", serde_json::from_str(row.try_get(1)?))?,
        at: row.try_get(2)?,
        review,
    })
}
