//! What the registry tells about a domain name, and the list of registries, which is renewed once a week.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::Duration;
use url::Url;

use crate::database::Pool;
use crate::outbound::Outbound;
use crate::outbound::rdap::{Bootstrap, Registration, RegistryAnswer};
use crate::values::DomainName;

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

/// What became of a question to a registry.
pub(super) enum Asked {
    /// A fact to store.
    Fact(RegistryFact),
    /// No answer: the time until the next try.
    Later(Duration),
    /// The server was asked a moment ago: the time until it may be asked.
    NotYet(Duration),
}

/// The shortest and the longest pause after no answer.
const PAUSE: (Duration, Duration) = (Duration::minutes(1), Duration::hours(24));

/// The distance between two questions to one server.
const DISTANCE: Duration = Duration::seconds(10);

/// Asks the registry of a domain name, and the registrar that the registry names.
pub(super) async fn ask(pool: &Pool, outbound: &Outbound, domain: &DomainName, attempts: i32) -> sqlx::Result<Asked> {
    let mut session = pool.session().await?;
    let bootstrap = bootstrap(&mut session).await?;
    session.end().await?;
    let registered = domain.registered_ascii();
    // A name below that of a host of pages is in no registry.
    let server = bootstrap.server_of(registered).filter(|_| !domain.is_hosted());
    let Some(server) = server else {
        return Ok(Asked::Fact(RegistryFact::NotOffered));
    };
    if let Some(pause) = reserve(pool, &server).await? {
        return Ok(Asked::NotYet(pause));
    }
    Ok(match outbound.registration(&server, registered).await {
        RegistryAnswer::Registration(found) => {
            let found = completed(pool, outbound, *found, &server, registered).await?;
            Asked::Fact(RegistryFact::Registration(Box::new(found)))
        }
        RegistryAnswer::NotFound => Asked::Fact(RegistryFact::NotFound),
        RegistryAnswer::None(retry_after) => {
            let pause = Duration::seconds(retry_after.map_or(0, i64::from)).clamp(PAUSE.0, PAUSE.1);
            spare(pool, &server, pause).await?;
            if attempts + 1 < TRIES {
                Asked::Later(pause)
            } else {
                Asked::Fact(RegistryFact::NoAnswer)
            }
        }
    })
}

/// Adds what the registrar tells, if it may be asked now. It may tell nothing.
async fn completed(
    pool: &Pool,
    outbound: &Outbound,
    found: Registration,
    server: &Url,
    registered: &str,
) -> sqlx::Result<Registration> {
    let related = found.related.as_deref().and_then(|url| Url::parse(url).ok());
    let Some(url) = related.filter(|url| url.host_str() != server.host_str()) else {
        return Ok(found);
    };
    if reserve(pool, &url).await?.is_some() {
        return Ok(found);
    }
    Ok(match outbound.registration_at(&url, registered).await {
        RegistryAnswer::Registration(more) => found.merged(*more),
        RegistryAnswer::None(Some(retry_after)) => {
            spare(pool, &url, Duration::seconds(retry_after.into()).min(PAUSE.1)).await?;
            found
        }
        _ => found,
    })
}

/// Reserves a question to a server. Returns the time until it may be asked, if that is not now.
async fn reserve(pool: &Pool, server: &Url) -> sqlx::Result<Option<Duration>> {
    let host = server.host_str().unwrap_or_default();
    let mut session = pool.session().await?;
    let reserved = sqlx::query!(
        "INSERT INTO rdap_servers (host, not_before) VALUES ($1, now() + make_interval(secs => $2))
        ON CONFLICT (host) DO UPDATE SET not_before = excluded.not_before
            WHERE rdap_servers.not_before NOT BETWEEN now() AND now() + interval '25 hours'",
        host,
        DISTANCE.as_seconds_f64()
    )
    .execute(&mut *session)
    .await?;
    let pause = if reserved.rows_affected() > 0 {
        None
    } else {
        sqlx::query_scalar!(
            r#"SELECT extract(epoch FROM not_before - now())::float8 AS "seconds!" FROM rdap_servers WHERE host = $1"#,
            host
        )
        .fetch_optional(&mut *session)
        .await?
    };
    session.end().await?;
    Ok(pause.map(|seconds| Duration::seconds_f64(seconds).max(Duration::SECOND)))
}

/// Leaves a server alone for a time, since it asked for that or does not answer.
async fn spare(pool: &Pool, server: &Url, pause: Duration) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    sqlx::query!(
        "UPDATE rdap_servers SET not_before = now() + make_interval(secs => $2) WHERE host = $1",
        server.host_str().unwrap_or_default(),
        pause.as_seconds_f64()
    )
    .execute(&mut *session)
    .await?;
    session.end().await
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
    let new = outbound.new_bootstrap().await;
    let mut session = pool.session().await?;
    // A list that lost most of its servers is damaged.
    let Some((new, file)) = new.filter(|(new, _)| new.count() * 2 >= Bootstrap::built_in().count()) else {
        tracing::info!("list of registries not renewed; the old one goes on");
        sqlx::query!("UPDATE rdap_bootstrap SET tried_at = now() - interval '6 days'")
            .execute(&mut *session)
            .await?;
        return session.end().await;
    };
    sqlx::query!("UPDATE rdap_bootstrap SET file = $1", file)
        .execute(&mut *session)
        .await?;
    tracing::info!(publication = %new.publication(), "list of registries renewed");
    session.end().await
}
