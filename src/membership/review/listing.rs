//! Lists of applications for staff, newest first, and how many wait in each.

use futures_util::TryStreamExt as _;
use sqlx::{PgConnection, PgExecutor};
use time::{Date, OffsetDateTime};

use super::counts::{Tab, desk_started_at};
use super::states::ReviewState;
use crate::membership::{self, Earlier, Filter, Search, prepare_search};
use crate::values::Country;

/// The applications on one page of a list.
const PAGE: usize = 50;

/// The candidates of a search that are checked at a time.
const CANDIDATES: usize = 200;

/// The most ids that a search preselects before it reads applications by date instead.
const FEW: i64 = 2000;

/// The newest applications that a search reads first: a common word fills the page from them, and an index would have to
/// read all its matches.
const NEWEST: i64 = 2000;

/// How often a search looks for more candidates before it shows what it has.
const ROUNDS: usize = 5;

/// The most applications of the same domain that are named.
const MOST_OF_DOMAIN: i64 = 20;

/// A place in a list, after which the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    received_at: OffsetDateTime,
    id: i64,
}

impl Cursor {
    /// Returns the text for an address.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}", self.received_at.unix_timestamp_nanos() / 1000, self.id)
    }

    /// Parses such a text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (micros, id) = name.split_once('-')?;
        let nanos = micros.parse::<i64>().ok().map(|micros| i128::from(micros) * 1000)?;
        Some(Self {
            received_at: OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?,
            id: id.parse().ok()?,
        })
    }
}

/// Which applications are listed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those of one tab; `None` for all.
    pub tab: Option<Tab>,
    /// Those of these countries.
    pub countries: Option<Vec<Country>>,
    /// Those that a staff member takes care of.
    pub assigned_to: Option<i64>,
    /// Only open ones.
    pub is_open: bool,
    /// Those that this staff member did not decide.
    pub not_decided_by: Option<i64>,
    /// Not these, of which the member may see only state and dates.
    pub hidden: Vec<String>,
    /// Those that a search finds.
    pub search: Option<Search>,
    /// Those after this place.
    pub before: Option<Cursor>,
}

impl Selection {
    fn country_codes(&self) -> Option<Vec<String>> {
        let codes = |countries: &Vec<Country>| countries.iter().map(|country| country.code().to_owned()).collect();
        self.countries.as_ref().map(codes)
    }
}

/// A line of a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns, which the migrations explain")]
pub struct ListedApplication {
    pub reference: String,
    pub organization_name: String,
    pub organization_name_latin: Option<String>,
    pub country: String,
    pub received_at: OffsetDateTime,
    pub state: ReviewState,
    pub review_until: Option<Date>,
    pub answer_until: Option<Date>,
    pub assigned_to: Option<String>,
    pub is_suspected: bool,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Its lines.
    pub applications: Vec<ListedApplication>,
    /// Where the next page begins, if there may be more.
    pub next: Option<Cursor>,
}

/// Lists applications, newest first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn listing(connection: &mut PgConnection, selection: &Selection) -> sqlx::Result<Listing> {
    prepare_search(&mut *connection).await?;
    let started_at = desk_started_at(connection).await?;
    if let Some(listing) = among_newest(connection, selection, started_at).await? {
        return Ok(listing);
    }
    let few = few(connection, selection).await?;
    let (mut found, mut next) = (Vec::new(), selection.before);
    let size = if selection.search.is_some() {
        CANDIDATES
    } else {
        PAGE + 1
    };
    for _ in 0..ROUNDS {
        let batch = Batch {
            before: next,
            most: size,
            since: None,
            few: few.as_deref(),
            started_at,
        };
        let candidates = candidates(connection, selection, &batch).await?;
        let is_last = candidates.len() < size;
        next = candidates.last().map(|(cursor, _)| *cursor).or(next);
        found.extend(matching(connection, selection, candidates).await?);
        if found.len() > PAGE || is_last {
            next = next.filter(|_| !is_last);
            break;
        }
    }
    page(connection, found, next).await
}

/// Returns the lines of a page, and where the next one begins.
async fn page(
    connection: &mut PgConnection,
    mut found: Vec<(Cursor, String)>,
    mut next: Option<Cursor>,
) -> sqlx::Result<Listing> {
    if found.len() > PAGE {
        found.truncate(PAGE);
        next = found.last().map(|(cursor, _)| *cursor);
    }
    let references: Vec<String> = found.into_iter().map(|(_, reference)| reference).collect();
    let applications = lines(connection, &references).await?;
    Ok(Listing { applications, next })
}

/// Returns a whole page of a search from the newest applications; `None` if they do not fill one.
async fn among_newest(
    connection: &mut PgConnection,
    selection: &Selection,
    started_at: Option<OffsetDateTime>,
) -> sqlx::Result<Option<Listing>> {
    if selection.search.is_none() {
        return Ok(None);
    }
    let Some(since) = start_of_newest(connection, selection.before).await? else {
        return Ok(None);
    };
    let batch = Batch {
        before: selection.before,
        most: CANDIDATES,
        since: Some(since),
        few: None,
        started_at,
    };
    let candidates = candidates(connection, selection, &batch).await?;
    let found = matching(connection, selection, candidates).await?;
    if found.len() <= PAGE {
        return Ok(None);
    }
    page(connection, found, None).await.map(Some)
}

/// Returns since when the newest applications arrived; `None` if there are no others.
async fn start_of_newest(
    connection: &mut PgConnection,
    before: Option<Cursor>,
) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!(
        "SELECT received_at FROM applications WHERE $1::timestamptz IS NULL OR (received_at, id) < ($1, $2)
        ORDER BY received_at DESC, id DESC OFFSET $3 LIMIT 1",
        before.map(|cursor| cursor.received_at),
        before.map(|cursor| cursor.id),
        NEWEST
    )
    .fetch_optional(connection)
    .await
}

/// Returns the ids that a search preselects, if they are few; otherwise the newest matches are found soon by date.
async fn few(connection: &mut PgConnection, selection: &Selection) -> sqlx::Result<Option<Vec<i64>>> {
    let Some(search) = &selection.search else {
        return Ok(None);
    };
    let preselection = search.preselection();
    let ids = sqlx::query_scalar!(
        "SELECT id FROM applications WHERE search_grams IS NULL OR search_grams @> $1::integer[]
            OR search_grams @> $2::integer[] OR domain_name_ascii = $3 OR reference = $4 LIMIT $5",
        preselection.words.as_deref(),
        preselection.also.as_deref(),
        preselection.domain_name,
        preselection.reference,
        FEW + 1
    )
    .fetch_all(connection)
    .await?;
    Ok(Some(ids).filter(|ids| i64::try_from(ids.len()).is_ok_and(|count| count <= FEW)))
}

/// Which candidates are read next.
struct Batch<'a> {
    /// Those after this place.
    before: Option<Cursor>,
    most: usize,
    /// Only those that arrived since then.
    since: Option<OffsetDateTime>,
    /// Only those that the search preselects.
    few: Option<&'a [i64]>,
    /// When the desk began.
    started_at: Option<OffsetDateTime>,
}

/// Returns the next applications that may match, newest first.
async fn candidates(
    connection: &mut PgConnection,
    selection: &Selection,
    batch: &Batch<'_>,
) -> sqlx::Result<Vec<(Cursor, String)>> {
    let countries = selection.country_codes();
    let preselection = selection.search.as_ref().map(Search::preselection).unwrap_or_default();
    let rows = sqlx::query_as!(
        Record,
        r#"SELECT id, received_at, reference FROM applications,
            -- The newest are read by date, not by the index of words.
            LATERAL (SELECT CASE WHEN $17::timestamptz IS NULL THEN search_grams
                ELSE search_grams || ARRAY[]::integer[] END AS own) AS grams
        WHERE CASE $1
                WHEN 'waiting' THEN state = 'received' AND NOT is_suspected AND received_at >= $15
                WHEN 'earlier' THEN state = 'received' AND NOT is_suspected AND received_at < $15
                WHEN 'suspected' THEN state = 'received' AND is_suspected
                WHEN 'in-review' THEN state = 'in-review' AND review_until >= (now() AT TIME ZONE 'UTC' - interval '12 hours')::date
                WHEN 'ready' THEN state = 'in-review' AND review_until < (now() AT TIME ZONE 'UTC' - interval '12 hours')::date
                WHEN 'asked' THEN state = 'asked'
                WHEN 'appealed' THEN state = 'appealed'
                WHEN 'decided' THEN state IN ('accepted', 'not-accepted', 'withdrawn', 'lapsed', 'dismissed')
                ELSE true END
            AND ($2::text[] IS NULL OR country = ANY ($2)) AND ($3::bigint IS NULL OR assigned_to = $3)
            AND (NOT $12::boolean OR state IN ('received', 'in-review', 'asked', 'appealed'))
            AND ($13::bigint IS NULL OR decided_by IS DISTINCT FROM $13) AND reference <> ALL ($14)
            AND ($4::timestamptz IS NULL OR (received_at, id) < ($4, $5))
            AND (NOT $6::boolean OR search_grams IS NULL OR grams.own @> $7::integer[] OR grams.own @> $8::integer[]
                OR domain_name_ascii = $9 OR reference = $10)
            AND ($16::bigint[] IS NULL OR id = ANY ($16)) AND ($17::timestamptz IS NULL OR received_at >= $17)
        ORDER BY received_at DESC, id DESC LIMIT $11"#,
        selection.tab.map(Tab::name),
        countries.as_deref(),
        selection.assigned_to,
        batch.before.map(|cursor| cursor.received_at),
        batch.before.map(|cursor| cursor.id),
        selection.search.is_some(),
        preselection.words.as_deref(),
        preselection.also.as_deref(),
        preselection.domain_name,
        preselection.reference,
        i64::try_from(batch.most).unwrap_or(i64::MAX),
        selection.is_open,
        selection.not_decided_by,
        &selection.hidden,
        batch.started_at,
        batch.few,
        batch.since
    )
    .fetch_all(connection)
    .await?;
    let candidates = rows.into_iter().map(|row| (row.cursor(), row.reference));
    Ok(candidates.collect())
}

struct Record {
    id: i64,
    received_at: OffsetDateTime,
    reference: String,
}

impl Record {
    fn cursor(&self) -> Cursor {
        Cursor {
            received_at: self.received_at,
            id: self.id,
        }
    }
}

/// Returns the candidates that the search matches, in the same order.
async fn matching(
    connection: &mut PgConnection,
    selection: &Selection,
    candidates: Vec<(Cursor, String)>,
) -> sqlx::Result<Vec<(Cursor, String)>> {
    let Some(search) = selection.search.clone() else {
        return Ok(candidates);
    };
    let references = candidates.iter().map(|(_, reference)| reference.clone()).collect();
    let filter = Filter {
        search: Some(search),
        ..Filter::of_references(references)
    };
    let stream = membership::list(&mut *connection, filter);
    let matching: Vec<String> = stream.map_ok(|record| record.reference).try_collect().await?;
    let is_matching = |(_, reference): &(Cursor, String)| matching.contains(reference);
    Ok(candidates.into_iter().filter(is_matching).collect())
}

/// Returns the lines of these applications, newest first.
async fn lines(connection: &mut PgConnection, references: &[String]) -> sqlx::Result<Vec<ListedApplication>> {
    let rows = sqlx::query!(
        r#"SELECT reference, organization_name, organization_name_latin, country, received_at, state, review_until,
            answer_until, staff.name AS "assigned_to?", is_suspected
        FROM applications LEFT JOIN staff ON staff.id = assigned_to
        WHERE reference = ANY ($1) ORDER BY received_at DESC, applications.id DESC"#,
        references
    )
    .fetch_all(connection)
    .await?;
    let lines = rows.into_iter().map(|row| ListedApplication {
        reference: row.reference,
        organization_name: row.organization_name,
        organization_name_latin: row.organization_name_latin,
        country: row.country,
        received_at: row.received_at,
        state: ReviewState::parse(&row.state).unwrap_or(ReviewState::Received),
        review_until: row.review_until,
        answer_until: row.answer_until,
        assigned_to: row.assigned_to,
        is_suspected: row.is_suspected,
    });
    Ok(lines.collect())
}

/// Returns the other applications of the same domain, newest first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn same_domain(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<Earlier>> {
    sqlx::query_as!(
        Earlier,
        "SELECT other.reference, other.received_at FROM applications
            JOIN applications AS other USING (domain_name_ascii)
        WHERE applications.reference = upper($1) AND other.reference <> applications.reference
        ORDER BY other.received_at DESC LIMIT $2",
        reference.trim(),
        MOST_OF_DOMAIN
    )
    .fetch_all(executor)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_list_survives_its_address() {
        let cursor = Cursor {
            received_at: OffsetDateTime::from_unix_timestamp_nanos(1_795_788_000_123_456_000).unwrap(),
            id: 42,
        };
        assert_eq!(Cursor::parse(&cursor.name()), Some(cursor));
        for damaged in ["", "1", "a-1", "1-b", "99999999999999999999-1", "9223372036854775807-1"] {
            assert_eq!(Cursor::parse(damaged), None, "{damaged}");
        }
    }
}
