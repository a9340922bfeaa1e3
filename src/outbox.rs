//! Mail that is owed, and its delivery: at least once, visibly once. Knows nothing of membership.
//!
//! Letters are owed by the statement that stores what they tell of (`membership::submit`), through
//! [`Columns`]. A worker claims one by moving its due time forward, talks to the mail server with
//! no transaction open, and notes the outcome. If it dies in between, the mail becomes due again
//! by itself and goes out with the same Message-ID.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use rand::RngExt as _;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::database::Pool;
use crate::mailer::{Failure, Letter, Mailer};
use crate::values::EmailAddress;

/// Deliveries at the same time in one process: one slow server delays no other mail.
const WORKERS: usize = 4;

/// How long a worker may hold a mail before another may take it. Longer than [`SENDING_LIMIT`].
const LEASE: Duration = Duration::from_mins(3);

/// How long one try may take before it counts as failed.
const SENDING_LIMIT: Duration = Duration::from_mins(2);

/// How often the table is looked at when nobody says that something is owed.
const POLL: Duration = Duration::from_secs(5);

/// The wait after each failed try, before jitter: five seconds, ten, a minute, five, fifteen, an
/// hour, three, six, then every twelve hours, six times: 82 hours in all, so at least 74 with the
/// shortest jitter. Afterwards a mail is given up, or tried on at the last pace if a refusal is
/// not final for it.
const WAITS: [Duration; 14] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
];

/// Each wait is lengthened or shortened by up to this part, so that many mails that failed
/// together do not come back together.
const JITTER: f64 = 0.1;

/// Letters as the columns that an `INSERT … SELECT unnest(…)` takes.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the columns of the outbox, which the migration explains")]
pub struct Columns {
    pub message_ids: Vec<String>,
    pub references: Vec<Option<String>>,
    pub recipients: Vec<String>,
    pub replies_to: Vec<Option<String>>,
    pub subjects: Vec<String>,
    pub texts: Vec<String>,
    pub htmls: Vec<String>,
    pub refusals_are_final: Vec<bool>,
}

impl Columns {
    /// Turns letters into columns.
    #[must_use]
    pub fn of(letters: impl IntoIterator<Item = Letter>) -> Self {
        let mut columns = Self::default();
        for letter in letters {
            columns.message_ids.push(letter.message_id);
            columns.references.push(letter.reference);
            columns.recipients.push(letter.recipient.to_wire().to_string());
            columns
                .replies_to
                .push(letter.reply_to.map(|address| address.to_wire().to_string()));
            columns.subjects.push(letter.subject);
            columns.texts.push(letter.text);
            columns.htmls.push(letter.html);
            columns.refusals_are_final.push(letter.refusal_is_final);
        }
        columns
    }
}

/// What became of one step of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A mail was sent.
    Sent,
    /// A mail failed and will be tried again.
    Later,
    /// A mail failed for good; its row stays and is counted.
    GivenUp,
    /// No mail is due.
    Nothing,
}

/// The table of owed mail with those who empty it.
#[derive(Debug)]
pub struct Outbox {
    pool: Pool,
    mailer: Mailer,
    staff: EmailAddress,
    owed: Notify,
    sending_limit: Duration,
}

struct Claim {
    id: i64,
    attempts: i32,
    claims: i32,
    owed_at: OffsetDateTime,
    letter: Letter,
}

/// Tells staff of a mail that was given up, since whoever it was for has heard nothing.
#[derive(Template)]
#[template(path = "letters/given_up.txt")]
struct GivenUpText<'a>(&'a Claim, &'a Failure);

#[derive(Template)]
#[template(path = "letters/given_up.html")]
struct GivenUpHtml<'a>(&'a Claim, &'a Failure);

impl Outbox {
    /// An outbox in this database, emptied through this mailer. Staff are told of what is given up.
    #[must_use]
    pub fn new(pool: Pool, mailer: Mailer, staff: EmailAddress) -> Self {
        Self {
            pool,
            mailer,
            staff,
            owed: Notify::new(),
            sending_limit: SENDING_LIMIT,
        }
    }

    /// With another limit for one try.
    #[must_use]
    pub fn with_sending_limit(self, sending_limit: Duration) -> Self {
        Self { sending_limit, ..self }
    }

    /// Says that something is owed now, so that nobody waits for the next look at the table.
    pub fn wake(&self) {
        self.owed.notify_one();
    }

    /// Delivers until told to stop, then finishes what was begun.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(Arc::clone(&self).work(stop.clone()));
        }
        while let Some(ended) = workers.join_next().await {
            // Sending has a task of its own, so this is a fault that the whole process must not outlive unseen.
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
    }

    async fn work(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.deliver_next().await {
                Ok(Step::Sent | Step::Later | Step::GivenUp) => {}
                Ok(Step::Nothing) => self.rest(&mut stop).await,
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                    self.rest(&mut stop).await;
                }
            }
        }
    }

    async fn rest(&self, stop: &mut watch::Receiver<bool>) {
        tokio::select! {
            () = self.owed.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stop.changed() => {}
        }
    }

    /// Claims the mail that has been due longest, sends it, notes the outcome.
    ///
    /// # Errors
    /// The database's. A mail that was claimed becomes due again by itself.
    pub async fn deliver_next(&self) -> sqlx::Result<Step> {
        let Some(claim) = self.claim().await? else {
            return Ok(Step::Nothing);
        };
        // There may be more: another worker looks while this one talks.
        self.wake();
        let outcome = self.send(&claim).await;
        self.note(&claim, outcome).await
    }

    async fn claim(&self) -> sqlx::Result<Option<Claim>> {
        let mut session = self.pool.session().await?;
        let row = sqlx::query!(
            r#"UPDATE outbox SET attempts = attempts + 1, claims = claims + 1,
                due_at = now() + make_interval(secs => $1), leased_until = now() + make_interval(secs => $1)
            WHERE id = (
                SELECT id FROM outbox
                WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()
                ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, attempts, claims, owed_at, message_id, reference, recipient, reply_to, subject,
                body_text, body_html, refusal_is_final"#,
            LEASE.as_secs_f64()
        )
        .fetch_optional(&mut *session)
        .await?;
        session.end().await?;
        let Some(row) = row else { return Ok(None) };
        let address =
            |text: &str| EmailAddress::parse(text).map_err(|fault| sqlx::Error::Decode(format!("{fault:?}").into()));
        Ok(Some(Claim {
            id: row.id,
            attempts: row.attempts,
            claims: row.claims,
            owed_at: row.owed_at,
            letter: Letter {
                message_id: row.message_id,
                reference: row.reference,
                recipient: address(&row.recipient)?,
                reply_to: row.reply_to.as_deref().map(address).transpose()?,
                subject: row.subject,
                text: row.body_text,
                html: row.body_html,
                refusal_is_final: row.refusal_is_final,
            },
        }))
    }

    /// In a task of its own, so that a panic is a failed try and not the end of the worker.
    async fn send(&self, claim: &Claim) -> Result<(), Failure> {
        let (mailer, letter, owed_at) = (self.mailer.clone(), claim.letter.clone(), claim.owed_at);
        let sending = tokio::spawn(async move { mailer.send(&letter, owed_at).await });
        let abort = sending.abort_handle();
        match tokio::time::timeout(self.sending_limit, sending).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::temporary("sending panicked")),
            Err(_) => {
                abort.abort();
                Err(Failure::temporary("sending took too long"))
            }
        }
    }

    async fn note(&self, claim: &Claim, outcome: Result<(), Failure>) -> sqlx::Result<Step> {
        let Err(failure) = outcome else {
            self.note_sent(claim).await?;
            tracing::info!(
                message_id = claim.letter.message_id,
                attempt = claim.attempts,
                "mail sent"
            );
            return Ok(Step::Sent);
        };
        let wait = wait_after(claim.attempts, &failure, claim.letter.refusal_is_final);
        tracing::warn!(
            message_id = claim.letter.message_id,
            attempt = claim.attempts,
            code = failure.code,
            again_in_seconds = wait.map(|wait| wait.as_secs()),
            "mail not sent"
        );
        if failure.is_refusal && !claim.letter.refusal_is_final {
            tracing::error!(
                message_id = claim.letter.message_id,
                code = failure.code,
                "mail to staff is refused; see NPOC_STAFF_EMAIL and the relay"
            );
        }
        match wait {
            Some(wait) => self
                .note_later(claim, wait, &failure.reason)
                .await
                .map(|()| Step::Later),
            None => self.note_given_up(claim, &failure).await.map(|()| Step::GivenUp),
        }
    }

    /// Whoever holds the lease by now: it was sent.
    async fn note_sent(&self, claim: &Claim) -> sqlx::Result<()> {
        let mut session = self.pool.session().await?;
        sqlx::query!(
            "UPDATE outbox SET sent_at = now(), leased_until = NULL, given_up_at = NULL, last_error = NULL WHERE id = $1 AND sent_at IS NULL",
            claim.id
        )
        .execute(&mut *session)
        .await?;
        session.end().await
    }

    async fn note_later(&self, claim: &Claim, wait: Duration, reason: &str) -> sqlx::Result<()> {
        let mut session = self.pool.session().await?;
        sqlx::query!(
            "UPDATE outbox SET due_at = now() + make_interval(secs => $3), leased_until = NULL, last_error = $4
             WHERE id = $1 AND claims = $2 AND sent_at IS NULL",
            claim.id,
            claim.claims,
            wait.as_secs_f64(),
            reason
        )
        .execute(&mut *session)
        .await?;
        session.end().await
    }

    /// In one statement with the letter that tells staff, so that no mail is given up in silence.
    async fn note_given_up(&self, claim: &Claim, failure: &Failure) -> sqlx::Result<()> {
        let mut session = self.pool.session().await?;
        let told = Columns::of([self.given_up(claim, failure)?]);
        sqlx::query!(
            "WITH given_up AS (
                UPDATE outbox SET given_up_at = now(), leased_until = NULL, last_error = $3
                WHERE id = $1 AND claims = $2 AND sent_at IS NULL
                RETURNING reference
            )
            INSERT INTO outbox (message_id, reference, recipient, subject, body_text, body_html, refusal_is_final)
            SELECT told.message_id, reference, told.recipient, told.subject, told.body_text, told.body_html, false
            FROM given_up, unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                AS told (message_id, recipient, subject, body_text, body_html)",
            claim.id,
            claim.claims,
            failure.reason,
            &told.message_ids,
            &told.recipients,
            &told.subjects,
            &told.texts,
            &told.htmls
        )
        .execute(&mut *session)
        .await?;
        session.end().await
    }

    fn given_up(&self, claim: &Claim, failure: &Failure) -> sqlx::Result<Letter> {
        let unrendered = |error: askama::Error| sqlx::Error::Encode(error.into());
        let about = claim.letter.reference.as_deref().unwrap_or_default();
        Ok(Letter {
            // Given up again after an operator's retry is told again.
            message_id: claim
                .letter
                .message_id
                .replacen('@', &format!(".given-up-{}@", claim.claims), 1),
            reference: claim.letter.reference.clone(),
            recipient: self.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] A mail could not be delivered {about}"),
            text: GivenUpText(claim, failure).render().map_err(unrendered)?,
            html: GivenUpHtml(claim, failure).render().map_err(unrendered)?,
            refusal_is_final: false,
        })
    }
}

/// When to try again after the `attempts`-th try failed; `None`: no more.
fn wait_after(attempts: i32, failure: &Failure, refusal_is_final: bool) -> Option<Duration> {
    if failure.is_refusal && refusal_is_final {
        return None;
    }
    let tried = usize::try_from(attempts).unwrap_or_default().saturating_sub(1);
    let wait = WAITS
        .get(tried)
        .or_else(|| WAITS.last().filter(|_| !refusal_is_final))?;
    Some(wait.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER)))
}

/// A mail that was not sent, for those who look after it. Holds no address of an applicant.
#[derive(Debug)]
pub struct Unsent {
    /// The outbox's own number.
    pub id: i64,
    /// What it is about.
    pub reference: Option<String>,
    /// Its Message-ID.
    pub message_id: String,
    /// Since when it is owed.
    pub owed_at: OffsetDateTime,
    /// When it is tried next.
    pub due_at: OffsetDateTime,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was given up, if it was.
    pub given_up_at: Option<OffsetDateTime>,
    /// What the last try ended with.
    pub last_error: Option<String>,
}

/// Every mail that waits or was given up, oldest first.
///
/// # Errors
/// The database's.
pub async fn unsent(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<Unsent>> {
    sqlx::query_as!(
        Unsent,
        "SELECT id, reference, message_id, owed_at, due_at, attempts, given_up_at, last_error
         FROM outbox WHERE sent_at IS NULL ORDER BY id"
    )
    .fetch_all(executor)
    .await
}

/// How mail stands now.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Mails that are to be sent, or sent again.
    pub waiting: i64,
    /// Mails that are not tried any more.
    pub given_up: i64,
    /// Since when the oldest of those that wait is owed.
    pub oldest_owed_at: Option<OffsetDateTime>,
    /// For how long, by the database's clock; zero where none waits.
    pub oldest_waits: time::Duration,
}

/// How mail stands now. Costs what waits, not what was sent.
///
/// # Errors
/// The database's.
pub async fn standing(pool: &Pool) -> sqlx::Result<Standing> {
    let mut session = pool.session().await?;
    let row = sqlx::query!(
        r#"SELECT waiting.count AS "waiting!", given_up.count AS "given_up!", waiting.oldest AS oldest_owed_at,
            coalesce(extract(epoch FROM now() - waiting.oldest), 0)::double precision AS "oldest_waits!"
        FROM (SELECT count(*), min(owed_at) AS oldest FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL) waiting,
            (SELECT count(*) FROM outbox WHERE given_up_at IS NOT NULL) given_up"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok(Standing {
        waiting: row.waiting,
        given_up: row.given_up,
        oldest_owed_at: row.oldest_owed_at,
        oldest_waits: time::Duration::seconds_f64(row.oldest_waits),
    })
}

/// How many mails about something were sent in a span of time, its end not included; notices that
/// one was given up are not counted.
///
/// # Errors
/// The database's.
pub async fn mailed(executor: impl PgExecutor<'_>, from: OffsetDateTime, to: OffsetDateTime) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM outbox WHERE sent_at >= $1 AND sent_at < $2
            AND reference IS NOT NULL AND message_id NOT LIKE '%.given-up-%'"#,
        from,
        to
    )
    .fetch_one(executor)
    .await
}

/// Makes unsent mail due now, given up or not, with its schedule begun anew: that of one
/// reference, or all. What a worker is sending at this moment is left to it. Returns how many.
///
/// # Errors
/// The database's.
pub async fn retry(executor: impl PgExecutor<'_>, reference: Option<&str>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE outbox SET due_at = now(), attempts = 0, given_up_at = NULL
         WHERE sent_at IS NULL AND (leased_until IS NULL OR leased_until < now())
           AND ($1::text IS NULL OR reference = upper($1))",
        reference
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(waits: impl Iterator<Item = f64>) -> f64 {
        waits.sum::<f64>() / 3600.0
    }

    #[test]
    fn a_mail_is_tried_for_at_least_72_hours() {
        assert!(total(WAITS.iter().map(|wait| wait.as_secs_f64() * (1.0 - JITTER))) >= 72.0);
    }

    #[test]
    fn a_refusal_is_final_for_an_applicant_and_never_for_staff() {
        let refusal = Failure {
            is_refusal: true,
            code: Some(550),
            reason: String::new(),
        };
        let outage = Failure::temporary("down");
        assert_eq!(wait_after(1, &refusal, true), None);
        assert!(wait_after(1, &refusal, false).is_some());
        assert_eq!(wait_after(15, &outage, true), None);
        assert!(wait_after(1000, &outage, false).is_some_and(|wait| wait >= Duration::from_hours(10)));
    }
}
