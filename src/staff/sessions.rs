//! Sessions: who is signed in. A session ends after eight idle hours, after 72 hours in all (12 for people who decide), at
//! sign-out, and when the account is disabled.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::log::{Outcome, add_line};
use super::second_factor::{SecondFactorRule, use_code};
use super::tokens::{Known, Token};
use super::{StaffMember, StoredMember};
use crate::database::Pool;

/// A session that is valid now.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id in the database.
    pub(super) id: i64,
    /// Who is signed in, with the present role.
    pub member: StaffMember,
    /// Whether this person proved who they are in the last 15 minutes.
    pub is_fresh: bool,
    /// Whether the account has an authenticator app, which can prove it again.
    pub has_app: bool,
}

impl Session {
    /// Locks the account, then the session. Returns whether the session is still open.
    pub(super) async fn lock(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        sqlx::query!("SELECT id FROM staff WHERE id = $1 FOR NO KEY UPDATE", self.member.id)
            .fetch_optional(&mut *connection)
            .await?;
        let open = sqlx::query!(
            "SELECT id FROM desk_sessions WHERE id = $1 AND ended_at IS NULL FOR UPDATE",
            self.id
        )
        .fetch_optional(connection)
        .await?;
        Ok(open.is_some())
    }
}

/// What became of a code that proves again who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// It was right.
    Yes,
    /// It was wrong.
    No,
    /// It was the fifth wrong one, which ended the session.
    Ended,
}

/// A session of a member, for its owner.
#[derive(Clone, Debug)]
pub struct OwnSession {
    /// Its id in the database.
    pub id: i64,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub seen_at: OffsetDateTime,
    /// Whether this request belongs to it.
    pub is_this: bool,
}

/// Somebody who has just signed in.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The token of the session.
    pub session: Token,
    /// Identifies the browser next time.
    pub known: Known,
}

/// Lets a member in who is enabled, and logs that.
pub(super) async fn enter(
    connection: &mut PgConnection,
    staff_id: i64,
    has_second_factor: bool,
) -> sqlx::Result<Option<Entered>> {
    let Some(session) = start(connection, staff_id, has_second_factor).await? else {
        return Ok(None);
    };
    add_line(connection, Some(staff_id), "sign-in", None, Outcome::Done).await?;
    let key = sqlx::query_scalar!("SELECT key FROM site_key")
        .fetch_one(connection)
        .await?;
    let known = Known::new(&key, staff_id);
    Ok(Some(Entered { session, known }))
}

/// Starts a session of a member who is enabled. Returns its token.
async fn start(connection: &mut PgConnection, staff_id: i64, has_second_factor: bool) -> sqlx::Result<Option<Token>> {
    let token = Token::random();
    let started = sqlx::query!(
        "INSERT INTO desk_sessions (token_hash, staff_id, has_second_factor)
        SELECT $1, id, $3 FROM staff WHERE id = $2 AND disabled_at IS NULL",
        token.hash(),
        staff_id,
        has_second_factor
    )
    .execute(connection)
    .await?;
    Ok((started.rows_affected() > 0).then_some(token))
}

/// Returns the session with this token if it is valid, and notes once a minute that it is in use.
///
/// A session from a time when the clock was ahead is not valid, nor is one without a second factor that the rule asks for.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn session(
    connection: &mut PgConnection,
    token: &Token,
    second_factor: SecondFactorRule,
) -> sqlx::Result<Option<Session>> {
    let row = sqlx::query!(
        r#"SELECT valid_sessions.id AS "id!", staff_id AS "staff_id!", name, address, former_addresses, role,
            has_second_factor AS "has_second_factor!", second_factor IS NOT NULL AS "has_app!",
            seen_at < now() - interval '1 minute' AS "is_note_due!",
            confirmed_at BETWEEN now() - interval '15 minutes' AND now() + interval '1 minute' AS "is_fresh!"
        FROM valid_sessions JOIN staff ON staff.id = staff_id WHERE token_hash = $1"#,
        token.hash()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let member = StaffMember::try_from(StoredMember {
        id: row.staff_id,
        name: row.name,
        address: row.address,
        former_addresses: row.former_addresses,
        role: row.role,
    })?;
    if second_factor.asks(member.role, row.has_app) && !row.has_second_factor {
        return Ok(None);
    }
    if row.is_note_due {
        sqlx::query!("UPDATE desk_sessions SET seen_at = now() WHERE id = $1", row.id)
            .execute(connection)
            .await?;
    }
    Ok(Some(Session {
        id: row.id,
        member,
        is_fresh: row.is_fresh,
        has_app: row.has_app,
    }))
}

/// Proves again who is signed in, with a code of the authenticator app. Five wrong codes end the session.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn confirm(pool: &Pool, session: &Session, typed: &str) -> sqlx::Result<Confirmed> {
    let mut transaction = pool.transaction().await?;
    if !session.lock(&mut transaction).await? {
        return Ok(Confirmed::Ended);
    }
    let is_right = use_code(&mut transaction, session.member.id, typed).await?;
    let is_ended = sqlx::query_scalar!(
        r#"UPDATE desk_sessions SET
            confirmed_at = CASE WHEN $2 THEN now() ELSE confirmed_at END,
            confirm_tries = CASE WHEN $2 THEN 0 ELSE confirm_tries + 1 END,
            ended_at = CASE WHEN NOT $2 AND confirm_tries >= 4 THEN now() END
        WHERE id = $1 AND ended_at IS NULL RETURNING ended_at IS NOT NULL AS "it!""#,
        session.id,
        is_right
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.end().await?;
    Ok(match is_ended {
        Some(false) if is_right => Confirmed::Yes,
        Some(false) => Confirmed::No,
        Some(true) | None => Confirmed::Ended,
    })
}

/// Lists the valid sessions of the member, the last used one first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn own_sessions(executor: impl PgExecutor<'_>, session: &Session) -> sqlx::Result<Vec<OwnSession>> {
    sqlx::query_as!(
        OwnSession,
        r#"SELECT id AS "id!", created_at AS "created_at!", seen_at AS "seen_at!", id = $2 AS "is_this!"
        FROM valid_sessions WHERE staff_id = $1 ORDER BY seen_at DESC, id DESC"#,
        session.member.id,
        session.id
    )
    .fetch_all(executor)
    .await
}

/// Ends other sessions of the member: the one with this id, or all.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn end_others(pool: &Pool, session: &Session, id: Option<i64>) -> sqlx::Result<()> {
    let mut transaction = pool.transaction().await?;
    session.lock(&mut transaction).await?;
    sqlx::query!(
        "UPDATE desk_sessions SET ended_at = now()
        WHERE staff_id = $1 AND id <> $2 AND ($3::bigint IS NULL OR id = $3) AND ended_at IS NULL",
        session.member.id,
        session.id,
        id
    )
    .execute(&mut *transaction)
    .await?;
    end_second_steps(&mut transaction, session).await?;
    let id = Some(session.member.id);
    add_line(&mut transaction, id, "end-own-sessions", None, Outcome::Done).await?;
    transaction.end().await
}

/// Ends a session.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn end_session(connection: &mut PgConnection, session: &Session) -> sqlx::Result<()> {
    session.lock(connection).await?;
    sqlx::query!("UPDATE desk_sessions SET ended_at = now() WHERE id = $1", session.id)
        .execute(&mut *connection)
        .await?;
    end_second_steps(connection, session).await?;
    add_line(connection, Some(session.member.id), "sign-out", None, Outcome::Done).await
}

/// Ends the second steps of the member, so that a session that is ended leaves no way back.
async fn end_second_steps(connection: &mut PgConnection, session: &Session) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE second_steps SET used_at = now() WHERE staff_id = $1 AND used_at IS NULL",
        session.member.id
    )
    .execute(connection)
    .await
    .map(drop)
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
