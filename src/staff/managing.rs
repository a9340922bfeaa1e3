//! Changes of accounts: by commands on the server, and by administrators at the desk.

use sqlx::PgConnection;
use thiserror::Error;

use super::Role;
use super::accounts::address_key;
use super::emails::{AccountNews, DeskEmails};
use super::log::{Outcome, add_line};
use crate::database::Pool;
use crate::values::{EmailAddress, text};

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
    /// Only an administrator who is enabled manages staff at the desk.
    #[error("You are not an administrator any more")]
    NotPermitted,
    /// The state of the account does not allow it.
    #[error("{0}")]
    State(&'static str),
    /// An email could not be rendered.
    #[error(transparent)]
    Email(anyhow::Error),
    /// The database is unavailable.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A change of an account. It counts from the next request of its owner on.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// Gives it another role.
    Role(Role),
    /// Gives it another address, and signs it out everywhere.
    Address(EmailAddress),
    /// Disables it, and signs it out everywhere. What this person decided stays.
    Disable,
    /// Enables it. The person has to sign in again.
    Enable,
    /// Empties name and address of a disabled account.
    Forget,
    /// Signs it out everywhere.
    EndSessions,
    /// Removes the authenticator app, and signs it out everywhere.
    ResetSecondFactor,
}

impl AccountChange {
    /// Returns the name in the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Address(_) => "address",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Forget => "forget",
            Self::EndSessions => "end-sessions",
            Self::ResetSecondFactor => "reset-second-factor",
        }
    }

    /// Returns whether it leaves somebody who was an administrator without the right to manage staff.
    fn takes_rights(&self) -> bool {
        match self {
            Self::Role(role) => *role < Role::Administrator,
            Self::Disable => true,
            _ => false,
        }
    }

    /// Returns what the owner is told.
    fn news(&self) -> Option<AccountNews> {
        match self {
            Self::Role(role) => Some(AccountNews::Role(*role)),
            Self::Address(address) => Some(AccountNews::Address(address.clone())),
            Self::ResetSecondFactor => Some(AccountNews::SecondFactorReset),
            Self::Disable | Self::Enable | Self::Forget | Self::EndSessions => None,
        }
    }
}

/// Somebody who manages accounts.
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    /// The database.
    pub pool: &'a Pool,
    /// Writes to the owners of accounts.
    pub emails: &'a DeskEmails,
    /// The administrator at the desk; `None` for a command on the server.
    pub administrator: Option<i64>,
}

/// An account as a change finds it.
struct Found {
    id: i64,
    role: String,
    address: String,
    is_disabled: bool,
}

impl Manager<'_> {
    /// Adds an account.
    ///
    /// # Errors
    /// Returns an error if the name or the address cannot be used.
    pub async fn add(&self, name: &str, address: &EmailAddress, role: Role) -> Result<(), NotDone> {
        let name = text::line(name, 1, 200).map_err(|_| NotDone::Name)?;
        let mut transaction = self.pool.transaction().await?;
        self.lock_administrators(&mut transaction).await?;
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
        self.log(&mut transaction, "add", id).await?;
        Ok(transaction.end().await?)
    }

    /// Changes an account. An email tells the owner of a new role, a new address, or a removed app.
    ///
    /// # Errors
    /// Returns an error if there is no such account, or if nobody could manage staff any more.
    pub async fn change(&self, id: i64, change: &AccountChange) -> Result<(), NotDone> {
        let mut transaction = self.pool.transaction().await?;
        self.lock_administrators(&mut transaction).await?;
        let found = lock(&mut transaction, id).await?;
        if change.takes_rights() {
            require_another_administrator(&mut transaction, &found).await?;
        }
        apply(&mut transaction, &found, change).await?;
        if let Some(news) = change.news() {
            self.tell(&mut transaction, &found, &news).await?;
        }
        self.log(&mut transaction, change.name(), id).await?;
        Ok(transaction.end().await?)
    }

    /// Writes to the address of the account, and to the new one if it changes.
    async fn tell(&self, connection: &mut PgConnection, found: &Found, news: &AccountNews) -> Result<(), NotDone> {
        let mut addresses = vec![found.address.clone()];
        if let AccountNews::Address(address) = news {
            addresses.push(address.to_string());
        }
        for address in addresses.iter().filter(|address| !address.is_empty()) {
            let queued = self.emails.queue_news(connection, address, news).await;
            queued.map_err(NotDone::Email)?;
        }
        Ok(())
    }

    /// Locks the accounts of all administrators, so that two of them cannot disable each other at once. The one who acts at the
    /// desk must still be one of them.
    async fn lock_administrators(&self, connection: &mut PgConnection) -> Result<(), NotDone> {
        let enabled = sqlx::query!(
            r#"SELECT id, disabled_at IS NULL AS "is_enabled!" FROM staff WHERE role = 'administrator'
            ORDER BY id FOR NO KEY UPDATE"#
        )
        .fetch_all(connection)
        .await?;
        let may = |id: i64| enabled.iter().any(|row| row.id == id && row.is_enabled);
        match self.administrator {
            Some(id) if !may(id) => Err(NotDone::NotPermitted),
            _ => Ok(()),
        }
    }

    async fn log(&self, connection: &mut PgConnection, action: &str, id: i64) -> sqlx::Result<()> {
        let subject = id.to_string();
        add_line(connection, self.administrator, action, Some(&subject), Outcome::Done).await
    }
}

async fn lock(connection: &mut PgConnection, id: i64) -> Result<Found, NotDone> {
    let found = sqlx::query_as!(
        Found,
        r#"SELECT id, role, address, disabled_at IS NOT NULL AS "is_disabled!" FROM staff WHERE id = $1 FOR NO KEY UPDATE"#,
        id
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

async fn apply(connection: &mut PgConnection, found: &Found, change: &AccountChange) -> Result<(), NotDone> {
    let id = found.id;
    let changing = match change {
        AccountChange::Role(role) => sqlx::query!("UPDATE staff SET role = $2 WHERE id = $1", id, role.name()),
        AccountChange::Address(address) => {
            end_all(connection, id).await?;
            return set_address(connection, found, address).await;
        }
        AccountChange::Disable => {
            end_all(connection, id).await?;
            sqlx::query!(
                "UPDATE staff SET disabled_at = coalesce(disabled_at, now()) WHERE id = $1",
                id
            )
        }
        AccountChange::Enable if found.address.is_empty() => {
            return Err(NotDone::State("A forgotten account cannot be enabled. Add it again"));
        }
        AccountChange::Enable => sqlx::query!("UPDATE staff SET disabled_at = NULL WHERE id = $1", id),
        AccountChange::Forget if !found.is_disabled => {
            return Err(NotDone::State("Disable the account first, then forget it"));
        }
        AccountChange::Forget => sqlx::query!(
            "UPDATE staff SET name = '', address = '', address_key = 'forgotten-' || id, former_addresses = '{}',
                second_factor = NULL WHERE id = $1",
            id
        ),
        AccountChange::EndSessions => return Ok(end_all(connection, id).await?),
        AccountChange::ResetSecondFactor => {
            end_all(connection, id).await?;
            sqlx::query!(
                "UPDATE staff SET second_factor = NULL, second_factor_step = 0 WHERE id = $1",
                id
            )
        }
    };
    changing.execute(connection).await?;
    Ok(())
}

async fn set_address(connection: &mut PgConnection, found: &Found, address: &EmailAddress) -> Result<(), NotDone> {
    if found.address.is_empty() {
        return Err(NotDone::State("A forgotten account has no address. Add it again"));
    }
    let changed = sqlx::query!(
        "UPDATE staff SET address = $2, address_key = $3, former_addresses = former_addresses || address
        WHERE id = $1 AND NOT EXISTS (SELECT FROM staff WHERE address_key = $3 AND id <> $1)",
        found.id,
        address.to_string(),
        address_key(address)
    )
    .execute(connection)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(NotDone::Exists);
    }
    Ok(())
}

/// Ends every session and every sign-in of an account.
pub(super) async fn end_all(connection: &mut PgConnection, id: i64) -> sqlx::Result<()> {
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
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE second_steps SET used_at = now() WHERE staff_id = $1 AND used_at IS NULL",
        id
    )
    .execute(connection)
    .await
    .map(drop)
}
