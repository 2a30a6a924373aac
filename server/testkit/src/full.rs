//! A disk without room: the server's own connection may not let the database grow, as SQLite does when the disk is full.

use legator_server::audit::{Draft, Health};
use sqlx::query;

use crate::{World, soon};

/// Bounds the database at what it has, with some ballast in it that can be thrown off.
pub async fn bound(world: &World) {
    let bounded = world.app().ledger.write(0, |batch| {
        Box::pin(async move {
            let connection = batch.connection().await?;
            query("CREATE TABLE IF NOT EXISTS ballast (bytes BLOB)").execute(&mut *connection).await?;
            query("INSERT INTO ballast VALUES (zeroblob(4000000))").execute(&mut *connection).await?;
            Ok(())
        })
    });
    bounded.await.unwrap();
    let bounded = world.app().ledger.write(0, |batch| {
        Box::pin(async move {
            query("PRAGMA max_page_count = 1").execute(batch.connection().await?).await?;
            Ok(())
        })
    });
    bounded.await.unwrap();
}

/// Writes until nothing more goes in.
pub async fn fill_up(world: &World) {
    let ledger = &world.app().ledger;
    let full = async {
        for size in [100_000, 10_000, 1_000, 100] {
            while ledger
                .write(0, move |batch| {
                    Box::pin(async move {
                        let insert = query("INSERT INTO ballast VALUES (zeroblob(?))").bind(size);
                        insert.execute(batch.connection().await?).await?;
                        Ok(())
                    })
                })
                .await
                .is_ok()
            {}
        }
        // The smallest entry last: what it does not find room for, nothing does.
        for size in [500, 0] {
            while ledger.append(0, Draft::new("test.filled", "test", "x".repeat(size))).await.is_ok() {}
        }
    };
    soon("the disk to be full", full).await;
}

/// Throws the ballast off, and waits until the log has noticed.
pub async fn unbound(world: &World) {
    world.database().await.run("DELETE FROM ballast").await;
    let mut health = world.app().ledger.watch_health();
    soon("the log to be writable", health.wait_for(Health::is_good)).await.unwrap();
}
