//! What waits for a member of the staff, and the lists of applications.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use sqlx::PgConnection;

use super::layout::{Desk, desk_page};
use super::session::Member;
use crate::membership::Search;
use crate::membership::review::{self, Counts, Cursor, ListedApplication, Listing, ReviewState, Selection, Stuck, Tab};
use crate::membership::words::{day, state_words};
use crate::staff::{Role, StaffMember};
use crate::values::{Country, Region};
use crate::web::error::WebError;
use crate::web::site::Site;

/// The most applications in one part of the first page. The list has all.
const WAITING_SHOWN: usize = 10;

/// The filters of the list, as its address has them. An empty one selects everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filters {
    state: String,
    region: String,
    country: String,
    q: String,
    assigned: String,
    before: String,
}

/// A part of the first page.
struct Part {
    heading: &'static str,
    /// The address of the whole list, if there is more.
    more: Option<String>,
    applications: Vec<ListedApplication>,
}

#[derive(Template)]
#[template(path = "desk/home.html")]
struct HomePage<'a> {
    desk: Desk<'a>,
    tabs: Tabs,
    parts: Vec<Part>,
    /// The references of applications with a conflict of interest.
    hidden: Vec<String>,
    /// Applications that nobody can decide.
    stuck: Option<Stuck>,
}

#[derive(Template)]
#[template(path = "desk/list.html")]
struct ListPage<'a> {
    desk: Desk<'a>,
    tabs: Tabs,
    filters: &'a Filters,
    listing: &'a Listing,
    countries: Vec<Country>,
}

/// The tabs above every list.
struct Tabs {
    counts: Counts,
    current: Current,
}

/// The tab that is shown.
#[derive(PartialEq)]
enum Current {
    Home,
    One(Tab),
    All,
}

impl Tabs {
    fn is_current(&self, tab: Tab) -> bool {
        self.current == Current::One(tab)
    }

    /// Returns the tabs that are not empty, and the current one.
    fn shown(&self) -> impl Iterator<Item = Tab> {
        let is_shown = |tab: &Tab| self.counts.has_any(*tab) || self.is_current(*tab);
        Tab::ALL.into_iter().filter(is_shown)
    }
}

impl ListPage<'_> {
    fn may_export(&self) -> bool {
        self.desk.member.is_some_and(|member| member.role >= Role::Decider)
    }

    fn heading(&self) -> &'static str {
        Tab::parse(&self.filters.state).map_or("All applications", Tab::label)
    }

    /// Returns the address of the next page.
    fn next(&self) -> Option<String> {
        let next = self.listing.next?.name();
        let Filters {
            state,
            region,
            country,
            q,
            assigned,
            ..
        } = self.filters;
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("state", state.as_str()),
                ("region", region),
                ("country", country),
                ("q", q),
                ("assigned", assigned),
                ("before", next.as_str()),
            ])
            .finish();
        Some(format!("/desk/applications?{query}"))
    }
}

impl Tab {
    /// Returns its name on the page.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Waiting => "New",
            Self::InReview => "In review",
            Self::Asked => "Waiting for the applicant",
            Self::Ready => "Ready to decide",
            Self::Appealed => "Appeals",
            Self::Decided => "Closed",
            Self::Suspected => "Suspected spam",
            Self::Earlier => "From before the desk",
        }
    }
}

impl ListedApplication {
    /// Returns the words for the state, with the day that matters in it.
    pub(super) fn standing(&self) -> String {
        let words = state_words(self.state);
        let until = match self.state {
            ReviewState::InReview => self.review_until,
            ReviewState::Asked => self.answer_until,
            _ => None,
        };
        until.map_or_else(|| words.to_owned(), |until| format!("{words} until {}", day(until)))
    }

    pub(super) fn country_name(&self) -> &'static str {
        Country::parse(&self.country).map(Country::name).unwrap_or_default()
    }

    pub(super) fn received(&self) -> String {
        day(self.received_at.to_offset(time::UtcOffset::UTC).date())
    }
}

/// Shows what waits for the member.
pub async fn home(State(site): State<Arc<Site>>, member: Member) -> Result<Response, WebError> {
    let mut session = site.pool.transaction().await?;
    let hidden = hidden_from(&mut session, &member.staff).await?;
    let counts = review::counts(&mut session, &hidden).await?;
    let mut parts = Vec::new();
    for (heading, selection) in review::waiting_for(&member.staff, &hidden) {
        let listing = review::listing(&mut session, &selection).await?;
        parts.extend(Part::of(heading, &selection, listing));
    }
    let stuck = Stuck::of(&review::stuck(&mut session).await?, &hidden);
    let current = Current::Home;
    let tabs = Tabs { counts, current };
    let desk = Desk::new(&member);
    desk_page(&HomePage {
        desk,
        tabs,
        parts,
        hidden,
        stuck,
    })
}

impl Part {
    /// Returns a part with its first lines; `None` if it has none.
    fn of(heading: &'static str, selection: &Selection, listing: Listing) -> Option<Self> {
        let mut applications = listing.applications;
        let has_more = applications.len() > WAITING_SHOWN;
        applications.truncate(WAITING_SHOWN);
        let all = selection.tab.map_or_else(
            || "/desk/applications?assigned=me".to_owned(),
            |tab| format!("/desk/applications?state={}", tab.name()),
        );
        let more = has_more.then_some(all);
        (!applications.is_empty()).then_some(Self {
            heading,
            more,
            applications,
        })
    }
}

/// Shows a list of applications.
pub async fn applications(
    State(site): State<Arc<Site>>,
    member: Member,
    Query(filters): Query<Filters>,
) -> Result<Response, WebError> {
    let mut session = site.pool.transaction().await?;
    let hidden = hidden_from(&mut session, &member.staff).await?;
    let counts = review::counts(&mut session, &hidden).await?;
    let selection = filters.selection(&member.staff, hidden);
    let listing = review::listing(&mut session, &selection).await?;
    let mut countries: Vec<Country> = Country::all().collect();
    countries.sort_by_key(|country| country.name());
    let current = match Tab::parse(&filters.state) {
        Some(tab) => Current::One(tab),
        None => Current::All,
    };
    let page = ListPage {
        desk: Desk::new(&member),
        tabs: Tabs { counts, current },
        filters: &filters,
        listing: &listing,
        countries,
    };
    desk_page(&page)
}

impl Filters {
    fn selection(&self, member: &StaffMember, hidden: Vec<String>) -> Selection {
        let region = Region::parse(&self.region);
        let country = Country::parse(&self.country).ok();
        let is_chosen = |one: &Country| {
            region.is_none_or(|region| one.region() == region) && country.is_none_or(|country| *one == country)
        };
        let is_any = region.is_none() && country.is_none();
        Selection {
            tab: Tab::parse(&self.state),
            countries: (!is_any).then(|| Country::all().filter(is_chosen).collect()),
            assigned_to: (self.assigned == "me").then_some(member.id),
            search: Some(self.q.trim()).filter(|q| !q.is_empty()).map(Search::of),
            before: Cursor::parse(&self.before),
            hidden,
            ..Selection::default()
        }
    }
}

/// Returns the references of the applications that are hidden from the member, sorted.
pub(super) async fn hidden_from(connection: &mut PgConnection, member: &StaffMember) -> Result<Vec<String>, WebError> {
    let hidden = review::hidden_from(connection, member).await?;
    let mut hidden: Vec<String> = hidden.into_iter().collect();
    hidden.sort();
    Ok(hidden)
}
