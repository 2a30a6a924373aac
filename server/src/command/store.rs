//! The SQL of `command_*`. Writes take a JSON array of rows and a heap of texts, so that one statement serves a whole group;
//! their ranks follow a command's life, so that one that goes through several states in one group ends in the last.

use legator_engine::{Context, Decision, Facts, Principal};
use legator_protocol::{ApprovalId, CommandId, CommandSpec, ProbeId};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::life::State;
use crate::audit::Bulk;
use crate::db::{Db, DbFault};
use crate::judgement::{Judgement, Stretch};
use crate::tenant::{Reach, Tenant};

/// Its long texts lie in the heap; `sealable` may be absent.
pub static INSERT_COMMAND: Bulk = Bulk {
    rank: 0,
    sql: "\
INSERT INTO command_command (id, probe, probe_name, state, level, principal, principal_id, spec, line, context, \
group_id, idem_key, idem_digest, revision, digest, approval, created_at, expires_at, ended_at, sealable, dispatched_at, tenant) \
SELECT value->>'$[0][0]', value->>'$[0][1]', value->>'$[0][2]', value->>'$[0][3]', value->>'$[0][4]', \
CAST(substr({heap}, value->>'$[1][0][0]', value->>'$[1][0][1]') AS TEXT), value->>'$[1][1]', \
CAST(substr({heap}, value->>'$[1][2][0]', value->>'$[1][2][1]') AS TEXT), \
CAST(substr({heap}, value->>'$[1][3][0]', value->>'$[1][3][1]') AS TEXT), \
CAST(substr({heap}, value->>'$[1][4][0]', value->>'$[1][4][1]') AS TEXT), \
value->>'$[2][0]', value->>'$[2][1]', value->>'$[2][2]', \
value->>'$[3][0]', value->>'$[3][1]', value->>'$[3][2]', value->>'$[3][3]', value->>'$[3][4]', \
value->>'$[4][0]', CAST(substr({heap}, value->>'$[4][1][0]', value->>'$[4][1][1]') AS TEXT), value->>'$[4][2]', value->>'$[4][3]' \
FROM json_each({rows})",
};

pub static INSERT_DECISION: Bulk = Bulk {
    rank: 6,
    sql: "\
INSERT INTO command_decision (command, n, at, revision, outcome, facts, decision) \
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, \
CAST(substr({heap}, value->>'$[5][0]', value->>'$[5][1]') AS TEXT), \
CAST(substr({heap}, value->>'$[6][0]', value->>'$[6][1]') AS TEXT) FROM json_each({rows})",
};

pub static INSERT_EVENT: Bulk = Bulk {
    rank: 7,
    sql: "\
INSERT INTO command_event (command, seq, at, kind, chunk, body) \
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, \
CAST(substr({heap}, value->>'$[5][0]', value->>'$[5][1]') AS TEXT) FROM json_each({rows})",
};

/// A command that waited is cleared now; a new one is inserted so.
pub static CLEAR: Bulk = Bulk {
    rank: 2,
    sql: "\
UPDATE command_command SET sealable = CAST(substr({heap}, j.value->>'$[1][0]', j.value->>'$[1][1]') AS TEXT), \
dispatched_at = j.value->>2 FROM json_each({rows}) AS j \
WHERE command_command.id = j.value->>0 AND sealable IS NULL",
};

pub static JUDGE_AGAIN: Bulk = Bulk {
    rank: 1,
    sql: "\
UPDATE command_command SET state = j.value->>1, approval = j.value->>2, ended_at = j.value->>3 FROM json_each({rows}) AS j \
WHERE command_command.id = j.value->>0 AND state IN ('held', 'queued')",
};

pub static START: Bulk = Bulk {
    rank: 3,
    sql: "\
UPDATE command_command SET state = 'running', started_at = j.value->>1 FROM json_each({rows}) AS j \
WHERE command_command.id = j.value->>0 AND state = 'dispatched'",
};

pub static END: Bulk = Bulk {
    rank: 5,
    sql: "\
UPDATE command_command SET state = j.value->>1, ended_at = j.value->>2, \
ended = CAST(substr({heap}, j.value->>'$[3][0]', j.value->>'$[3][1]') AS TEXT) FROM json_each({rows}) AS j \
WHERE command_command.id = j.value->>0 AND state IN ('held', 'queued', 'dispatched', 'running', 'lost')",
};

pub static CANCEL: Bulk = Bulk {
    rank: 4,
    sql: "\
UPDATE command_command SET cancel = j.value->>1 FROM json_each({rows}) AS j WHERE command_command.id = j.value->>0",
};

/// A command as it stands in the database.
#[derive(Clone, Debug)]
pub struct CommandRow {
    pub id: CommandId,
    pub probe: ProbeId,
    pub probe_name: String,
    pub state: State,
    pub level: String,
    pub principal: Principal,
    pub spec: CommandSpec,
    pub line: String,
    pub context: Context,
    pub group: Option<String>,
    pub idem_digest: Option<String>,
    pub revision: String,
    pub digest: String,
    pub approval: Option<ApprovalId>,
    pub sealable: Option<String>,
    pub cancel: Option<String>,
    pub created_at: i64,
    pub expires_at: i64,
    pub dispatched_at: Option<i64>,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub ended: Option<serde_json::Value>,
    /// Whose it is.
    pub tenant: Tenant,
}

/// One of its judgements.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    pub n: u32,
    pub at: i64,
    pub revision: String,
    pub facts: Facts,
    pub decision: Decision,
}

/// One of its events.
#[derive(Clone, Debug)]
pub struct EventRow {
    pub seq: u64,
    pub at: i64,
    pub kind: String,
    pub chunk: Option<i64>,
    pub body: serde_json::Value,
}

/// What a list is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub state: Option<State>,
    pub probe: Option<ProbeId>,
    pub group: Option<String>,
    pub before: Option<CommandId>,
    pub limit: u32,
    /// Only commands of tenants within it.
    pub reach: Reach,
}

macro_rules! commands {
    ($tail:literal) => {
        concat!(
            "SELECT id, probe, probe_name, state, level, principal, spec, line, context, group_id, idem_digest, ",
            "revision, digest, approval, sealable, cancel, created_at, expires_at, dispatched_at, started_at, ",
            "ended_at, ended, tenant FROM command_command ",
            $tail
        )
    };
}

pub async fn get(db: &Db, id: CommandId) -> Result<Option<CommandRow>, DbFault> {
    let row = sqlx::query(commands!("WHERE id = ?")).bind(id.to_string()).fetch_optional(db.reads()).await?;
    row.as_ref().map(command).transpose()
}

pub async fn list(db: &Db, query: &Query) -> Result<Vec<CommandRow>, DbFault> {
    let rows = sqlx::query(commands!(
        "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR probe = ?2) AND (?3 IS NULL OR group_id = ?3) \
         AND (?4 IS NULL OR id < ?4) AND (?6 IS NULL OR tenant IN (SELECT value FROM json_each(?6))) \
         ORDER BY id DESC LIMIT ?5"
    ))
    .bind(query.state.map(State::as_str))
    .bind(query.probe.map(|probe| probe.to_string()))
    .bind(&query.group)
    .bind(query.before.map(|before| before.to_string()))
    .bind(query.limit)
    .bind(query.reach.listed())
    .fetch_all(db.reads())
    .await?;
    rows.iter().map(command).collect()
}

pub async fn open(db: &Db) -> Result<Vec<CommandRow>, DbFault> {
    let rows = sqlx::query(commands!("WHERE state IN ('held', 'queued', 'dispatched', 'running') ORDER BY id"));
    rows.fetch_all(db.reads()).await?.iter().map(command).collect()
}

pub async fn by_key(db: &Db, principal: &str, key: &str) -> Result<Option<CommandRow>, DbFault> {
    let row = sqlx::query(commands!("WHERE principal_id = ? AND idem_key = ?"));
    let row = row.bind(principal).bind(key).fetch_optional(db.reads()).await?;
    row.as_ref().map(command).transpose()
}

/// The number of the newest event, of the output chunks, and of the judgements.
pub async fn counts(db: &Db, id: CommandId) -> Result<(u64, u64, u32), DbFault> {
    let row = sqlx::query(
        "SELECT (SELECT coalesce(max(seq), 0) FROM command_event WHERE command = ?1), \
         (SELECT count(*) FROM command_event WHERE command = ?1 AND kind = 'output'), \
         (SELECT count(*) FROM command_decision WHERE command = ?1)",
    );
    let row = row.bind(id.to_string()).fetch_one(db.reads()).await?;
    let count = |at: usize| row.try_get::<i64, _>(at).map(|n| n.max(0).cast_unsigned());
    Ok((count(0)?, count(1)?, u32::try_from(count(2)?).unwrap_or(u32::MAX)))
}

/// Writes how a command ended that was given up as lost. Says whether it was still lost.
pub async fn find(
    connection: &mut SqliteConnection,
    id: CommandId,
    state: State,
    at: i64,
    ended: &serde_json::Value,
    event: &serde_json::Value,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE command_command SET state = ?, ended_at = ?, ended = ? WHERE id = ? AND state = 'lost'";
    let update = sqlx::query(update).bind(state.as_str()).bind(at).bind(ended.to_string()).bind(id.to_string());
    if update.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let insert = "INSERT INTO command_event (command, seq, at, kind, body) \
                  SELECT ?1, coalesce(max(seq), 0) + 1, ?2, 'ended', ?3 FROM command_event WHERE command = ?1";
    let insert = sqlx::query(insert).bind(id.to_string()).bind(at).bind(event.to_string());
    insert.execute(connection).await?;
    Ok(true)
}

pub async fn decisions(db: &Db, id: CommandId) -> Result<Vec<DecisionRow>, DbFault> {
    let select =
        sqlx::query("SELECT n, at, revision, facts, decision FROM command_decision WHERE command = ? ORDER BY n");
    let rows = select.bind(id.to_string()).fetch_all(db.reads()).await?;
    rows.iter().map(decision).collect()
}

pub async fn newest_decision(db: &Db, id: CommandId) -> Result<Option<DecisionRow>, DbFault> {
    let select = sqlx::query(
        "SELECT n, at, revision, facts, decision FROM command_decision WHERE command = ? ORDER BY n DESC LIMIT 1",
    );
    let row = select.bind(id.to_string()).fetch_optional(db.reads()).await?;
    row.as_ref().map(decision).transpose()
}

/// Judgements of a time, behind a command and a number, of commands before `end`.
pub async fn judgements(
    db: &Db,
    stretch: Stretch,
    after: &(String, u32),
    end: &str,
    limit: u32,
) -> Result<Vec<Judgement>, DbFault> {
    let select = sqlx::query(
        "SELECT command, n, at, facts, decision FROM command_decision \
         WHERE (command, n) > (?, ?) AND command < ? AND at >= ? AND at < ? ORDER BY command, n LIMIT ?",
    );
    let select = select.bind(&after.0).bind(after.1).bind(end).bind(stretch.since).bind(stretch.until).bind(limit);
    select.fetch_all(db.reads()).await?.iter().map(judged).collect()
}

pub async fn count_judgements(db: &Db, stretch: Stretch, first: &str, end: &str) -> Result<u64, DbFault> {
    let select = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM command_decision WHERE command >= ? AND command < ? AND at >= ? AND at < ?",
    );
    let count = select.bind(first).bind(end).bind(stretch.since).bind(stretch.until).fetch_one(db.reads()).await?;
    Ok(count.max(0).cast_unsigned())
}

pub async fn judgement(db: &Db, command: &str, n: u32) -> Result<Option<Judgement>, DbFault> {
    let select =
        sqlx::query("SELECT command, n, at, facts, decision FROM command_decision WHERE command = ? AND n = ?");
    select.bind(command).bind(n).fetch_optional(db.reads()).await?.as_ref().map(judged).transpose()
}

pub async fn events(db: &Db, id: CommandId, after: u64, limit: u32) -> Result<Vec<EventRow>, DbFault> {
    let select = sqlx::query(
        "SELECT seq, at, kind, chunk, body FROM command_event WHERE command = ? AND seq > ? ORDER BY seq LIMIT ?",
    );
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = select.bind(id.to_string()).bind(after).bind(limit).fetch_all(db.reads()).await?;
    rows.iter().map(event).collect()
}

fn command(row: &SqliteRow) -> Result<CommandRow, DbFault> {
    let approval: Option<&str> = row.try_get(13)?;
    let ended: Option<&str> = row.try_get(21)?;
    Ok(CommandRow {
        id: DbFault::column("command_command.id", row.try_get::<&str, _>(0)?.parse::<CommandId>())?,
        probe: DbFault::column("command_command.probe", row.try_get::<&str, _>(1)?.parse::<ProbeId>())?,
        probe_name: row.try_get(2)?,
        state: DbFault::column("command_command.state", State::read(row.try_get(3)?).ok_or("unknown"))?,
        level: row.try_get(4)?,
        principal: DbFault::column("command_command.principal", serde_json::from_str(row.try_get(5)?))?,
        spec: DbFault::column("command_command.spec", serde_json::from_str(row.try_get(6)?))?,
        line: row.try_get(7)?,
        context: DbFault::column("command_command.context", serde_json::from_str(row.try_get(8)?))?,
        group: row.try_get(9)?,
        idem_digest: row.try_get(10)?,
        revision: row.try_get(11)?,
        digest: row.try_get(12)?,
        approval: DbFault::column("command_command.approval", approval.map(str::parse).transpose())?,
        sealable: row.try_get(14)?,
        cancel: row.try_get(15)?,
        created_at: row.try_get(16)?,
        expires_at: row.try_get(17)?,
        dispatched_at: row.try_get(18)?,
        started_at: row.try_get(19)?,
        ended_at: row.try_get(20)?,
        ended: DbFault::column("command_command.ended", ended.map(serde_json::from_str).transpose())?,
        tenant: Tenant::named(row.try_get(22)?),
    })
}

fn decision(row: &SqliteRow) -> Result<DecisionRow, DbFault> {
    Ok(DecisionRow {
        n: row.try_get(0)?,
        at: row.try_get(1)?,
        revision: row.try_get(2)?,
        facts: DbFault::column("command_decision.facts", serde_json::from_str(row.try_get(3)?))?,
        decision: DbFault::column("command_decision.decision", serde_json::from_str(row.try_get(4)?))?,
    })
}

fn judged(row: &SqliteRow) -> Result<Judgement, DbFault> {
    Ok(Judgement {
        subject: row.try_get(0)?,
        n: row.try_get(1)?,
        at: row.try_get(2)?,
        facts: row.try_get(3)?,
        decision: row.try_get(4)?,
    })
}

fn event(row: &SqliteRow) -> Result<EventRow, DbFault> {
    Ok(EventRow {
        seq: row.try_get::<i64, _>(0)?.max(0).cast_unsigned(),
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        chunk: row.try_get(3)?,
        body: DbFault::column("command_event.body", serde_json::from_str(row.try_get(4)?))?,
    })
}
