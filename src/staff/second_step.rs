//! The second step of a sign-in: the code of an authenticator app, which is set up now if there is none.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Role;
use super::emails::{AccountNews, DeskEmails};
use super::log::{Outcome, add_line};
use super::second_factor::{AppKey, SecondFactorRule, use_code};
use super::sessions::{Entered, Session, enter};
use super::tokens::Token;
use crate::database::Pool;

/// How long the second step may take, in minutes. Somebody may have to install an app.
pub const SECOND_STEP_MINUTES: i32 = 20;

/// A second step that waits for a code.
#[derive(Clone, Debug)]
pub struct SecondStep {
    /// The address of the account, as the app names it.
    pub address: String,
    /// The key to set up; `None` if the account has one.
    pub new_key: Option<AppKey>,
    /// The time by the server, from which codes are computed.
    pub now: OffsetDateTime,
}

/// Begins a second step if the rule asks this member for one. Returns its token.
pub(super) async fn begin_if_due(
    connection: &mut PgConnection,
    second_factor: SecondFactorRule,
    staff_id: i64,
) -> sqlx::Result<Option<Token>> {
    let member = sqlx::query!(
        r#"SELECT role, second_factor IS NOT NULL AS "has_one!" FROM staff WHERE id = $1 AND disabled_at IS NULL
        FOR SHARE"#,
        staff_id
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(member) = member else { return Ok(None) };
    let role = Role::parse(&member.role).unwrap_or(Role::Reader);
    if !second_factor.asks(role, member.has_one) {
        return Ok(None);
    }
    let new_key = (!member.has_one).then(AppKey::random);
    begin(connection, staff_id, new_key, None).await.map(Some)
}

/// Begins to set up another key for a member who is signed in. The old one works until the new one is set up. Returns `None`
/// if the session has ended.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn begin_new_key(pool: &Pool, session: &Session) -> sqlx::Result<Option<Token>> {
    let mut transaction = pool.transaction().await?;
    if !session.lock(&mut transaction).await? {
        return Ok(None);
    }
    let key = Some(AppKey::random());
    let token = begin(&mut transaction, session.member.id, key, Some(session)).await?;
    transaction.end().await?;
    Ok(Some(token))
}

async fn begin(
    connection: &mut PgConnection,
    staff_id: i64,
    new_key: Option<AppKey>,
    session: Option<&Session>,
) -> sqlx::Result<Token> {
    let token = Token::random();
    sqlx::query!(
        "INSERT INTO second_steps (token_hash, staff_id, new_key, session_id, expires_at)
        VALUES ($1, $2, $3, $5, now() + make_interval(mins => $4))",
        token.hash(),
        staff_id,
        new_key.as_ref().map(AppKey::octets),
        SECOND_STEP_MINUTES,
        session.map(|session| session.id)
    )
    .execute(connection)
    .await?;
    Ok(token)
}

/// Returns the second step with this token, if it waits for a code.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn second_step(connection: &mut PgConnection, token: &Token) -> sqlx::Result<Option<SecondStep>> {
    let row = sqlx::query!(
        r#"SELECT address, new_key, now() AS "now!" FROM second_steps JOIN staff ON staff.id = staff_id
        WHERE token_hash = $1 AND disabled_at IS NULL AND used_at IS NULL AND tries < 5 AND expires_at > now() AND expires_at < now() + interval '1 hour'
            AND (session_id IS NULL OR session_id IN (SELECT id FROM valid_sessions))"#,
        token.hash()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| SecondStep {
        address: row.address,
        new_key: row.new_key.map(AppKey::stored),
        now: row.now,
    }))
}

/// Signs in with a code, once. A wrong code counts as a try.
///
/// # Errors
/// Returns an error if the database is unavailable or an email cannot be rendered.
pub async fn pass_second_step(
    pool: &Pool,
    emails: &DeskEmails,
    token: &Token,
    typed: &str,
) -> anyhow::Result<Option<Entered>> {
    let mut transaction = pool.transaction().await?;
    let Some((staff_id, new_key)) = count_try(&mut transaction, token).await? else {
        return Ok(None);
    };
    let is_right = match &new_key {
        Some(key) => set_up(&mut transaction, emails, staff_id, key, typed).await?,
        None => use_code(&mut transaction, staff_id, typed).await?,
    };
    let entered = if is_right {
        end(&mut transaction, token).await?;
        enter(&mut transaction, staff_id, true).await?
    } else {
        None
    };
    transaction.end().await?;
    Ok(entered)
}

/// Counts a try. Returns the member and the key to set up. Locks the account first: whatever ends second steps does so too.
async fn count_try(connection: &mut PgConnection, token: &Token) -> sqlx::Result<Option<(i64, Option<AppKey>)>> {
    sqlx::query!(
        "SELECT id FROM staff WHERE id = (SELECT staff_id FROM second_steps WHERE token_hash = $1) FOR NO KEY UPDATE",
        token.hash()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let step = sqlx::query!(
        "UPDATE second_steps SET tries = tries + 1
        WHERE token_hash = $1 AND used_at IS NULL AND tries < 5 AND expires_at > now() AND expires_at < now() + interval '1 hour'
            AND (session_id IS NULL OR session_id IN (SELECT id FROM valid_sessions))
        RETURNING staff_id, new_key",
        token.hash()
    )
    .fetch_optional(connection)
    .await?;
    Ok(step.map(|step| (step.staff_id, step.new_key.map(AppKey::stored))))
}

/// Sets up a key with its first code, and tells the member by email. Other sessions and second steps end.
async fn set_up(
    connection: &mut PgConnection,
    emails: &DeskEmails,
    staff_id: i64,
    key: &AppKey,
    typed: &str,
) -> anyhow::Result<bool> {
    let now = sqlx::query_scalar!(r#"SELECT extract(epoch FROM clock_timestamp())::bigint AS "now!""#)
        .fetch_one(&mut *connection)
        .await?;
    let Some(period) = key.period_of(typed, now) else {
        add_line(connection, Some(staff_id), "second-factor-set", None, Outcome::Refused).await?;
        return Ok(false);
    };
    let address = sqlx::query_scalar!(
        "UPDATE staff SET second_factor = $2, second_factor_step = $3 WHERE id = $1 AND disabled_at IS NULL
        RETURNING address",
        staff_id,
        key.octets(),
        period
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(address) = address else { return Ok(false) };
    super::managing::end_all(connection, staff_id).await?;
    emails
        .queue_news(connection, &address, &AccountNews::SecondFactorSet)
        .await?;
    add_line(connection, Some(staff_id), "second-factor-set", None, Outcome::Done).await?;
    Ok(true)
}

async fn end(connection: &mut PgConnection, token: &Token) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE second_steps SET used_at = now() WHERE token_hash = $1",
        token.hash()
    )
    .execute(connection)
    .await
    .map(drop)
}
