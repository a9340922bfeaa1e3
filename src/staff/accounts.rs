//! Accounts. A row stays when somebody leaves, because decisions name it.

use serde::Serialize;
use sqlx::{PgConnection, PgExecutor};
use thiserror::Error;
use time::OffsetDateTime;

use super::log::log_shell;
use super::{Role, StaffMember};
use crate::database::Pool;
use crate::values::EmailAddress;
use crate::values::text;

/// An account, for administrators.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
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
    /// How many sessions are open.
    pub sessions: i64,
}

/// Why an account was not changed.
#[derive(Debug, Error)]
pub enum NotDone {
    /// The name is empty or too long.
    #[error("A name has 1 to 200 characters")]
    Name,
    /// Nobody has this address.
    #[error("No account has this address; see npoc staff list")]
    Unknown,
    /// Somebody has this address.
    #[error("There is an account with this address; see npoc staff list")]
    Exists,
    /// Nobody could manage staff any more.
    #[error("This is the last administrator who can sign in. Make somebody else an administrator first")]
    LastAdministrator,
    /// Only a disabled account can be forgotten, or the account is disabled.
    #[error("{0}")]
    State(&'static str),
    /// The database is unavailable.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An account as a change finds it.
struct Found {
    id: i64,
    role: String,
    is_disabled: bool,
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
    let rows = sqlx::query!("SELECT id, name, address, role FROM staff WHERE disabled_at IS NULL ORDER BY name, id")
        .fetch_all(executor)
        .await?;
    let members = rows.into_iter().filter_map(|row| {
        let role = Role::parse(&row.role)?;
        Some(StaffMember {
            id: row.id,
            name: row.name,
            address: super::address(&row.address).ok()?,
            role,
        })
    });
    Ok(members.collect())
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

/// Returns the id of the account with this address, enabled or not.
///
/// # Errors
/// Returns an error if there is no such account.
pub async fn id_of(executor: impl PgExecutor<'_>, address: &EmailAddress) -> Result<i64, NotDone> {
    let id = sqlx::query_scalar!("SELECT id FROM staff WHERE address_key = $1", address_key(address))
        .fetch_optional(executor)
        .await?;
    id.ok_or(NotDone::Unknown)
}

/// Lists all accounts, in the order in which they were added.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn list(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT name, address, role, added_at, disabled_at, (
            SELECT count(*) FROM desk_sessions WHERE staff_id = staff.id AND ended_at IS NULL
                AND seen_at > now() - interval '8 hours') AS "sessions!"
        FROM staff ORDER BY id"#
    )
    .fetch_all(executor)
    .await
}

/// Adds an account.
///
/// # Errors
/// Returns an error if the name or the address cannot be used.
pub async fn add(pool: &Pool, name: &str, address: &EmailAddress, role: Role) -> Result<(), NotDone> {
    let name = text::line(name, 1, 200).map_err(|_| NotDone::Name)?;
    let mut transaction = pool.transaction().await?;
    let added = sqlx::query_scalar!(
        "INSERT INTO staff (name, address, address_key, role) VALUES ($1, $2, $3, $4)
        ON CONFLICT ON CONSTRAINT staff_address_key_unique DO NOTHING RETURNING id",
        name,
        address.to_string(),
        address_key(address),
        role.name()
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let id = added.ok_or(NotDone::Exists)?;
    log_shell(&mut transaction, "add", id).await?;
    Ok(transaction.end().await?)
}

/// Changes the role of an account, which counts from its next request on.
///
/// # Errors
/// Returns an error if there is no such account, or if nobody could manage staff any more.
pub async fn set_role(pool: &Pool, address: &EmailAddress, role: Role) -> Result<(), NotDone> {
    let mut transaction = pool.transaction().await?;
    let found = lock(&mut transaction, address).await?;
    if role < Role::Administrator {
        require_another_administrator(&mut transaction, &found).await?;
    }
    sqlx::query!("UPDATE staff SET role = $2 WHERE id = $1", found.id, role.name())
        .execute(&mut *transaction)
        .await?;
    log_shell(&mut transaction, "role", found.id).await?;
    Ok(transaction.end().await?)
}

/// Disables an account, and ends its sessions and requests to sign in. What this person decided stays.
///
/// # Errors
/// Returns an error if there is no such account, or if nobody could manage staff any more.
pub async fn disable(pool: &Pool, address: &EmailAddress) -> Result<(), NotDone> {
    let mut transaction = pool.transaction().await?;
    let found = lock(&mut transaction, address).await?;
    require_another_administrator(&mut transaction, &found).await?;
    sqlx::query!(
        "UPDATE staff SET disabled_at = coalesce(disabled_at, now()) WHERE id = $1",
        found.id
    )
    .execute(&mut *transaction)
    .await?;
    end_all(&mut transaction, found.id).await?;
    log_shell(&mut transaction, "disable", found.id).await?;
    Ok(transaction.end().await?)
}

/// Enables an account again. The person has to sign in again.
///
/// # Errors
/// Returns an error if there is no such account.
pub async fn enable(pool: &Pool, address: &EmailAddress) -> Result<(), NotDone> {
    let mut transaction = pool.transaction().await?;
    let found = lock(&mut transaction, address).await?;
    sqlx::query!("UPDATE staff SET disabled_at = NULL WHERE id = $1", found.id)
        .execute(&mut *transaction)
        .await?;
    log_shell(&mut transaction, "enable", found.id).await?;
    Ok(transaction.end().await?)
}

/// Empties name and address of a disabled account.
///
/// # Errors
/// Returns an error if there is no such account, or if it is enabled.
pub async fn forget(pool: &Pool, address: &EmailAddress) -> Result<(), NotDone> {
    let mut transaction = pool.transaction().await?;
    let found = lock(&mut transaction, address).await?;
    if !found.is_disabled {
        return Err(NotDone::State("Disable the account first: npoc staff disable ADDRESS"));
    }
    sqlx::query!(
        "UPDATE staff SET name = '', address = '', address_key = 'forgotten-' || id WHERE id = $1",
        found.id
    )
    .execute(&mut *transaction)
    .await?;
    log_shell(&mut transaction, "forget", found.id).await?;
    Ok(transaction.end().await?)
}

/// Ends every session and every request to sign in of an account.
///
/// # Errors
/// Returns an error if there is no such account.
pub async fn end_sessions(pool: &Pool, address: &EmailAddress) -> Result<(), NotDone> {
    let mut transaction = pool.transaction().await?;
    let found = lock(&mut transaction, address).await?;
    end_all(&mut transaction, found.id).await?;
    log_shell(&mut transaction, "end-sessions", found.id).await?;
    Ok(transaction.end().await?)
}

async fn end_all(connection: &mut PgConnection, id: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE desk_sessions SET ended_at = now() WHERE staff_id = $1 AND ended_at IS NULL",
        id
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE sign_in_requests SET used_at = now() WHERE staff_id = $1 AND used_at IS NULL",
        id
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Locks the accounts of all administrators and this one, so that two administrators cannot disable each other at once.
async fn lock(connection: &mut PgConnection, address: &EmailAddress) -> Result<Found, NotDone> {
    sqlx::query!("SELECT id FROM staff WHERE role = 'administrator' ORDER BY id FOR UPDATE")
        .fetch_all(&mut *connection)
        .await?;
    let found = sqlx::query_as!(
        Found,
        r#"SELECT id, role, disabled_at IS NOT NULL AS "is_disabled!" FROM staff WHERE address_key = $1 FOR UPDATE"#,
        address_key(address)
    )
    .fetch_optional(connection)
    .await?;
    found.ok_or(NotDone::Unknown)
}

async fn require_another_administrator(connection: &mut PgConnection, found: &Found) -> Result<(), NotDone> {
    if found.role != Role::Administrator.name() || found.is_disabled {
        return Ok(());
    }
    let is_another = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM staff WHERE role = 'administrator' AND disabled_at IS NULL AND id <> $1) AS "it!""#,
        found.id
    )
    .fetch_one(connection)
    .await?;
    if is_another {
        Ok(())
    } else {
        Err(NotDone::LastAdministrator)
    }
}

/// Returns what an account is found by: the mailbox in lower case, and the domain in ASCII. Dots count: elsewhere they
/// tell two people apart.
pub(super) fn address_key(address: &EmailAddress) -> String {
    format!("{}@{}", address.mailbox(), address.domain().ascii()).to_ascii_lowercase()
}
