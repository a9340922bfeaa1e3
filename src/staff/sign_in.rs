//! Sign-in by an emailed link and code, both bound to the browser that asked.

use std::net::IpAddr;

use sqlx::PgConnection;

use super::accounts::address_key;
use super::emails::DeskEmails;
use super::limits::{self, allows, lock_key, of_network};
use super::log::{Outcome, add_line};
use super::managing::NotDone;
use super::second_factor::SecondFactorRule;
use super::second_step::begin_if_due;
use super::sessions::{Entered, delete_ended, enter};
use super::tokens::{Code, Known, Token, keyed};
use crate::database::Pool;
use crate::outbox::queue_expiring;
use crate::values::EmailAddress;

/// How long a link and a code work, in minutes.
pub const SIGN_IN_MINUTES: i32 = 10;

/// A request to sign in.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// The address as typed. No email goes to it, only to the stored one.
    pub address: &'a str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The token of the browser.
    pub browser: &'a Token,
    /// Whether the browser signed in before.
    pub known: Option<Known>,
}

/// The outcome of a request. The browser does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An email is on its way.
    Sent,
    /// No account that can sign in has this address.
    Unknown,
    /// A rate limit is reached.
    Limited,
}

/// What became of a first factor.
#[derive(Clone, Debug)]
pub enum Passed {
    /// Nothing more is due.
    In(Entered),
    /// The second step has this token.
    Second(Token),
}

/// A link to sign in that works now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who signs in.
    pub name: String,
    /// Whether it works in this browser.
    pub is_for_this_browser: bool,
}

/// A member who asked.
struct Found {
    id: i64,
    address: String,
}

/// Takes a request to sign in, and queues the email to the stored address. The same statements run for every address.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn request_sign_in(pool: &Pool, emails: &DeskEmails, asking: &Asking<'_>) -> anyhow::Result<Asked> {
    let mut transaction = pool.transaction().await?;
    let key = lock_key(&mut transaction).await?;
    let address_key = EmailAddress::parse(asking.address)
        .ok()
        .map(|address| address_key(&address));
    let found = find(&mut transaction, address_key.as_deref()).await?;
    let known = own_known(&key, asking, found.as_ref());
    let network = of_network(&key, asking.client);
    // The network of a meeting cannot keep out a browser that signed in before.
    if known.is_none() && !allows(&mut transaction, &network, limits::REQUESTS).await? {
        transaction.end().await?;
        return Ok(Asked::Limited);
    }
    let counted_as = match known {
        Some(known) => keyed(&key, "browser", &known.counted_as()),
        None => keyed(&key, "address", address_key.as_deref().unwrap_or_default()),
    };
    let is_allowed = allows(&mut transaction, &counted_as, limits::EMAILS).await?;
    let found = found.filter(|_| is_allowed);
    let is_sent = found.is_some();
    send(&mut transaction, emails, asking.browser, found).await?;
    transaction.end().await?;
    Ok(match (is_sent, is_allowed) {
        (true, _) => Asked::Sent,
        (false, true) => Asked::Unknown,
        (false, false) => Asked::Limited,
    })
}

/// Returns the known browser of the person who asks. It has emails of its own, so nobody can use up those of somebody else.
fn own_known<'a>(key: &[u8], asking: &'a Asking<'_>, found: Option<&Found>) -> Option<&'a Known> {
    let is_own = |known: &&Known| found.is_some_and(|found| found.id == known.staff_id) && known.is_genuine(key);
    asking.known.as_ref().filter(is_own)
}

async fn find(connection: &mut PgConnection, address_key: Option<&str>) -> sqlx::Result<Option<Found>> {
    sqlx::query_as!(
        Found,
        "SELECT id, address FROM staff WHERE address_key = $1 AND disabled_at IS NULL",
        address_key
    )
    .fetch_optional(connection)
    .await
}

/// Stores a request and queues its email. For nobody, the statements run and change nothing.
async fn send(
    connection: &mut PgConnection,
    emails: &DeskEmails,
    browser: &Token,
    found: Option<Found>,
) -> anyhow::Result<()> {
    let (token, code) = (Token::random(), Code::random());
    sqlx::query!(
        "INSERT INTO sign_in_requests (staff_id, browser_hash, token_hash, code_hash, expires_at)
        SELECT $1, $2, $3, $4, now() + make_interval(mins => $5) WHERE $1::bigint IS NOT NULL",
        found.as_ref().map(|found| found.id),
        browser.hash(),
        token.hash(),
        code.hash(browser.as_str()),
        SIGN_IN_MINUTES
    )
    .execute(&mut *connection)
    .await?;
    let email = found
        .map(|found| emails.sign_in(&found.address, &token, &code))
        .transpose()?;
    Ok(queue_expiring(connection, email, SIGN_IN_MINUTES).await?)
}

/// Makes a link that works in any browser, for an operator to print.
///
/// # Errors
/// Returns an error if no account that can sign in has this address, or if the database is unavailable.
pub async fn shell_link(pool: &Pool, emails: &DeskEmails, address: &EmailAddress) -> Result<String, NotDone> {
    let token = Token::random();
    let mut transaction = pool.transaction().await?;
    let found = find(&mut transaction, Some(&address_key(address))).await?;
    let found = found.ok_or(NotDone::State(
        "No account that can sign in has this address; see npoc staff list",
    ))?;
    sqlx::query!(
        "INSERT INTO sign_in_requests (staff_id, token_hash, expires_at)
        VALUES ($1, $2, now() + make_interval(mins => $3))",
        found.id,
        token.hash(),
        SIGN_IN_MINUTES
    )
    .execute(&mut *transaction)
    .await?;
    let subject = found.id.to_string();
    add_line(&mut transaction, None, "sign-in-link", Some(&subject), Outcome::Done).await?;
    transaction.end().await?;
    Ok(emails.link(&token))
}

/// Returns the link with this token if it works. Changes nothing: programs that check emails open links.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn link(connection: &mut PgConnection, token: &Token, browser: Option<&Token>) -> sqlx::Result<Option<Link>> {
    sqlx::query_as!(
        Link,
        r#"SELECT name, browser_hash IS NULL OR browser_hash IS NOT DISTINCT FROM $2 AS "is_for_this_browser!"
        FROM sign_in_requests JOIN staff ON staff.id = staff_id
        WHERE token_hash = $1 AND used_at IS NULL AND tries < 5 AND expires_at BETWEEN now() AND now() + interval '1 hour' AND disabled_at IS NULL"#,
        token.hash(),
        browser.map(Token::hash)
    )
    .fetch_optional(connection)
    .await
}

/// Signs in with a link, once.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn sign_in_by_link(
    pool: &Pool,
    second_factor: SecondFactorRule,
    token: &Token,
    browser: Option<&Token>,
) -> sqlx::Result<Option<Passed>> {
    let mut transaction = pool.transaction().await?;
    lock_owners(&mut transaction, Some(token), None).await?;
    let staff_id = sqlx::query_scalar!(
        "UPDATE sign_in_requests SET used_at = now()
        WHERE token_hash = $1 AND used_at IS NULL AND tries < 5 AND expires_at BETWEEN now() AND now() + interval '1 hour'
            AND (browser_hash IS NULL OR browser_hash = $2)
        RETURNING staff_id",
        token.hash(),
        browser.map(Token::hash)
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let passed = match staff_id {
        Some(staff_id) => pass(&mut transaction, second_factor, staff_id, browser).await?,
        None => None,
    };
    if passed.is_none() {
        log_refused_link(&mut transaction, token).await?;
    }
    transaction.end().await?;
    Ok(passed)
}

/// Logs that a link was refused, if it is one.
async fn log_refused_link(connection: &mut PgConnection, token: &Token) -> sqlx::Result<()> {
    let staff_id = sqlx::query_scalar!(
        "SELECT staff_id FROM sign_in_requests WHERE token_hash = $1",
        token.hash()
    )
    .fetch_optional(&mut *connection)
    .await?;
    if staff_id.is_some() {
        add_line(connection, staff_id, "sign-in", None, Outcome::Refused).await?;
    }
    Ok(())
}

/// Signs in with a code, once. A wrong code counts as a try in every request of this browser.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn sign_in_by_code(
    pool: &Pool,
    second_factor: SecondFactorRule,
    typed: &str,
    browser: &Token,
) -> sqlx::Result<Option<Passed>> {
    let mut transaction = pool.transaction().await?;
    lock_owners(&mut transaction, None, Some(browser)).await?;
    let tried = sqlx::query!(
        r#"UPDATE sign_in_requests SET tries = tries + 1, used_at = CASE WHEN code_hash = $2 THEN now() END
        WHERE browser_hash = $1 AND used_at IS NULL AND tries < 5 AND expires_at BETWEEN now() AND now() + interval '1 hour'
        RETURNING staff_id, used_at IS NOT NULL AS "is_right!""#,
        browser.hash(),
        Code::of(typed).hash(browser.as_str())
    )
    .fetch_all(&mut *transaction)
    .await?;
    let passed = match tried.iter().find(|request| request.is_right) {
        Some(request) => pass(&mut transaction, second_factor, request.staff_id, Some(browser)).await?,
        None => None,
    };
    if let (None, Some(request)) = (&passed, tried.first()) {
        add_line(
            &mut transaction,
            Some(request.staff_id),
            "sign-in",
            None,
            Outcome::Refused,
        )
        .await?;
    }
    transaction.end().await?;
    Ok(passed)
}

/// Locks the accounts of these requests before the requests themselves, like every change of an account does.
async fn lock_owners(
    connection: &mut PgConnection,
    token: Option<&Token>,
    browser: Option<&Token>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM staff WHERE id IN (
            SELECT staff_id FROM sign_in_requests WHERE token_hash = $1 OR browser_hash = $2)
        ORDER BY id FOR SHARE",
        token.map(Token::hash),
        browser.map(Token::hash)
    )
    .fetch_all(connection)
    .await
    .map(drop)
}

/// Begins the second step or a session, and ends the other requests of this browser.
async fn pass(
    connection: &mut PgConnection,
    second_factor: SecondFactorRule,
    staff_id: i64,
    browser: Option<&Token>,
) -> sqlx::Result<Option<Passed>> {
    sqlx::query!(
        "UPDATE sign_in_requests SET used_at = now() WHERE browser_hash = $1 AND used_at IS NULL",
        browser.map(Token::hash)
    )
    .execute(&mut *connection)
    .await?;
    if let Some(step) = begin_if_due(connection, second_factor, staff_id).await? {
        return Ok(Some(Passed::Second(step)));
    }
    let entered = enter(connection, staff_id, false).await?;
    Ok(entered.map(Passed::In))
}

/// Deletes what no sign-in needs any more: old requests, second steps, sessions and counts.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn delete_expired(pool: &Pool) -> sqlx::Result<()> {
    let mut transaction = pool.transaction().await?;
    sqlx::query!("DELETE FROM sign_in_requests WHERE expires_at < now() - interval '1 day'")
        .execute(&mut *transaction)
        .await?;
    sqlx::query!(
        "DELETE FROM sign_in_limits WHERE minute NOT BETWEEN now() - interval '1 hour' AND now() + interval '1 hour'"
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!("DELETE FROM second_steps WHERE expires_at < now() - interval '1 day'")
        .execute(&mut *transaction)
        .await?;
    delete_ended(&mut *transaction).await?;
    transaction.end().await
}
