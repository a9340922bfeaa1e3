//! Rate limits of sign-in, counted in the database for all instances. Keys are keyed hashes, so the table tells nobody who
//! asked.

use std::net::IpAddr;

use sqlx::PgConnection;

use super::tokens::keyed;

/// Sign-in emails to one address in [`WINDOW_MINUTES`].
pub(super) const EMAILS: i64 = 3;

/// Requests of one network in [`WINDOW_MINUTES`]. A committee may meet behind one.
pub(super) const REQUESTS: i64 = 30;

/// The time in which requests are counted, in minutes.
const WINDOW_MINUTES: i32 = 15;

/// Takes the site's key and locks it until the transaction ends, so that requests are counted one after the other.
pub(super) async fn lock_key(connection: &mut PgConnection) -> sqlx::Result<Vec<u8>> {
    sqlx::query_scalar!("SELECT key FROM site_key FOR UPDATE")
        .fetch_one(connection)
        .await
}

/// Counts a request, and returns whether the limit allows it. A request over the limit does not count.
pub(super) async fn allows(connection: &mut PgConnection, key: &[u8], most: i64) -> sqlx::Result<bool> {
    let counted = sqlx::query!(
        "INSERT INTO sign_in_limits (key, minute, requests)
        SELECT $1, date_trunc('minute', now()), 1
        WHERE $2 > (SELECT coalesce(sum(requests), 0) FROM sign_in_limits WHERE key = $1
            AND minute > now() - make_interval(mins => $3) AND minute <= now())
        ON CONFLICT ON CONSTRAINT sign_in_limits_pkey DO UPDATE SET requests = sign_in_limits.requests + 1",
        key,
        most,
        WINDOW_MINUTES
    )
    .execute(connection)
    .await?;
    Ok(counted.rows_affected() > 0)
}

/// Returns what the requests of a client's network are counted by: an IPv4 address, or an IPv6 /64.
pub(super) fn of_network(key: &[u8], client: Option<IpAddr>) -> Vec<u8> {
    let network = client.map_or_else(|| "unknown".to_owned(), |client| network(client).to_string());
    keyed(key, "network", &network)
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(prefix.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
