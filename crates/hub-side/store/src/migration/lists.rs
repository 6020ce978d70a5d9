//! What lists are sorted by, so that the worst comes first at the price of an index: who an order waits for, and from
//! which moment a tenant's server and its backups are not well, as its last heartbeat has it.

use sea_orm_migration::{prelude::*, schema::*};

use super::{may_have_rows, table};

#[derive(Debug)]
pub(super) struct Lists;

impl MigrationName for Lists {
    fn name(&self) -> &'static str {
        "m0012_lists"
    }
}

/// As `State::attention` ranks them; the test below compares both.
const RANKED: &str = "UPDATE orders SET urgency = CASE \
    WHEN json_extract(state, '$.needs_operator') THEN 0 \
    WHEN phase IN ('PAYMENT_CONFIRMED', 'SERVER_LOST') AND json_extract(state, '$.purchase_asked') THEN 0 \
    WHEN phase = 'FAILED' THEN 1 \
    WHEN phase = 'DNS_PENDING' THEN 2 \
    WHEN phase = 'AWAITING_PAYMENT' THEN 4 \
    WHEN phase = 'FULFILLED' THEN 5 \
    WHEN phase IN ('STOPPED', 'EXPIRED') THEN 6 \
    ELSE 3 END";

/// The rules of no version: the Hub rates what was said before it next.
const UNRATED: &str = "INSERT INTO tenant_standings SELECT order_id, \
    CAST(strftime('%s', received_at) AS INTEGER) * 1000, NULL, 0, 0, NULL, NULL, 0, 0 FROM tenant_states";

const INDICES: [&str; 6] = [
    "CREATE INDEX orders_urgency ON orders (urgency, created_at DESC, id DESC)",
    "CREATE INDEX orders_phase ON orders (phase)",
    "CREATE INDEX tenant_approvals_pending ON tenant_approvals (order_id) WHERE state = 'pending'",
    "CREATE INDEX tenant_states_cut ON tenant_states (order_id) WHERE log_cut_at IS NOT NULL",
    "CREATE INDEX backup_alarms_open ON backup_alarms (order_id, kind) \
     WHERE ended_at IS NULL AND acknowledged_at IS NULL",
    "CREATE INDEX tenant_standings_rules ON tenant_standings (rules)",
];

#[async_trait::async_trait]
impl MigrationTrait for Lists {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut urgency = small_integer("urgency").default(0).take();
        let orders = Table::alter().table(Alias::new("orders")).add_column(&mut urgency).take();
        manager.alter_table(orders).await?;
        let standings = [
            uuid("order_id").primary_key().take(),
            big_integer("heard_at"),
            big_integer_null("troubled_from"),
            boolean("backup_made"),
            boolean("backup_unproven"),
            big_integer_null("backup_troubled_from"),
            big_integer_null("backup_failed_from"),
            boolean("tokens_differ"),
            small_integer("rules"),
        ];
        manager.create_table(table("tenant_standings", standings)).await?;
        let db = manager.get_connection();
        if may_have_rows(manager) {
            db.execute_unprepared(RANKED).await?;
            db.execute_unprepared(UNRATED).await?;
        }
        for index in INDICES {
            db.execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("how things stand is not forgotten: remove the database instead".into()))
    }
}

#[cfg(test)]
mod tests {
    use letsbe_lifecycle::order::{Phase, State};
    use sea_orm_migration::{
        MigratorTrait as _,
        sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement, Value},
    };
    use uuid::Uuid;

    use super::super::Migrator;
    use crate::Store;

    #[tokio::test]
    async fn orders_and_tenants_of_before_are_ranked_as_new_ones_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hub.db");
        let db = Database::connect(format!("sqlite://{}?mode=rwc", file.display())).await.expect("opens");
        Migrator::up(&db, Some(10)).await.expect("migrates");
        let mut states = Vec::new();
        for phase in Phase::ALL {
            for (needs_operator, purchase_asked) in [(false, false), (true, false), (false, true)] {
                states.push(State { phase, needs_operator, purchase_asked, ..State::new() });
            }
        }
        for (number, state) in states.iter().enumerate() {
            let insert = "INSERT INTO orders (id, phase, state, domain, email, tier, region, tools, identity, \
                          created_at, updated_at) VALUES (?, ?, ?, 'a.example', 'a@a.example', 'lite', 'eu', '[]', \
                          'i', '2026-11-20 10:00:00+00:00', '2026-11-20 10:00:00+00:00')";
            let json = serde_json::to_string(state).expect("JSON");
            let values: [Value; 3] =
                [Uuid::from_u128(number as u128).into(), state.phase.as_str().into(), json.into()];
            let insert = Statement::from_sql_and_values(DbBackend::Sqlite, insert, values);
            db.execute_raw(insert).await.expect("inserts");
        }
        db.execute_unprepared(
            "INSERT INTO tenant_states (order_id, received_at, gate_entry, gate_hash) \
             VALUES (x'00000000000000000000000000000001', '2026-11-21 10:00:00.5+00:00', 0, '')",
        )
        .await
        .expect("inserts");
        db.close().await.expect("closes");
        drop(Store::open(&file).await.expect("migrates further"));
        let db = Database::connect(format!("sqlite://{}", file.display())).await.expect("opens");
        let ask = |sql: &str| Statement::from_string(DbBackend::Sqlite, sql.to_owned());
        let rows = db.query_all_raw(ask("SELECT urgency FROM orders ORDER BY id")).await.expect("reads");
        let ranks: Vec<i16> = rows.iter().map(|row| row.try_get_by_index(0).expect("a number")).collect();
        let wanted: Vec<i16> = states.iter().map(|state| state.attention().rank()).collect();
        assert_eq!(ranks, wanted);
        let row = db.query_one_raw(ask("SELECT heard_at, rules FROM tenant_standings")).await.expect("reads");
        let row = row.expect("is there");
        let heard: i64 = row.try_get_by_index(0).expect("a number");
        let rules: i16 = row.try_get_by_index(1).expect("a number");
        assert_eq!((heard, rules), (1_795_255_200_000, 0));
    }
}
