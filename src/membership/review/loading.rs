//! Reads where an application stands, what was written about it, and what happened.

use sqlx::{PgConnection, PgExecutor};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::Dismissal;
use super::course::Course;
use super::states::ReviewState;
use crate::locale::Language;
use crate::outbox::address;
use crate::values::{Country, EmailAddress, Region};

/// How an application is found.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// By its reference, in upper or lower case: for staff.
    Reference(&'a str),
    /// By the secret of its page: for the applicant.
    Secret(Uuid),
}

/// An application as a change needs it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its reference.
    pub reference: String,
    /// The secret of its page.
    pub secret: Uuid,
    /// The language of its applicant.
    pub language: Language,
    /// The address of its representative.
    pub representative: EmailAddress,
    /// The address of the alternate, if there is one.
    pub alternate: Option<EmailAddress>,
    /// Its name, for the subject of emails to staff.
    pub organization: String,
    /// Its country, by code.
    pub country: String,
    /// Where it stands.
    pub course: Course,
    /// The present time, by the database's clock.
    pub now: OffsetDateTime,
}

impl Found {
    /// Returns the addresses that links to correct the answers may go to.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &EmailAddress> {
        std::iter::once(&self.representative).chain(&self.alternate)
    }

    /// Returns whether the country of the applicant is in this region.
    pub(super) fn is_in(&self, region: Region) -> bool {
        Country::parse(&self.country).is_ok_and(|country| country.region() == region)
    }
}

struct Row {
    reference: String,
    receipt_secret: Uuid,
    language: String,
    representative_email: String,
    alternate_email: Option<String>,
    organization_name: String,
    country: String,
    ncsg_status: String,
    state: String,
    state_since: OffsetDateTime,
    version: i32,
    review_until: Option<Date>,
    answer_until: Option<Date>,
    appeal_until: Option<Date>,
    appealed_at: Option<OffsetDateTime>,
    decided_by: Option<i64>,
    appeal_decided_by: Option<i64>,
    dismissed_as: Option<String>,
    region_set: Option<String>,
    withdrawals: i64,
    withdrawn_from: Option<String>,
    now: OffsetDateTime,
    has_member_domain: bool,
}

/// Locks an application until the transaction ends. Returns its reference.
pub(in crate::membership) async fn lock(connection: &mut PgConnection, key: Key<'_>) -> sqlx::Result<Option<String>> {
    let (reference, secret) = key.parts();
    sqlx::query_scalar!(
        "SELECT reference FROM applications WHERE reference = upper($1) OR receipt_secret = $2 FOR UPDATE",
        reference,
        secret
    )
    .fetch_optional(connection)
    .await
}

/// Returns an application and where it stands.
pub(in crate::membership) async fn find(executor: impl PgExecutor<'_>, key: Key<'_>) -> sqlx::Result<Option<Found>> {
    let (reference, secret) = key.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT reference, receipt_secret, language, representative_email, alternate_email, organization_name, country,
            ncsg_status,
            state, coalesce(state_since, received_at) AS "state_since!", version, review_until, answer_until, appeal_until,
            appealed_at, decided_by, appeal_decided_by, dismissed_as, region_set,
            withdrawn.times AS "withdrawals!", withdrawn.last_from AS withdrawn_from, now() AS "now!",
            EXISTS (SELECT FROM applications AS other WHERE other.domain_name_ascii = applications.domain_name_ascii
                AND other.state = 'accepted' AND other.reference <> applications.reference) AS "has_member_domain!"
        FROM applications, LATERAL (
            SELECT count(*) AS times, (array_agg(from_state ORDER BY id DESC))[1] AS last_from
            FROM application_history
            WHERE application_history.reference = applications.reference AND event = 'withdrawn') AS withdrawn
        WHERE reference = upper($1) OR receipt_secret = $2"#,
        reference,
        secret
    )
    .fetch_optional(executor)
    .await?;
    row.map(Found::try_from).transpose()
}

/// Returns where an application stands, by its reference, and the present time.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn find_course(
    executor: impl PgExecutor<'_>,
    reference: &str,
) -> sqlx::Result<Option<(Course, OffsetDateTime)>> {
    let found = find(executor, Key::Reference(reference)).await?;
    Ok(found.map(|found| (found.course, found.now)))
}

impl Key<'_> {
    fn parts(&self) -> (Option<&str>, Option<Uuid>) {
        match self {
            Self::Reference(reference) => (Some(reference.trim()), None),
            Self::Secret(secret) => (None, Some(*secret)),
        }
    }
}

impl TryFrom<Row> for Found {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        let course = Course {
            state: state(&row.state)?,
            state_since: row.state_since,
            version: row.version,
            review_until: row.review_until,
            answer_until: row.answer_until,
            appeal_until: row.appeal_until,
            appealed_at: row.appealed_at,
            decided_by: row.decided_by,
            appeal_decided_by: row.appeal_decided_by,
            dismissed_as: row.dismissed_as.as_deref().and_then(Dismissal::parse),
            region_set: row.region_set.as_deref().and_then(Region::parse),
            withdrawals: row.withdrawals,
            withdrawn_from: row.withdrawn_from.as_deref().map(state).transpose()?,
            is_ncsg_member: row.ncsg_status == "member",
            objections: Vec::new(),
            is_unanimous: false,
            has_member_domain: row.has_member_domain,
        };
        Ok(Self {
            reference: row.reference,
            secret: row.receipt_secret,
            // A later release may have stored a language that this one does not know.
            language: Language::of_code(&row.language).unwrap_or(Language::En),
            representative: address(&row.representative_email)?,
            alternate: row.alternate_email.as_deref().map(address).transpose()?,
            organization: row.organization_name,
            country: row.country,
            course,
            now: row.now,
        })
    }
}

/// Parses a state from the database. A change must not begin from a state that this release does not know.
fn state(name: &str) -> sqlx::Result<ReviewState> {
    ReviewState::parse(name).ok_or_else(|| sqlx::Error::Decode(format!("unknown state: {name}").into()))
}

/// What somebody wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Staff, for staff.
    Note,
    /// Staff, to the applicant.
    Question,
    /// The applicant, to a question.
    Answer,
    /// Staff, for a decision.
    Reason,
    /// The applicant, against a decision.
    Appeal,
    /// The applicant: new answers beside the old ones.
    Correction,
}

impl EntryKind {
    const ALL: [Self; 6] = [
        Self::Note,
        Self::Question,
        Self::Answer,
        Self::Reason,
        Self::Appeal,
        Self::Correction,
    ];

    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Reason => "reason",
            Self::Appeal => "appeal",
            Self::Correction => "correction",
        }
    }
}

/// Words about an application.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The time.
    pub written_at: OffsetDateTime,
    /// The kind.
    pub kind: EntryKind,
    /// The name of the staff member who wrote it; `None` if the applicant did.
    pub by: Option<String>,
    /// Whether the applicant reads it.
    pub is_shared: bool,
    /// The words.
    pub body: String,
}

/// Returns what was written about an application, oldest first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn entries(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<Entry>> {
    let rows = sqlx::query!(
        r#"SELECT written_at, kind, staff.name AS "by?", is_shared, body
        FROM entries LEFT JOIN staff ON staff.id = staff_id WHERE reference = upper($1) ORDER BY entries.id"#,
        reference.trim()
    )
    .fetch_all(executor)
    .await?;
    let entries = rows.into_iter().filter_map(|row| {
        let kind = EntryKind::ALL.into_iter().find(|kind| kind.name() == row.kind)?;
        Some(Entry {
            written_at: row.written_at,
            kind,
            by: row.by,
            is_shared: row.is_shared,
            body: row.body,
        })
    });
    Ok(entries.collect())
}

/// An event of the history of an application.
#[derive(Clone, Debug)]
pub struct Event {
    /// The time.
    pub happened_at: OffsetDateTime,
    /// The event, by its name in the database.
    pub name: String,
    /// Who caused it: `staff`, `applicant`, `site` or `shell`; `None` in rows from before the desk.
    pub actor: Option<String>,
    /// The name of the staff member who caused it.
    pub by: Option<String>,
}

/// Returns the history of an application, oldest event first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn events(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<Event>> {
    sqlx::query_as!(
        Event,
        r#"SELECT happened_at, event AS name, actor, staff.name AS "by?"
        FROM application_history LEFT JOIN staff ON staff.id = staff_id
        WHERE reference = upper($1) ORDER BY application_history.id"#,
        reference.trim()
    )
    .fetch_all(executor)
    .await
}
