//! What the registry tells about a domain name, and the list of registries, which is renewed once a week.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::database::Pool;
use crate::outbound::Outbound;
use crate::outbound::rdap::{Bootstrap, Registration, RegistryAnswer};

/// Tries of one question. Then the answer is that there is none.
const TRIES: i32 = 2;

/// What a registry tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryFact {
    /// The registration.
    Registration(Box<Registration>),
    /// The registry offers no RDAP.
    NotOffered,
    /// The registry knows no such name.
    NotFound,
    /// There was no answer.
    NoAnswer,
}

/// A fact to store, or the seconds after which to ask again.
pub(super) enum Asked {
    Fact(RegistryFact),
    Later(i64),
}

/// The shortest and the longest pause before the second try, in seconds.
const PAUSE: (i64, i64) = (60, 24 * 60 * 60);

/// Asks the registry of a registered name.
pub(super) async fn ask(outbound: &Outbound, bootstrap: &Bootstrap, registered: &str, attempts: i32) -> Asked {
    Asked::Fact(match outbound.registration(bootstrap, registered).await {
        RegistryAnswer::Registration(found) => RegistryFact::Registration(found),
        RegistryAnswer::NotOffered => RegistryFact::NotOffered,
        RegistryAnswer::NotFound => RegistryFact::NotFound,
        RegistryAnswer::None(pause) if attempts + 1 < TRIES => {
            return Asked::Later(pause.map_or(0, i64::from).clamp(PAUSE.0, PAUSE.1));
        }
        RegistryAnswer::None(_) => RegistryFact::NoAnswer,
    })
}

/// Returns the newest list of registries.
pub(super) async fn bootstrap(connection: &mut PgConnection) -> sqlx::Result<Bootstrap> {
    let file = sqlx::query_scalar!("SELECT file FROM rdap_bootstrap")
        .fetch_optional(connection)
        .await?;
    let built_in = Bootstrap::built_in();
    let stored = file.flatten().and_then(|file| Bootstrap::parse(file.as_bytes()).ok());
    Ok(match stored {
        Some(stored) if stored.publication() >= built_in.publication() => stored,
        _ => built_in,
    })
}

/// Renews the list if the last try is a week old. An old list goes on if the new one cannot be fetched.
pub(super) async fn renew_bootstrap(pool: &Pool, outbound: &Outbound) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    let due = sqlx::query!(
        "INSERT INTO rdap_bootstrap (tried_at) VALUES (now())
        ON CONFLICT (is_only_row) DO UPDATE SET tried_at = now()
            WHERE rdap_bootstrap.tried_at NOT BETWEEN now() - interval '7 days' AND now() + interval '1 hour'"
    )
    .execute(&mut *session)
    .await?;
    session.end().await?;
    if due.rows_affected() == 0 {
        return Ok(());
    }
    let Some((new, file)) = outbound.new_bootstrap().await else {
        tracing::info!("list of registries not renewed; the old one goes on");
        return Ok(());
    };
    let mut session = pool.session().await?;
    sqlx::query!("UPDATE rdap_bootstrap SET file = $1", file)
        .execute(&mut *session)
        .await?;
    tracing::info!(publication = %new.publication(), "list of registries renewed");
    session.end().await
}
