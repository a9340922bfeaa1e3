//! The journey of an application: form → check page → send → receipt. Each handler takes, checks,
//! does, answers. No cookie and no session: what was typed travels with the pages, so nothing
//! expires and nothing is lost.

mod form;
mod origin;
mod posted;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use uuid::Uuid;

use super::client::Verdict;
use super::coding::is_coded;
use super::failure::Failure;
use super::layout::Layout;
use super::{Page, Site};
use crate::membership::words::DoubtQuestion;
use crate::membership::{
    self, Answers, Application, Doubt, Field, Place, Problem, Receipt, Slip, in_utc, submission_key, without_slip,
    words,
};
use crate::outbox::{self, Confirmation};
pub use form::FormPage;
use origin::is_of_another_site;
use posted::{Posted, Step};

/// How long an application may take to be stored before its answers are given back: as long as those before it and
/// it itself may take, and a little.
const STORING_LIMIT: Duration = Duration::from_secs(9);

/// What is above the answers on the check page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// Nothing has happened yet.
    NotSentYet,
    /// The network has sent as many as it may for now.
    TooMany,
    /// Too many others are being stored.
    Busy,
    /// The database did not say that it stored them.
    NotStored,
}

#[derive(Template)]
#[template(path = "membership/check.html")]
struct CheckPage<'a> {
    layout: Layout<'a>,
    answers: &'a Answers,
    slips: Vec<Slip>,
    questions: Vec<DoubtQuestion>,
    eligibility_notes: Vec<String>,
    form_key: Uuid,
    submission_key: Uuid,
    notice: Notice,
}

#[derive(Template)]
#[template(path = "membership/received.html")]
struct ReceiptPage<'a> {
    layout: Layout<'a>,
    receipt: &'a Receipt,
    confirmation: Confirmation,
}

impl ReceiptPage<'_> {
    fn received_at(&self) -> String {
        in_utc(self.receipt.received_at)
    }
}

/// What is sent with a submission key.
struct Submission<'a> {
    application: &'a Application,
    form_key: Uuid,
    key: Uuid,
    /// How long after its form was opened it was sent, where that is known.
    filled_in: Option<Duration>,
}

/// The form, empty. Each has a key of its own, so that what is sent from it can be told apart from
/// what is sent from another.
pub async fn show(State(site): State<Arc<Site>>) -> Result<Response, Failure> {
    let page = FormPage::empty(Layout::of(Page::Membership, &site.frame));
    Ok(private(StatusCode::OK, page.render()?))
}

/// Takes the form, at whichever step it is.
pub async fn post(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Failure> {
    if !posted::is_urlencoded(request.headers()) {
        return Err(Failure::UnsupportedMediaType);
    }
    if is_coded(request.headers()) {
        return Err(Failure::Compressed);
    }
    let (head, body) = request.into_parts();
    let client = site.limit.proxies().client(&head);
    let posting = site
        .bodies
        .read(body, client.unwrap_or(Ipv4Addr::LOCALHOST.into()))
        .await?;
    let answer = answer(&site, &head.headers, client, &Posted::read(&posting.octets)).await?;
    posting.answered(answer).await
}

async fn answer(
    site: &Site,
    headers: &HeaderMap,
    client: Option<IpAddr>,
    posted: &Posted,
) -> Result<Response, Failure> {
    let form_key = posted.form_key;
    match (posted.step, membership::check(&posted.answers)) {
        (Step::Edit(field), _) => edit(site, posted, field),
        (_, Err(problems)) => refuse(site, posted, &problems),
        (Step::TakeLikelier(field), Ok(application)) => ask_to_check(site, &without_slip(application, field), form_key),
        (Step::Check | Step::Send(None), Ok(application)) => ask_to_check(site, &application, form_key),
        (Step::Send(Some(key)), Ok(application)) => {
            let submission = Submission::sent(&application, form_key, key);
            if is_of_another_site(headers, &site.frame.public_url, submission.key == key) {
                return ask_to_check(site, &application, form_key);
            }
            take(site, client, &submission).await
        }
    }
}

async fn take(site: &Site, client: Option<IpAddr>, submission: &Submission<'_>) -> Result<Response, Failure> {
    let verdict = site.limit.judge(client);
    if verdict == Verdict::TooMany {
        return put_off(site, submission).await;
    }
    // Early: what would only wait has its answers back at once, and what is taken stays fast.
    let Some(place) = site.intake.place() else {
        return give_back(site, submission, Notice::Busy, StatusCode::SERVICE_UNAVAILABLE);
    };
    send(site, submission, place, verdict == Verdict::Unconfirmed).await
}

fn edit(site: &Site, posted: &Posted, change: Option<Field>) -> Result<Response, Failure> {
    let page = FormPage::filled(Layout::of(Page::Membership, &site.frame), posted, change);
    Ok(private(StatusCode::OK, page.render()?))
}

fn refuse(site: &Site, posted: &Posted, problems: &[Problem]) -> Result<Response, Failure> {
    let page = FormPage::refused(Layout::of(Page::Membership, &site.frame), posted, problems);
    Ok(private(StatusCode::UNPROCESSABLE_ENTITY, page.render()?))
}

fn ask_to_check(site: &Site, application: &Application, form_key: Uuid) -> Result<Response, Failure> {
    let submission = Submission::of(application, form_key);
    give_back(site, &submission, Notice::NotSentYet, StatusCode::OK)
}

impl<'a> Submission<'a> {
    /// The same form with the same answers has the same key, however often its check page is asked for: reload, back
    /// button and double click all lead to one application. Changed answers make another application, which staff see.
    fn of(application: &'a Application, form_key: Uuid) -> Self {
        Self {
            application,
            form_key,
            key: submission_key(form_key, application.answers()),
            filled_in: age(form_key),
        }
    }

    /// A key belongs to its answers. One that no check page made counts as the key of a form, so that it never leads to
    /// the receipt of other answers.
    fn sent(application: &'a Application, form_key: Uuid, key: Uuid) -> Self {
        let of_check_page = Self::of(application, form_key);
        if of_check_page.key == key {
            return of_check_page;
        }
        Self {
            filled_in: of_check_page.filled_in,
            ..Self::of(application, key)
        }
    }
}

/// The check page, with a key that stores once whatever happened before.
fn give_back(site: &Site, submission: &Submission, notice: Notice, status: StatusCode) -> Result<Response, Failure> {
    let doubts = Doubt::all(submission.application);
    let slip = |doubt: &Doubt| match doubt {
        Doubt::Slip(slip) => Some(slip.clone()),
        _ => None,
    };
    let page = CheckPage {
        layout: Layout::of(Page::Membership, &site.frame),
        answers: submission.application.answers(),
        slips: doubts.iter().filter_map(slip).collect(),
        questions: doubts.iter().filter_map(words::question).collect(),
        eligibility_notes: doubts.iter().filter_map(words::eligibility_note).collect(),
        form_key: submission.form_key,
        submission_key: submission.key,
        notice,
    };
    let mut response = private(status, page.render()?);
    if notice != Notice::NotSentYet {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    Ok(response)
}

/// Over the limit. What the key has stored before is stored all the same.
async fn put_off(site: &Site, submission: &Submission<'_>) -> Result<Response, Failure> {
    match soon(membership::receipt_of_key(&site.pool, submission.key)).await {
        Ok(Some(receipt)) => Ok(see_receipt(&receipt)),
        Ok(None) => give_back(site, submission, Notice::TooMany, StatusCode::TOO_MANY_REQUESTS),
        Err(error) => not_stored(site, submission, &error),
    }
}

async fn send(
    site: &Site,
    submission: &Submission<'_>,
    place: Place,
    is_network_full: bool,
) -> Result<Response, Failure> {
    let sent = membership::Submission {
        application: submission.application.clone(),
        key: submission.key,
        filled_in: submission.filled_in,
        received_at: site.intake.now(),
        is_network_full,
    };
    match soon(site.intake.submit(place, sent)).await {
        Ok(receipt) => Ok(see_receipt(&receipt)),
        Err(error) => not_stored(site, submission, &error),
    }
}

/// How long ago a form was opened: its key is of the time (RFC 9562, 5.7). Old forms are welcome.
fn age(form_key: Uuid) -> Option<Duration> {
    let (seconds, nanoseconds) = form_key.get_timestamp()?.to_unix();
    let opened_at = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    SystemTime::now().duration_since(opened_at).ok()
}

/// What the database answers within [`STORING_LIMIT`].
async fn soon<T, E: Into<anyhow::Error>>(asking: impl Future<Output = Result<T, E>>) -> anyhow::Result<T> {
    tokio::time::timeout(STORING_LIMIT, asking).await?.map_err(Into::into)
}

/// Nothing is known to be stored: the answers go back, with the key that makes sending them safe.
fn not_stored(site: &Site, submission: &Submission, error: &anyhow::Error) -> Result<Response, Failure> {
    tracing::error!(
        error = format!("{error:#}"),
        "an application was not stored; its answers were given back"
    );
    give_back(site, submission, Notice::NotStored, StatusCode::SERVICE_UNAVAILABLE)
}

fn see_receipt(receipt: &Receipt) -> Response {
    let location = format!("/membership/received/{}", receipt.secret);
    (
        StatusCode::SEE_OTHER,
        [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".into())],
    )
        .into_response()
}

/// The receipt at an address, and what became of the mail that confirms it.
async fn found_receipt(site: &Site, secret: Uuid) -> sqlx::Result<Option<(Receipt, Confirmation)>> {
    let mut session = site.pool.session().await?;
    let Some(receipt) = membership::receipt(&mut *session, secret).await? else {
        return Ok(None);
    };
    let confirmation = outbox::confirmation(&mut *session, &receipt.reference).await?;
    Ok(Some((receipt, confirmation)))
}

/// The receipt: a reference and what happens next; nothing personal, nothing for search engines,
/// and no word of its address to any other site.
pub async fn receipt(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Result<Response, Failure> {
    let secret = Uuid::try_parse(&secret).map_err(|_| Failure::NotFound)?;
    let found = soon(found_receipt(&site, secret)).await.map_err(Failure::Unavailable)?;
    let (receipt, confirmation) = found.ok_or(Failure::NotFound)?;
    let page = ReceiptPage {
        layout: Layout::apart(&site.frame),
        receipt: &receipt,
        confirmation,
    };
    let mut response = private(StatusCode::OK, page.render()?);
    let headers = response.headers_mut();
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Answers of one person, in no cache but their own browser's memory of the page.
fn private(status: StatusCode, html: String) -> Response {
    (status, [(header::CACHE_CONTROL, "private, no-cache")], Html(html)).into_response()
}
