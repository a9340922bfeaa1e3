//! Two sites on one database are upgraded one after the other, so the release before runs on with the new schema.

use std::collections::{BTreeMap, BTreeSet};

use npoc::database::MIGRATOR;
use npoc::outbox::DeliveryOutcome;
use sqlx::migrate::Migrate as _;
use sqlx::{Connection as _, PgConnection};

use crate::support::{TestSite, database};

/// The first migration that must keep the rule. Nobody has run an earlier schema in two places.
const FIRST: i64 = 20_261_127_000_009;

/// What the release before relies on.
#[derive(Debug, Default, PartialEq)]
struct Schema {
    /// Type, and whether a row needs a value, by table and column.
    columns: BTreeMap<(String, String), (String, bool)>,
    /// Conditions by table and name, with their columns.
    conditions: BTreeMap<(String, String), (String, Vec<String>)>,
}

impl Schema {
    async fn read(connection: &mut PgConnection) -> Self {
        let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
            "SELECT relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND attidentity = ''
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped",
        )
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let conditions: Vec<(String, String, String, Vec<String>)> = sqlx::query_as(
            "SELECT conrelid::regclass::text, conname::text, replace(pg_get_constraintdef(pg_constraint.oid), ' NOT VALID', ''),
                ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'p', 'x')
            UNION ALL
            SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid),
                ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey::smallint[]))
            FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
            WHERE indisunique AND relnamespace = 'public'::regnamespace",
        )
        .fetch_all(connection)
        .await
        .unwrap();
        Self {
            columns: columns
                .into_iter()
                .map(|(table, column, kind, is_needed)| ((table, column), (kind, is_needed)))
                .collect(),
            conditions: conditions
                .into_iter()
                .map(|(table, name, condition, columns)| ((table, name), (condition, columns)))
                .collect(),
        }
    }

    fn has_table(&self, table: &str) -> bool {
        self.columns.keys().any(|(known, _)| known == table)
    }

    /// Returns what the release before cannot live with after a migration to `next`.
    fn faults(&self, next: &Self) -> Vec<String> {
        let mut faults = Vec::new();
        for ((table, column), (kind, is_needed)) in &self.columns {
            match next.columns.get(&(table.clone(), column.clone())) {
                None => faults.push(format!("{table}.{column} is gone")),
                Some((now, _)) if now != kind => faults.push(format!("{table}.{column} is {now} instead of {kind}")),
                Some((_, true)) if !is_needed => faults.push(format!("{table}.{column} needs a value")),
                Some(_) => {}
            }
        }
        for ((table, column), (_, is_needed)) in &next.columns {
            let is_new = !self.columns.contains_key(&(table.clone(), column.clone()));
            if is_new && *is_needed && self.has_table(table) {
                faults.push(format!("{table}.{column} is new and needs a value"));
            }
        }
        for ((table, name), (condition, columns)) in &next.conditions {
            let is_old = |column: &String| self.columns.contains_key(&(table.clone(), column.clone()));
            if !columns.iter().any(is_old) {
                continue;
            }
            match self.conditions.get(&(table.clone(), name.clone())) {
                Some((before, _)) if is_wider(before, condition) => {}
                _ => faults.push(format!("{table} has a new condition: {name}")),
            }
        }
        faults
    }
}

/// Returns whether a condition is the same, or lists more values.
fn is_wider(before: &str, now: &str) -> bool {
    let values = |text: &str| {
        text.split('\'')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let frame = |text: &str| {
        let others: String = text.split('\'').step_by(2).collect();
        others.replace("::text", "").replace([',', ' '], "")
    };
    // More values make `NOT IN` narrower. PostgreSQL writes it as `<> ALL`.
    let is_negative = ["<>", "NOT"].iter().any(|word| before.contains(word));
    before == now || (!is_negative && frame(before) == frame(now) && values(before).is_subset(&values(now)))
}

/// Returns the schema after each migration, with its version.
async fn schemas() -> Vec<(i64, Schema)> {
    let options = database::empty_options().await;
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    connection.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    let mut schemas = Vec::new();
    for migration in MIGRATOR.iter() {
        connection.apply("_sqlx_migrations", migration).await.unwrap();
        schemas.push((migration.version, Schema::read(&mut connection).await));
    }
    schemas
}

#[tokio::test]
async fn migration_only_adds_what_the_release_before_can_live_with() {
    let schemas = schemas().await;
    let mut checked = 0;
    for step in schemas.windows(2) {
        let [(_, before), (version, after)] = step else {
            continue;
        };
        if *version >= FIRST {
            checked += 1;
            assert_eq!(before.faults(after), [""; 0], "migration {version}");
        }
    }
    assert!(checked > 0);
}

#[tokio::test]
async fn migration_that_takes_away_is_noticed() {
    for (statement, fault) in [
        (
            "ALTER TABLE applications DROP COLUMN website",
            "applications.website is gone",
        ),
        (
            "ALTER TABLE applications RENAME COLUMN website TO site",
            "applications.website is gone",
        ),
        ("DROP TABLE domain_requests", "domain_requests.reference is gone"),
        (
            "ALTER TABLE applications ALTER COLUMN website SET NOT NULL",
            "applications.website needs a value",
        ),
        (
            "ALTER TABLE applications ALTER COLUMN country TYPE varchar(2)",
            "applications.country is character varying(2)",
        ),
        (
            "ALTER TABLE applications ADD COLUMN x text NOT NULL",
            "applications.x is new and needs a value",
        ),
        (
            "CREATE UNIQUE INDEX x ON applications (domain_name_ascii)",
            "applications has a new condition: x",
        ),
        (
            "ALTER TABLE applications ADD CONSTRAINT x CHECK (country <> 'KE')",
            "applications has a new condition: x",
        ),
        (
            "ALTER TABLE domain_checks DROP CONSTRAINT domain_checks_what_known,
                ADD CONSTRAINT domain_checks_what_known CHECK (what IN ('dns', 'web'))",
            "domain_checks has a new condition: domain_checks_what_known",
        ),
    ] {
        let faults = after(statement).await;
        assert!(
            faults.iter().any(|found| found.starts_with(fault)),
            "{statement}: {faults:?}"
        );
    }
}

#[tokio::test]
async fn migration_that_only_adds_passes() {
    for statement in [
        "ALTER TABLE applications ADD COLUMN x text, ADD COLUMN y integer NOT NULL DEFAULT 0",
        "CREATE TABLE x (y text NOT NULL, CONSTRAINT z CHECK (y <> ''))",
        "CREATE INDEX x ON applications (country)",
        "ALTER TABLE domain_checks DROP CONSTRAINT domain_checks_what_known,
            ADD CONSTRAINT domain_checks_what_known CHECK (what IN ('dns', 'web', 'website', 'facts', 'rdap', 'x')) NOT VALID",
    ] {
        assert_eq!(after(statement).await, [""; 0], "{statement}");
    }
}

/// Returns the faults of a statement after all migrations.
async fn after(statement: &'static str) -> Vec<String> {
    let options = database::fresh_options().await;
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let before = Schema::read(&mut connection).await;
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    before.faults(&Schema::read(&mut connection).await)
}

#[tokio::test]
async fn email_of_a_later_release_waits_for_a_site_of_it() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    for statement in [
        "ALTER TABLE outbox DROP CONSTRAINT outbox_purpose_known",
        "UPDATE outbox SET purpose = 'invitation' WHERE purpose = 'arrival'",
    ] {
        sqlx::query(statement).execute(&site.pool).await.unwrap();
    }
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent],
        "it delays no other email"
    );
    let untouched = "SELECT count(*) FROM outbox WHERE purpose = 'invitation' AND claims = 0 AND due_at <= now()";
    let untouched: i64 = sqlx::query_scalar(untouched).fetch_one(&site.pool).await.unwrap();
    assert_eq!(untouched, 1);
}
