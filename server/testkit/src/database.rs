//! The database file behind the server's back: to look, and to do what an intruder with a shell could do.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

/// A connection of the test's own.
pub struct Database(SqliteConnection);

impl Database {
    pub async fn open(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).disable_statement_logging();
        Self(options.busy_timeout(crate::PATIENCE).connect().await.unwrap())
    }

    /// Runs statements as they are.
    pub async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await.unwrap();
    }

    /// Runs a statement that has to be refused; says how.
    pub async fn refused(&mut self, sql: &str) -> String {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await.unwrap_err().to_string()
    }

    pub async fn rows(&mut self, sql: &str) -> Vec<SqliteRow> {
        sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.0).await.unwrap()
    }

    /// The first column of every row.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        self.rows(sql).await.iter().map(|row| row.get(0)).collect()
    }

    pub async fn number(&mut self, sql: &str) -> i64 {
        self.rows(sql).await[0].get(0)
    }
}
