//! Mail that is owed, and its delivery: at least once, visibly once. Knows nothing of membership.
//!
//! Emails are owed by the statement that stores what they tell of (`membership::Intake`), through
//! [`Columns`]. A worker claims one by moving its due time forward, talks to the mail server with
//! no transaction open, and notes the outcome. If it dies in between, the mail becomes due again
//! by itself and goes out with the same Message-ID.

mod schedule;
mod status;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::database::{Pool, within};
use crate::mailer::{Email, Failure, Mailer};
use crate::values::EmailAddress;
use schedule::wait_after;
pub use status::{EmailStatus, QueueStats, about, mailed, retry, standing, unsent};

/// Deliveries at the same time in one process: one slow server delays no other mail.
const WORKERS: usize = 4;

/// How long a worker may hold a mail before another may take it. Longer than [`SENDING_LIMIT`].
const LEASE: Duration = Duration::from_mins(3);

/// How long one try may take before it counts as failed.
const SENDING_LIMIT: Duration = Duration::from_mins(2);

/// How long the database may take over a claim or a note, so that a network that swallows its answer ends no worker.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// How often the table is looked at when nobody says that something is owed.
const POLL: Duration = Duration::from_secs(5);

/// How long a worker gives way before its next mail while applications are being stored.
const BREATH: Duration = Duration::from_millis(50);

/// Emails as the columns that an `INSERT … SELECT unnest(…)` takes.
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
    pub are_held: Vec<bool>,
}

impl Columns {
    /// Turns emails into columns.
    #[must_use]
    pub fn of(emails: impl IntoIterator<Item = Email>) -> Self {
        let mut columns = Self::default();
        columns.extend(emails);
        columns
    }
}

impl Extend<Email> for Columns {
    fn extend<T: IntoIterator<Item = Email>>(&mut self, emails: T) {
        for email in emails {
            let reply_to = email.reply_to.map(|address| address.to_wire().to_string());
            self.message_ids.push(email.message_id);
            self.references.push(email.reference);
            self.recipients.push(email.recipient.to_wire().to_string());
            self.replies_to.push(reply_to);
            self.subjects.push(email.subject);
            self.texts.push(email.text);
            self.htmls.push(email.html);
            self.refusals_are_final.push(email.refusal_is_final);
            self.are_held.push(email.is_held);
        }
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
    precedence: Precedence,
    sending_limit: Duration,
}

/// Of what comes before delivery for as long as this is held. Nothing is in it: it counts its holders.
#[derive(Clone, Debug, Default)]
pub struct Precedence(Arc<()>);

impl Precedence {
    /// Whether anybody holds it beside the outbox itself.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

struct Claim {
    id: i64,
    attempts: i32,
    claims: i32,
    owed_at: OffsetDateTime,
    email: Email,
}

/// Tells staff of a mail that was given up, since whoever it was for has heard nothing.
#[derive(Template)]
#[template(path = "emails/given_up.txt")]
struct GivenUpText<'a>(&'a Claim, &'a Failure);

#[derive(Template)]
#[template(path = "emails/given_up.html")]
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
            precedence: Precedence::default(),
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

    /// For whoever stores what somebody waits for: meanwhile delivery goes on slowly.
    #[must_use]
    pub fn precedence(&self) -> Precedence {
        self.precedence.clone()
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
            if self.precedence.is_held() {
                // What is owed is safe, and somebody waits for a receipt.
                tokio::select! { () = tokio::time::sleep(BREATH) => {}, _ = stop.changed() => return }
            }
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
        let Some(claim) = within(DATABASE_LIMIT, self.claim()).await? else {
            return Ok(Step::Nothing);
        };
        // There may be more: another worker looks while this one talks.
        self.wake();
        let outcome = self.send(&claim).await;
        within(DATABASE_LIMIT, self.note(&claim, outcome)).await
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
            email: Email {
                message_id: row.message_id,
                reference: row.reference,
                recipient: address(&row.recipient)?,
                reply_to: row.reply_to.as_deref().map(address).transpose()?,
                subject: row.subject,
                text: row.body_text,
                html: row.body_html,
                refusal_is_final: row.refusal_is_final,
                is_held: false,
            },
        }))
    }

    /// In a task of its own, so that a panic is a failed try and not the end of the worker.
    async fn send(&self, claim: &Claim) -> Result<(), Failure> {
        let (mailer, email, owed_at) = (self.mailer.clone(), claim.email.clone(), claim.owed_at);
        let sending = tokio::spawn(async move { mailer.send(&email, owed_at).await });
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
                message_id = claim.email.message_id,
                attempt = claim.attempts,
                "mail sent"
            );
            return Ok(Step::Sent);
        };
        let wait = wait_after(claim.attempts, &failure, claim.email.refusal_is_final);
        tracing::warn!(
            message_id = claim.email.message_id,
            attempt = claim.attempts,
            code = failure.code,
            again_in_seconds = wait.map(|wait| wait.as_secs()),
            "mail not sent"
        );
        if failure.is_refusal && !claim.email.refusal_is_final {
            tracing::error!(
                message_id = claim.email.message_id,
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

    /// In one statement with the email that tells staff, so that no mail is given up in silence.
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

    fn given_up(&self, claim: &Claim, failure: &Failure) -> sqlx::Result<Email> {
        let unrendered = |error: askama::Error| sqlx::Error::Encode(error.into());
        let about = claim.email.reference.as_deref().unwrap_or_default();
        Ok(Email {
            // Given up again after an operator's retry is told again.
            message_id: claim
                .email
                .message_id
                .replacen('@', &format!(".given-up-{}@", claim.claims), 1),
            reference: claim.email.reference.clone(),
            recipient: self.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] A mail could not be delivered {about}"),
            text: GivenUpText(claim, failure).render().map_err(unrendered)?,
            html: GivenUpHtml(claim, failure).render().map_err(unrendered)?,
            refusal_is_final: false,
            is_held: false,
        })
    }
}
