//! Sessions: who is signed in. A session ends after eight idle hours, after 72 hours in all (12 for people who decide), at
//! sign-out, and when the account is disabled.

use sqlx::{PgConnection, PgExecutor};

use super::log::{Outcome, add_line};
use super::tokens::Token;
use super::{Role, StaffMember};

/// A session that is valid now.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id in the database.
    id: i64,
    /// Who is signed in, with the present role.
    pub member: StaffMember,
}

/// Starts a session of a member who is enabled. Returns its token.
pub(super) async fn start(connection: &mut PgConnection, staff_id: i64) -> sqlx::Result<Option<Token>> {
    let token = Token::random();
    let started = sqlx::query!(
        "INSERT INTO desk_sessions (token_hash, staff_id)
        SELECT $1, id FROM staff WHERE id = $2 AND disabled_at IS NULL",
        token.hash(),
        staff_id
    )
    .execute(connection)
    .await?;
    Ok((started.rows_affected() > 0).then_some(token))
}

/// Returns the session with this token if it is valid, and notes once a minute that it is in use.
///
/// A session from a time when the clock was ahead is not valid.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn session(connection: &mut PgConnection, token: &Token) -> sqlx::Result<Option<Session>> {
    let row = sqlx::query!(
        r#"SELECT desk_sessions.id, staff_id, name, address, role, seen_at < now() - interval '1 minute' AS "is_stale!"
        FROM desk_sessions JOIN staff ON staff.id = staff_id
        WHERE token_hash = $1 AND ended_at IS NULL AND disabled_at IS NULL
            AND seen_at BETWEEN now() - interval '8 hours' AND now() + interval '1 hour'
            AND created_at > now() - CASE WHEN role IN ('decider', 'administrator')
                THEN interval '12 hours' ELSE interval '72 hours' END"#,
        token.hash()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(role) = Role::parse(&row.role) else {
        return Ok(None);
    };
    if row.is_stale {
        sqlx::query!("UPDATE desk_sessions SET seen_at = now() WHERE id = $1", row.id)
            .execute(connection)
            .await?;
    }
    let member = StaffMember {
        id: row.staff_id,
        name: row.name,
        address: super::address(&row.address)?,
        role,
    };
    Ok(Some(Session { id: row.id, member }))
}

/// Ends a session.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn end_session(connection: &mut PgConnection, session: &Session) -> sqlx::Result<()> {
    sqlx::query!("UPDATE desk_sessions SET ended_at = now() WHERE id = $1", session.id)
        .execute(&mut *connection)
        .await?;
    add_line(connection, Some(session.member.id), "sign-out", None, Outcome::Done).await
}

/// Ends the session with this token, which a new sign-in replaces.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn end_replaced(executor: impl PgExecutor<'_>, token: &Token) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE desk_sessions SET ended_at = now() WHERE token_hash = $1 AND ended_at IS NULL",
        token.hash()
    )
    .execute(executor)
    .await
    .map(drop)
}

/// Deletes sessions that ended a day ago or are too old to be valid.
pub(super) async fn delete_ended(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM desk_sessions WHERE ended_at < now() - interval '1 day' OR created_at < now() - interval '4 days'"
    )
    .execute(executor)
    .await
    .map(drop)
}
