//! How often a member of the staff receives the digest, and for whom it is due.

use sqlx::{PgConnection, PgExecutor};

use super::{StaffMember, StoredMember};
use crate::database::Pool;

/// How often a digest is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestEvery {
    /// Never.
    None,
    /// Once a day, by UTC.
    Daily,
    /// Once a week, which begins on Monday.
    Weekly,
}

impl DigestEvery {
    /// All, the rarest first.
    pub const ALL: [Self; 3] = [Self::None, Self::Weekly, Self::Daily];

    /// Returns the name in the database and in the form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|every| every.name() == name)
    }
}

/// Returns how often a member receives the digest.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn digest_of(executor: impl PgExecutor<'_>, staff_id: i64) -> sqlx::Result<DigestEvery> {
    let name = sqlx::query_scalar!("SELECT digest FROM staff WHERE id = $1", staff_id)
        .fetch_one(executor)
        .await?;
    Ok(DigestEvery::parse(&name).unwrap_or(DigestEvery::None))
}

/// Sets how often a member receives the digest.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn set_digest(pool: &Pool, staff_id: i64, every: DigestEvery) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    sqlx::query!("UPDATE staff SET digest = $2 WHERE id = $1", staff_id, every.name())
        .execute(&mut *session)
        .await?;
    session.end().await
}

/// Returns the ids of the members who have not had this day's or this week's digest. A date that is ahead comes from a clock
/// that was, and does not count.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn due_for_digest(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT id FROM staff
        WHERE disabled_at IS NULL AND digest <> 'none' AND (digest_on IS NULL
            OR digest_on < date_trunc(CASE digest WHEN 'daily' THEN 'day' ELSE 'week' END, now() AT TIME ZONE 'UTC')::date
            OR digest_on > (now() AT TIME ZONE 'UTC')::date)
        ORDER BY id"
    )
    .fetch_all(executor)
    .await
}

/// Records that the digest of today is queued for a member, and returns the member; `None` if another instance did so.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn claim_digest(connection: &mut PgConnection, id: i64) -> sqlx::Result<Option<StaffMember>> {
    let row = sqlx::query_as!(
        StoredMember,
        "UPDATE staff SET digest_on = (now() AT TIME ZONE 'UTC')::date
        WHERE id = $1 AND disabled_at IS NULL AND digest_on IS DISTINCT FROM (now() AT TIME ZONE 'UTC')::date
        RETURNING id, name, address, former_addresses, role",
        id
    )
    .fetch_optional(connection)
    .await?;
    row.map(StaffMember::try_from).transpose()
}
