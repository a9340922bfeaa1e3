//! Accounts. A row stays when somebody leaves, because decisions name it.

use serde::Serialize;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{Role, StaffMember, StoredMember};
use crate::values::EmailAddress;

/// An account, for administrators.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The id in the database.
    #[serde(skip)]
    pub id: i64,
    /// The name; empty once the account is forgotten.
    pub name: String,
    /// The address; empty once the account is forgotten.
    pub address: String,
    /// The role.
    pub role: String,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    pub added_at: OffsetDateTime,
    /// When it was disabled.
    #[serde(with = "time::serde::rfc3339::option")]
    pub disabled_at: Option<OffsetDateTime>,
    /// Whether an authenticator app is set up.
    pub has_second_factor: bool,
    /// How many sessions are open.
    pub sessions: i64,
}

/// Returns whether there are staff, enabled or not.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn is_any(executor: impl PgExecutor<'_>) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM staff) AS "it!""#)
        .fetch_one(executor)
        .await
}

/// Returns the members who can sign in, by name.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn enabled(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<StaffMember>> {
    let rows = sqlx::query_as!(
        StoredMember,
        "SELECT id, name, address, former_addresses, role FROM staff WHERE disabled_at IS NULL ORDER BY name, id"
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(StaffMember::try_from).collect()
}

/// Returns the members whose name and address are not erased, enabled or not, by name.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn not_forgotten(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<StaffMember>> {
    let rows = sqlx::query_as!(
        StoredMember,
        "SELECT id, name, address, former_addresses, role FROM staff WHERE address <> '' ORDER BY name, id"
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(StaffMember::try_from).collect()
}

/// Returns the present role of a member, or `None` if there is no such member or it is disabled. Neither changes until the
/// transaction ends.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn lock_enabled(connection: &mut PgConnection, id: i64) -> sqlx::Result<Option<Role>> {
    let role = sqlx::query_scalar!(
        "SELECT role FROM staff WHERE id = $1 AND disabled_at IS NULL FOR SHARE",
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(role.as_deref().and_then(Role::parse))
}

/// Locks accounts in the order of their ids, like every change of accounts does, until the transaction ends.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn lock_in_order(connection: &mut PgConnection, ids: &[Option<i64>]) -> sqlx::Result<()> {
    let ids: Vec<i64> = ids.iter().flatten().copied().collect();
    sqlx::query!("SELECT id FROM staff WHERE id = ANY ($1) ORDER BY id FOR SHARE", &ids)
        .fetch_all(connection)
        .await
        .map(drop)
}

/// Returns the id of the account with this address, enabled or not.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn id_of(executor: impl PgExecutor<'_>, address: &EmailAddress) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!("SELECT id FROM staff WHERE address_key = $1", address_key(address))
        .fetch_optional(executor)
        .await
}

/// Lists all accounts, in the order in which they were added.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn list(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT id, name, address, role, added_at, disabled_at, second_factor IS NOT NULL AS "has_second_factor!", (
            SELECT count(*) FROM valid_sessions WHERE staff_id = staff.id) AS "sessions!"
        FROM staff ORDER BY id"#
    )
    .fetch_all(executor)
    .await
}

/// Returns what an account is found by: the mailbox in lower case, and the domain in ASCII. Dots count: elsewhere they
/// tell two people apart.
pub(super) fn address_key(address: &EmailAddress) -> String {
    format!("{}@{}", address.mailbox(), address.domain().ascii()).to_ascii_lowercase()
}
