//! The tabs of the desk, and how many applications each has.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::membership::prepare_search;

/// The greatest number that a count says. More are shown as "1,000+".
const MOST_COUNTED: i64 = 1000;

/// A tab of the desk. An application that is suspected to be spam is only in the tab for these, until it is reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// They wait for somebody to begin the review.
    Waiting,
    /// They are being reviewed.
    InReview,
    /// The applicant has to answer.
    Asked,
    /// The time for the review is over, so they can be decided.
    Ready,
    /// An appeal has to be decided.
    Appealed,
    /// They are closed.
    Decided,
    /// They are suspected to be spam.
    Suspected,
    /// They arrived before there was a desk, and wait for nobody.
    Earlier,
}

impl Tab {
    /// All tabs, in their order on the page.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::InReview,
        Self::Asked,
        Self::Ready,
        Self::Appealed,
        Self::Decided,
        Self::Suspected,
        Self::Earlier,
    ];

    /// Returns the name in addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InReview => "in-review",
            Self::Asked => "asked",
            Self::Ready => "ready",
            Self::Appealed => "appealed",
            Self::Decided => "decided",
            Self::Suspected => "suspected",
            Self::Earlier => "earlier",
        }
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.name() == name)
    }
}

/// How many applications each counted tab has.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<(Tab, i64)>);

impl Counts {
    /// Returns the number in words, such as "12" or "1,000+"; `None` for a tab that is not counted.
    #[must_use]
    pub fn of(&self, tab: Tab) -> Option<String> {
        let (_, count) = self.0.iter().find(|(counted, _)| *counted == tab)?;
        Some(if *count > MOST_COUNTED {
            "1,000+".to_owned()
        } else {
            count.to_string()
        })
    }

    /// Returns whether a tab has applications, or is not counted.
    #[must_use]
    pub fn has_any(&self, tab: Tab) -> bool {
        self.0.iter().all(|(counted, count)| *counted != tab || *count > 0)
    }
}

/// Counts the applications of each tab that are not hidden, up to a limit.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn counts(connection: &mut PgConnection, hidden: &[String]) -> sqlx::Result<Counts> {
    prepare_search(&mut *connection).await?;
    let started_at = desk_started_at(connection).await?;
    // The order makes the planner read an index.
    let row = sqlx::query!(
        r#"SELECT
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'received' AND NOT is_suspected AND received_at >= $3
                AND reference <> ALL ($2) ORDER BY received_at DESC LIMIT $1) AS counted) AS "waiting!",
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'received' AND NOT is_suspected AND received_at < $3
                AND reference <> ALL ($2) ORDER BY received_at DESC LIMIT $1) AS counted) AS "earlier!",
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'received' AND is_suspected
                AND reference <> ALL ($2) ORDER BY received_at DESC LIMIT $1) AS counted) AS "suspected!",
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'in-review'
                AND review_until >= (now() AT TIME ZONE 'UTC' - interval '12 hours')::date
                AND reference <> ALL ($2) ORDER BY review_until LIMIT $1) AS counted) AS "in_review!",
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'in-review'
                AND review_until < (now() AT TIME ZONE 'UTC' - interval '12 hours')::date
                AND reference <> ALL ($2) ORDER BY review_until LIMIT $1) AS counted) AS "ready!",
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'asked'
                AND reference <> ALL ($2) ORDER BY is_suspected, received_at LIMIT $1) AS counted) AS "asked!",
            (SELECT count(*) FROM (SELECT FROM applications WHERE state = 'appealed'
                AND reference <> ALL ($2) ORDER BY is_suspected, received_at LIMIT $1) AS counted) AS "appealed!""#,
        MOST_COUNTED + 1,
        hidden,
        started_at
    )
    .fetch_one(connection)
    .await?;
    Ok(Counts(vec![
        (Tab::Waiting, row.waiting),
        (Tab::InReview, row.in_review),
        (Tab::Asked, row.asked),
        (Tab::Ready, row.ready),
        (Tab::Appealed, row.appealed),
        (Tab::Suspected, row.suspected),
        (Tab::Earlier, row.earlier),
    ]))
}

/// Returns when the first account was added.
pub(super) async fn desk_started_at(connection: &mut PgConnection) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!("SELECT min(added_at) FROM staff")
        .fetch_one(connection)
        .await
}
