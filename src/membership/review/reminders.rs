//! Reminders of a question that the applicant has not answered, and the lapse after them. The applicant gets two reminders,
//! half-way and three days before the last day. The application lapses only if both were sent, neither came back, and staff
//! were told seven days before. Time is that of the database, and only while the clocks are trusted.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::course::{Course, end_of};
use super::emails::{reminder_words, to_applicant, to_thread};
use super::loading::{Found, Key, find, lock};
use super::states::ReviewState;
use super::storing::{Review, change_locked};
use super::{Actor, Change, NotChanged};
use crate::clock::Trust;
use crate::database::Pool;
use crate::mailer::Email;
use crate::membership::words::THREAD_LAPSES;
use crate::outbox::{self, Outbox};

/// How long before the last day the second reminder goes out.
const SECOND_REMINDER: Duration = Duration::days(3);

/// How long before the lapse the second reminder was sent and staff were told.
const NOTICE: Duration = Duration::days(7);

/// The applications that are read at a time.
const BATCH: i64 = 200;

/// An email of the process, as far as it got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    is_queued: bool,
    sent_at: Option<OffsetDateTime>,
    has_bounced: bool,
}

impl Progress {
    fn has_arrived(self) -> bool {
        self.sent_at.is_some() && !self.has_bounced
    }

    fn is_older_than(self, age: Duration, now: OffsetDateTime) -> bool {
        self.has_arrived() && self.sent_at.is_some_and(|at| now - at >= age)
    }
}

/// The next step of an unanswered question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    FirstReminder,
    SecondReminder,
    NoticeToStaff,
    Lapse,
}

impl Step {
    /// The steps with an email, in their order.
    const WITH_EMAIL: [Self; 3] = [Self::FirstReminder, Self::SecondReminder, Self::NoticeToStaff];

    fn name(self) -> &'static str {
        match self {
            Self::FirstReminder => "reminder-1",
            Self::SecondReminder => "reminder-2",
            Self::NoticeToStaff => "lapse-notice",
            Self::Lapse => "lapse",
        }
    }

    /// Returns the next step, if it is due.
    fn next(course: &Course, now: OffsetDateTime, [first, second, notice]: [Progress; 3]) -> Option<Self> {
        let end = end_of(course.answer_until.filter(|_| course.state == ReviewState::Asked)?);
        let half = course.state_since + (end - course.state_since) / 2;
        let is_lapsing =
            now >= end && first.has_arrived() && second.is_older_than(NOTICE, now) && notice.is_older_than(NOTICE, now);
        if !first.is_queued {
            (now >= half).then_some(Self::FirstReminder)
        } else if !second.is_queued {
            (first.has_arrived() && now >= end - SECOND_REMINDER).then_some(Self::SecondReminder)
        } else if !notice.is_queued {
            second.has_arrived().then_some(Self::NoticeToStaff)
        } else {
            is_lapsing.then_some(Self::Lapse)
        }
    }
}

/// Takes the next step of every unanswered question that has one. Returns the number of steps.
///
/// # Errors
/// Returns an error if the database is unavailable or an email cannot be rendered.
pub async fn remind_and_lapse(pool: &Pool, outbox: &Outbox, review: &Review) -> anyhow::Result<u64> {
    let mut session = pool.session().await?;
    let is_trusted = outbox.clock().check(&mut session).await?.trust == Trust::Steady;
    session.end().await?;
    if !is_trusted {
        return Ok(0);
    }
    let (mut steps, mut last) = (0, 0);
    loop {
        let batch = unanswered(pool, last).await?;
        let Some((id, _)) = batch.last() else { break };
        last = *id;
        for (_, reference) in batch {
            steps += u64::from(step_of(pool, review, &reference).await);
        }
    }
    if steps > 0 {
        outbox.wake();
    }
    Ok(steps)
}

/// Returns the next applications with an unanswered question whose time is half over, at least, with their ids.
async fn unanswered(pool: &Pool, after: i64) -> sqlx::Result<Vec<(i64, String)>> {
    let mut session = pool.session().await?;
    let rows = sqlx::query!(
        "SELECT id, reference FROM applications WHERE state = 'asked' AND answer_until IS NOT NULL AND id > $2
            AND now() - state_since > ((answer_until + 1)::timestamp AT TIME ZONE 'UTC' - state_since) / 2
        ORDER BY id LIMIT $1",
        BATCH,
        after
    )
    .fetch_all(&mut *session)
    .await?;
    session.end().await?;
    Ok(rows.into_iter().map(|row| (row.id, row.reference)).collect())
}

/// Takes the next step of one application. Its failure does not stop the others.
async fn step_of(pool: &Pool, review: &Review, reference: &str) -> bool {
    take_step(pool, review, reference).await.unwrap_or_else(|error| {
        tracing::error!(reference, %error, "no step for an unanswered question, retrying");
        false
    })
}

async fn take_step(pool: &Pool, review: &Review, reference: &str) -> Result<bool, NotChanged> {
    let mut transaction = pool.transaction().await?;
    let Some(reference) = lock(&mut transaction, Key::Reference(reference)).await? else {
        return Ok(false);
    };
    let found = find(&mut *transaction, Key::Reference(&reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    let sent = sent(&mut transaction, review, &found).await?;
    let Some(step) = Step::next(&found.course, found.now, sent) else {
        return Ok(false);
    };
    match email(&mut transaction, review, &found, step).await? {
        Some(email) => outbox::queue(&mut transaction, [email]).await?,
        None => change_locked(&mut transaction, review, &found, &Change::Lapse, Actor::Site).await?,
    }
    transaction.end().await?;
    tracing::info!(reference, step = step.name(), "unanswered question");
    Ok(true)
}

/// Returns how far each email about the present question got.
async fn sent(connection: &mut PgConnection, review: &Review, found: &Found) -> sqlx::Result<[Progress; 3]> {
    let version = asked_version(connection, found).await?;
    let ids = Step::WITH_EMAIL.map(|step| message_id(review, found, version, step));
    let rows = sqlx::query!(
        r#"SELECT message_id, sent_at, bounced_at IS NOT NULL OR given_up_at IS NOT NULL AS "has_bounced!"
        FROM outbox WHERE reference = $1 AND message_id = ANY ($2)"#,
        found.reference,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(ids.map(|id| {
        let row = rows.iter().find(|row| row.message_id == id);
        Progress {
            is_queued: row.is_some(),
            sent_at: row.and_then(|row| row.sent_at),
            has_bounced: row.is_some_and(|row| row.has_bounced),
        }
    }))
}

/// Renders the email of a step; `None` for the lapse, which has those of a change.
async fn email(
    connection: &mut PgConnection,
    review: &Review,
    found: &Found,
    step: Step,
) -> Result<Option<Email>, NotChanged> {
    let id = format!("{}.{}", asked_version(connection, found).await?, step.name());
    Ok(match step {
        Step::FirstReminder | Step::SecondReminder => {
            let question = question(connection, &found.reference).await?;
            let words = reminder_words(&found.course, &question, found.language);
            let page = &review.identity.page_url(found.secret);
            Some(to_applicant(&review.identity, found, &id, &words, page)?)
        }
        Step::NoticeToStaff => Some(to_thread(&review.identity, found, &id, None, THREAD_LAPSES)?),
        Step::Lapse => None,
    })
}

async fn question(connection: &mut PgConnection, reference: &str) -> sqlx::Result<String> {
    sqlx::query_scalar!(
        "SELECT body FROM entries WHERE reference = $1 AND kind = 'question' ORDER BY id DESC LIMIT 1",
        reference
    )
    .fetch_one(connection)
    .await
}

/// Returns the version of the application when the question was asked. Corrections since then repeat no reminder.
async fn asked_version(connection: &mut PgConnection, found: &Found) -> sqlx::Result<i32> {
    let corrected = sqlx::query_scalar!(
        r#"SELECT count(*)::integer AS "count!" FROM application_history
        WHERE reference = $1 AND event = 'corrected' AND happened_at > $2"#,
        found.reference,
        found.course.state_since
    )
    .fetch_one(connection)
    .await?;
    Ok(found.course.version - corrected)
}

fn message_id(review: &Review, found: &Found, version: i32, step: Step) -> String {
    let to = if step == Step::NoticeToStaff {
        "staff"
    } else {
        "applicant"
    };
    let id = format!("{version}.{}.{to}", step.name());
    review.identity.message_id(&found.reference, &id)
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    const ASKED: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

    fn asked() -> Course {
        Course {
            state: ReviewState::Asked,
            state_since: ASKED,
            version: 2,
            review_until: None,
            answer_until: Some(date!(2026 - 11 - 30)),
            appeal_until: None,
            appealed_at: None,
            decided_by: None,
            appeal_decided_by: None,
            dismissed_as: None,
            region_set: None,
            withdrawals: 0,
            withdrawn_from: None,
            is_ncsg_member: true,
            objections: Vec::new(),
            is_unanimous: false,
            has_member_domain: false,
        }
    }

    fn sent(at: OffsetDateTime) -> Progress {
        Progress {
            is_queued: true,
            sent_at: Some(at),
            has_bounced: false,
        }
    }

    #[test]
    fn an_application_lapses_only_after_two_reminders_and_a_notice_arrived() {
        let none = Progress::default();
        let queued = Progress {
            is_queued: true,
            ..none
        };
        let [half, late, over] = [
            datetime!(2026-11-16 12:00 UTC),
            datetime!(2026-11-28 12:00 UTC),
            datetime!(2026-12-08 12:00 UTC),
        ];
        let (first, second) = (sent(half), sent(late));
        let bounced = |sent| Progress {
            has_bounced: true,
            ..sent
        };
        for (now, emails, step) in [
            (half - Duration::hours(1), [none; 3], None),
            (half, [none; 3], Some(Step::FirstReminder)),
            (over, [none; 3], Some(Step::FirstReminder)),
            // The relay is away.
            (over, [queued, none, none], None),
            (late - Duration::hours(1), [first, none, none], None),
            (late, [first, none, none], Some(Step::SecondReminder)),
            (over, [bounced(first), none, none], None),
            (over, [first, queued, none], None),
            (over, [first, bounced(second), none], None),
            (late, [first, second, none], Some(Step::NoticeToStaff)),
            (over, [first, second, queued], None),
            (over, [first, second, sent(late)], Some(Step::Lapse)),
            (over, [first, bounced(second), sent(late)], None),
            (over, [bounced(first), second, sent(late)], None),
            (
                late + Duration::days(7) - Duration::seconds(1),
                [first, second, sent(late)],
                None,
            ),
            (over, [first, sent(over - Duration::days(6)), sent(late)], None),
            (over, [first, second, sent(over - Duration::days(6))], None),
        ] {
            assert_eq!(Step::next(&asked(), now, emails), step, "{now} {emails:?}");
        }
        let answered = Course {
            state: ReviewState::InReview,
            ..asked()
        };
        assert_eq!(Step::next(&answered, over, [first, second, sent(late)]), None);
        // A day that somebody chose far away moves everything.
        let later = Course {
            answer_until: Some(date!(2027 - 03 - 01)),
            ..asked()
        };
        assert_eq!(Step::next(&later, over, [first, second, sent(late)]), None);
    }
}
