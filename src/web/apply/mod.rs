//! The application form: form → check page → send → receipt. There is no cookie and no session. The pages carry the answers,
//! so nothing expires and no answer is lost.

mod check_page;
mod correction;
mod form;
mod posted_form;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use askama::Template as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::address;
use super::error::WebError;
use super::layout::{Layout, Page, private_page};
use super::origin::is_cross_site;
use super::site::Site;
use super::status;
use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::http::rate_limit::RateVerdict;
use crate::locale::Language;
use crate::membership::{self, Application, Field, Problem, SenderNetwork, SubmitPermit, with_suggestion};
use check_page::{CheckPage, CheckedForm, Notice};
pub use correction::{post as post_correction, show as show_correction};
use form::FormPage;
use posted_form::{Action, PostedForm};

/// How long an applicant waits for storing: time for one batch, and a little more. An application that waits behind a slow batch
/// may be stored later. Its applicant has the answers again by then, and sending them again leads to the receipt.
const STORING_LIMIT: Duration = Duration::from_millis(4500);

/// A visitor's request to the form.
#[derive(Clone, Copy)]
struct Visit<'a> {
    site: &'a Site,
    /// The language of the address, which becomes that of the application.
    language: Language,
}

impl<'a> Visit<'a> {
    fn layout(self) -> Layout<'a> {
        Layout::of(&Page::MEMBERSHIP, &self.site.info, self.language)
    }

    fn page(self, status: StatusCode, html: String) -> Response {
        private_page(status, self.language, html)
    }
}

/// Shows an empty form with a new key, which identifies what is sent from it.
pub async fn show_form(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, WebError> {
    let (language, _) = address::split(uri.path());
    let visit = Visit { site: &site, language };
    let page = FormPage::empty(visit.layout());
    Ok(visit.page(StatusCode::OK, page.render()?))
}

/// Takes a posted form, and does what its button says.
pub async fn post(State(site): State<Arc<Site>>, request: Request) -> Result<Response, WebError> {
    if !is_urlencoded(request.headers()) {
        return Err(WebError::UnsupportedMediaType);
    }
    if is_encoded(request.headers()) {
        return Err(WebError::Compressed);
    }
    let (head, body) = request.into_parts();
    let client = site.proxies.client(&head);
    let network = client.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let body = site.body_reader.read(body, network).await?;
    let form = PostedForm::parse(&body.octets);
    let (language, _) = address::split(head.uri.path());
    let visit = Visit { site: &site, language };
    let response = answer(visit, &head.headers, client, &form).await?;
    Ok(body.answer(response).await?)
}

async fn answer(
    visit: Visit<'_>,
    headers: &HeaderMap,
    client: Option<IpAddr>,
    form: &PostedForm,
) -> Result<Response, WebError> {
    if let Action::Edit(field) = form.action {
        return show_form_again(visit, form, field);
    }
    let application = match membership::check(&form.answers) {
        Ok(application) => application,
        Err(problems) => return show_problems(visit, form, &problems),
    };
    match form.action {
        Action::UseSuggestion(field) => take_suggestion(visit, application, form, field),
        Action::Send(Some(key)) => {
            let checked = CheckedForm::sent(&application, form.form_key, key);
            if is_cross_site(headers, &visit.site.info.public_url, checked.submission_key == key) {
                return ask_to_check(visit, &application, form);
            }
            submit(visit, client, &checked).await
        }
        Action::Check | Action::Edit(_) | Action::Send(None) => ask_to_check(visit, &application, form),
    }
}

/// Shows the form with its answers, at the question to change.
fn show_form_again(visit: Visit<'_>, form: &PostedForm, change: Option<Field>) -> Result<Response, WebError> {
    let page = FormPage::filled(visit.layout(), form, change);
    Ok(visit.page(StatusCode::OK, page.render()?))
}

/// Shows the form with its answers and their problems.
fn show_problems(visit: Visit<'_>, form: &PostedForm, problems: &[Problem]) -> Result<Response, WebError> {
    let page = FormPage::with_problems(visit.layout(), form, problems);
    Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, page.render()?))
}

fn ask_to_check(visit: Visit<'_>, application: &Application, form: &PostedForm) -> Result<Response, WebError> {
    show_check_page(visit, &CheckedForm::new(application, form.form_key), Notice::NotSentYet)
}

/// Shows the check page with the suggestion for this answer. Without a suggestion, nothing is changed.
fn take_suggestion(
    visit: Visit<'_>,
    application: Application,
    form: &PostedForm,
    field: Field,
) -> Result<Response, WebError> {
    let given = application.answers().one(field).map(str::to_owned);
    let application = with_suggestion(application, field);
    let is_same = application.answers().one(field) == given.as_deref();
    let notice = if is_same {
        Notice::NotSentYet
    } else {
        Notice::SuggestionTaken(field)
    };
    show_check_page(visit, &CheckedForm::new(&application, form.form_key), notice)
}

/// Shows the check page. Its key stores the application once, whatever happened before.
fn show_check_page(visit: Visit<'_>, checked: &CheckedForm, notice: Notice) -> Result<Response, WebError> {
    let html = CheckPage::new(visit.layout(), checked, notice).render()?;
    let mut response = visit.page(notice.status(), html);
    if notice.is_failure() {
        response.headers_mut().insert(header::RETRY_AFTER, 60.into());
    }
    Ok(response)
}

/// Stores an application within the rate limit. Beyond 64 at the same time, the answers are given back at once.
async fn submit(visit: Visit<'_>, client: Option<IpAddr>, checked: &CheckedForm<'_>) -> Result<Response, WebError> {
    let network = match count(visit.site, client) {
        RateVerdict::OverMinuteLimit => return rate_limited(visit, checked).await,
        RateVerdict::OverDailyLimit => SenderNetwork::AtDailyLimit,
        RateVerdict::WithinLimits => SenderNetwork::BelowDailyLimit,
    };
    match visit.site.submissions.permit() {
        Some(permit) => store(visit, checked, permit, network).await,
        None => show_check_page(visit, checked, Notice::Busy),
    }
}

/// Counts an application of this client. An unknown client has no rate limit.
fn count(site: &Site, client: Option<IpAddr>) -> RateVerdict {
    match (&site.rate_limits, client) {
        (Some(limits), Some(client)) => limits.count(client),
        _ => RateVerdict::WithinLimits,
    }
}

/// Shows the receipt if the application is stored already, otherwise the check page.
async fn rate_limited(visit: Visit<'_>, checked: &CheckedForm<'_>) -> Result<Response, WebError> {
    let found = membership::receipt_of_key(&visit.site.pool, checked.submission_key);
    match with_time_limit(found).await {
        Ok(Some(stored)) => Ok(status::redirect_to(stored.secret)),
        Ok(None) => show_check_page(visit, checked, Notice::TooMany),
        Err(error) => not_stored(visit, checked, &error),
    }
}

async fn store(
    visit: Visit<'_>,
    checked: &CheckedForm<'_>,
    permit: SubmitPermit,
    network: SenderNetwork,
) -> Result<Response, WebError> {
    let submissions = &visit.site.submissions;
    let submission = membership::Submission {
        application: checked.application.clone(),
        language: visit.language,
        key: checked.submission_key,
        filled_in: checked.filled_in,
        received_at: submissions.now(),
        network,
    };
    match with_time_limit(submissions.submit(permit, submission)).await {
        Ok(stored) => Ok(status::redirect_to(stored.secret)),
        Err(error) => not_stored(visit, checked, &error),
    }
}

async fn with_time_limit<T, E: Into<anyhow::Error>>(work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T> {
    tokio::time::timeout(STORING_LIMIT, work).await?.map_err(Into::into)
}

/// Gives the answers back. Perhaps they are stored: the key makes sending them again safe.
fn not_stored(visit: Visit<'_>, checked: &CheckedForm, error: &anyhow::Error) -> Result<Response, WebError> {
    tracing::error!(
        error = format!("{error:#}"),
        "application not stored, answers given back"
    );
    show_check_page(visit, checked, Notice::NotStored)
}
