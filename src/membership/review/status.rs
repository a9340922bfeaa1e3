//! Where an application stands, as its applicant may know: no names, and none of the answers.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Actor;
use super::course::Course;
use super::loading::{Key, find};
use super::states::ChangeKind;
use crate::locale::Language;
use crate::outbox::{self, Confirmation};

/// What the page of an application shows to its applicant.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The reference to quote.
    pub reference: String,
    /// The language of the page.
    pub language: Language,
    /// Where it stands.
    pub course: Course,
    /// NPOC's last question.
    pub question: Option<String>,
    /// The reason of NPOC's last decision.
    pub reason: Option<String>,
    /// Whether an email to the applicant came back.
    pub has_bounced: bool,
    /// What happened, oldest first, by the name of the event.
    pub events: Vec<(OffsetDateTime, String)>,
    now: OffsetDateTime,
}

impl Standing {
    /// Returns whether the applicant can make a kind of change now.
    #[must_use]
    pub fn allows(&self, kind: ChangeKind) -> bool {
        self.course.allows(kind, Actor::Applicant, self.now).is_ok()
    }

    /// Returns whether a proof of the domain name makes sense.
    #[must_use]
    pub fn takes_proof(&self) -> bool {
        self.course.state.takes_proof()
    }
}

/// Returns where the application with this secret stands, if there is one.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn standing(connection: &mut PgConnection, secret: Uuid) -> sqlx::Result<Option<Standing>> {
    let Some(found) = find(&mut *connection, Key::Secret(secret)).await? else {
        return Ok(None);
    };
    let words = sqlx::query!(
        r#"SELECT (SELECT body FROM entries WHERE reference = $1 AND kind = 'question' AND is_shared
                ORDER BY id DESC LIMIT 1) AS question,
            (SELECT body FROM entries WHERE reference = $1 AND kind = 'reason' AND is_shared
                ORDER BY id DESC LIMIT 1) AS reason"#,
        found.reference
    )
    .fetch_one(&mut *connection)
    .await?;
    let confirmation = outbox::confirmation(&mut *connection, &found.reference, &found.representative).await?;
    let events = super::super::history(&mut *connection, &found.reference).await?;
    Ok(Some(Standing {
        reference: found.reference,
        language: found.language,
        course: found.course,
        question: words.question,
        reason: words.reason,
        has_bounced: confirmation == Confirmation::Bounced,
        events,
        now: found.now,
    }))
}
